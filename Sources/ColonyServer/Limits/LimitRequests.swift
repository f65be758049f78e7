import ColonyCore
import ColonyResilience
import NIOCore

/// The bodies that the routes of limits take, read strictly.
struct TakeLimitRequest {
    /// A request for permits without the name of its limit.
    struct Terms {
        var permits = 1
        var rate: Int?
        var period: Duration?
        var burst: Int?
    }

    var permits: Int
    var rule: RateLimitRule

    static let members: [StaticString] = ["permits", "rate", "per_ms", "per_ns", "burst"]

    init(_ body: ByteBuffer) throws(Problem) {
        var terms = Terms()
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            try Self.read(&terms, index, &reader)
        }
        try self.init(terms, at: "")
    }

    /// - Parameter path: What stands before the members in the names of errors.
    init(_ terms: Terms, at path: String) throws(Problem) {
        guard let rate = terms.rate else { throw .missing("\(path)rate") }
        guard let period = terms.period else { throw .missing("\(path)per_ms") }
        do throws(ResilienceError) {
            self.rule = try RateLimitRule(rate, per: period, burst: terms.burst)
        } catch {
            throw Problem(
                .impossibleLimit, path.isEmpty ? error.message : "\(path.dropLast()) is refused: \(error.message)")
        }
        guard terms.permits <= self.rule.burst else {
            throw Problem(
                .impossibleLimit,
                "\(path)permits is refused: \(terms.permits) is not from 0 to the burst of \(self.rule.burst), so it could "
                    + "never be taken")
        }
        self.permits = terms.permits
    }

    /// Reads one member, by its place among the ``members``.
    static func read(_ terms: inout Terms, _ index: Int, _ reader: inout JSONReader) throws(JSONDefect) {
        let most = Int64(RateLimitRule.maximumPermits)
        let longest = RateLimitRule.longestFill
        switch index {
        case 0: terms.permits = Int(try reader.readNumber(in: 0...most))
        case 1: terms.rate = Int(try reader.readNumber(in: 1...most))
        case 2, 3:
            if terms.period != nil {
                throw .outOfRange(path: reader.currentPath, reason: "per_ms and per_ns say the same, so one is enough")
            }
            terms.period =
                index == 2
                ? .milliseconds(try reader.readNumber(in: 1...longest.clampedMilliseconds))
                : .nanoseconds(try reader.readNumber(in: 1_000...longest.clampedNanoseconds))
        default: terms.burst = Int(try reader.readNumber(in: 1...most))
        }
    }
}

/// Requests for permits of several limits, decided in their order.
struct TakeLimitsRequest {
    var requests: [RateLimitRequest]

    private static let members: [StaticString] = ["requests"]
    private static let requestMembers: [StaticString] = TakeLimitRequest.members + ["name"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var read: [(name: RateLimitName, terms: TakeLimitRequest.Terms)]?
        try body.readJSON(Self.members) { reader, _ throws(JSONDefect) in
            var list: [(name: RateLimitName, terms: TakeLimitRequest.Terms)] = []
            try reader.readArray(atMost: min(limits.batch, RateLimitLimits.batch)) { reader throws(JSONDefect) in
                var name: RateLimitName?
                var terms = TakeLimitRequest.Terms()
                try reader.readObject(Self.requestMembers) { reader, index throws(JSONDefect) in
                    if index < TakeLimitRequest.members.count {
                        try TakeLimitRequest.read(&terms, index, &reader)
                    } else {
                        name = try reader.readLimitName(atMost: limits.nameBytes)
                    }
                }
                guard let name else { throw reader.missing("name") }
                list.append((name, terms))
            }
            read = list
        }
        guard let read else { throw .missing("requests") }
        guard !read.isEmpty else { throw Problem(.invalidRequest, "requests is refused: it has no element") }
        var requests: [RateLimitRequest] = []
        for (index, entry) in read.enumerated() {
            let asked = try TakeLimitRequest(entry.terms, at: "requests[\(index)].")
            requests.append(RateLimitRequest(entry.name, permits: asked.permits, rule: asked.rule))
        }
        self.requests = requests
    }
}

extension JSONReader {
    fileprivate mutating func readLimitName(atMost maximumBytes: Int) throws(JSONDefect) -> RateLimitName {
        let text = try self.readString()
        guard text.utf8.count <= max(maximumBytes, 1) || text.utf8.count > NameRules.maximumBytes else {
            throw .invalidName(
                path: self.currentPath,
                reason: "\(NameRules.quoted(text)) has \(text.utf8.count) bytes, and this server takes \(maximumBytes)")
        }
        do throws(InvalidName) {
            return try RateLimitName(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: error.description)
        }
    }
}

extension Problem {
    init(_ error: ResilienceError) {
        switch error.code {
        case .invalidRequest, .invalidConfiguration: self.init(.invalidRequest, error.message)
        case .cancelled: self.init(.storeUnavailable, "the request was cancelled before the store answered")
        default: self.init(.storeUnavailable, error.message)
        }
    }
}
