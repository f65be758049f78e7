import ColonyCaches
import ColonyCore
import HTTPTypes
import NIOCore

/// What the cache routes do, apart from HTTP: bodies and conditions in, answers out.
final class CacheService: Sendable {
    /// How long an entry may be asked to stay: from a millisecond to ten years.
    static let timeToLive: ClosedRange<Int64> = 1...315_360_000_000
    /// The longest media type, in bytes.
    static let contentTypeBytes = 255
    /// How many bytes of values one bulk answer has before it leaves the rest for the next request.
    static let bulkAnswerBytes = 4 << 20

    /// Who writes, so that it need not be told of its own writes.
    static let writerField = HTTPField.Name("Colony-Writer")!
    /// How long the entry still stays, in milliseconds.
    static let timeToLiveField = HTTPField.Name("Colony-TTL-Ms")!

    let cache: SharedCache
    let limits: DaemonConfiguration.Limits

    init(cache: SharedCache, limits: DaemonConfiguration.Limits) {
        self.cache = cache
        self.limits = limits
    }

    // MARK: One entry

    func read(
        _ key: CacheKey, query: Substring.UTF8View, fields: HTTPFields, isHead: Bool
    ) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let conditions = try Preconditions(fields)
        // Asking whether there is something is no use of it.
        guard let body = isHead ? self.cache.peek(key) : self.cache.get(key) else { throw .nothingCached(key) }
        guard conditions.matchHolds(body.tag) else { throw .mismatch(key, present: body.tag) }
        let isKnown = conditions.isKnown(body.tag)
        let now = self.cache.clock.now
        var answer = Answer(
            status: isKnown ? 304 : 200, content: .entry(type: body.contentType, tag: body.tag),
            body: isKnown ? ByteBuffer() : body.bytes)
        answer.fields.append(
            HTTPField(name: .age, value: String(body.age(at: now).clampedMilliseconds / 1_000)))
        if let remaining = body.remaining(at: now) {
            answer.fields.append(
                HTTPField(name: Self.timeToLiveField, value: String(remaining.clampedMilliseconds)))
        }
        return answer
    }

    func store(
        _ key: CacheKey, query: Substring.UTF8View, fields: HTTPFields, body: () async throws(Problem) -> ByteBuffer
    ) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["ttl_ms"])
        let timeToLive = try parameters.integer("ttl_ms", in: Self.timeToLive)
        let conditions = try Preconditions(fields)
        let writer = try Self.writer(fields)
        let contentType = fields[.contentType]
        if let contentType { try Self.check(contentType: contentType) }
        try Self.checkEncoding(fields)
        let bytes = try await body()
        try self.checkSize(bytes.readableBytes, of: key)
        let outcome = self.cache.set(
            key, bytes, contentType: contentType, timeToLive: timeToLive.map { .milliseconds($0) }, if: conditions,
            writer: writer)
        switch outcome {
        case .refused(let present):
            throw .mismatch(key, present: present?.tag)
        case .stored(let entry, let isNew):
            var answer = Answer(status: isNew ? 201 : 200) { buffer in
                buffer.writeJSON(#"{"key":"#)
                buffer.writeJSON(string: key.rawValue)
                buffer.writeJSON(#","etag":"#)
                buffer.writeJSON(string: entry.tag)
                buffer.writeJSON(#","bytes":"#)
                buffer.writeJSON(entry.bytes.readableBytes)
                if let timeToLive {
                    buffer.writeJSON(#","ttl_ms":"#)
                    buffer.writeJSON(timeToLive)
                }
                buffer.writeJSON("}")
            }
            answer.fields.append(HTTPField(name: .eTag, value: entry.tag))
            return answer
        }
    }

    func delete(_ key: CacheKey, query: Substring.UTF8View, fields: HTTPFields) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        switch self.cache.delete(key, if: try Preconditions(fields), writer: try Self.writer(fields)) {
        case .deleted: return Answer { $0.writeJSON(#"{"deleted":true}"#) }
        case .absent: throw .nothingCached(key)
        case .refused(let present): throw .mismatch(key, present: present.tag)
        }
    }

    func removeAll(query: Substring.UTF8View, fields: HTTPFields, token: AccessToken?) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        if let token, !token.prefixes.isEmpty {
            throw Problem(
                .forbidden,
                "token \(NameRules.quoted(token.name)) is for some keys only, and this would remove those of others")
        }
        let count = self.cache.removeAll(writer: try Self.writer(fields))
        return Answer { body in
            body.writeJSON(#"{"removed":"#)
            body.writeJSON(count)
            body.writeJSON("}")
        }
    }

    // MARK: Checks

    func checkSize(_ bytes: Int, of key: CacheKey) throws(Problem) {
        guard bytes <= self.cache.settings.valueBytes else {
            throw .valueTooLarge(bytes, of: key, atMost: self.cache.settings.valueBytes)
        }
    }

    /// A writer says who it is in as few characters as need no quoting anywhere.
    static func writer(_ fields: HTTPFields) throws(Problem) -> String? {
        guard let text = fields[Self.writerField] else { return nil }
        return try Self.writer(text, of: "Colony-Writer")
    }

    static func writer(_ text: String, of place: String) throws(Problem) -> String {
        let isSound = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isSound, (1...64).contains(text.utf8.count) else {
            throw Problem(
                .invalidRequest,
                "\(place) must have 1 to 64 letters, digits, - and _, which \(NameRules.quoted(text)) has not")
        }
        return text
    }

    static func check(contentType: String) throws(Problem) {
        guard contentType.utf8.count <= Self.contentTypeBytes else {
            throw Problem(
                .invalidRequest,
                "the content type \(NameRules.quoted(contentType)) has \(contentType.utf8.count) bytes, and "
                    + "\(Self.contentTypeBytes) are the most")
        }
        guard contentType.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            throw Problem(
                .invalidRequest, "the content type \(NameRules.quoted(contentType)) has characters beyond ASCII")
        }
    }

    /// A body in parts or in a coding would be given out as something that it is not.
    private static func checkEncoding(_ fields: HTTPFields) throws(Problem) {
        if let coding = fields[.contentEncoding], coding.lowercased() != "identity" {
            throw Problem(
                .unsupportedEncoding,
                "the body is declared as encoded by \(NameRules.quoted(coding)), which would not be told to those who read "
                    + "it; leave Content-Encoding out and say in Content-Type what the bytes are")
        }
        if let range = fields[.contentRange] {
            throw Problem(
                .invalidRequest, "an entry is stored whole, and Content-Range is \(NameRules.quoted(range))")
        }
    }
}

extension Problem {
    static func nothingCached(_ key: CacheKey) -> Problem {
        Problem(.notFound, "nothing is cached under \(NameRules.quoted(key.rawValue))")
    }

    static func mismatch(_ key: CacheKey, present tag: String?) -> Problem {
        let quoted = NameRules.quoted(key.rawValue)
        var problem = Problem(
            .versionMismatch,
            tag.map { "the entry of \(quoted) has the tag \($0), which the conditions of the request exclude" }
                ?? "nothing is cached under \(quoted), and the conditions of the request ask for an entry")
        problem.entityTag = tag
        return problem
    }

    static func valueTooLarge(_ bytes: Int, of key: CacheKey, atMost most: Int) -> Problem {
        Problem(
            .valueTooLarge,
            "the value of \(NameRules.quoted(key.rawValue)) has \(bytes) bytes, and this server takes \(most) at the most"
        )
    }
}
