package import ColonyBalancing
import ColonyCore

/// Reads the answer to an HTTP/1.1 probe as far as it takes to decide: bytes in, a verdict out.
///
/// It is a reader for this one purpose, and strict. A health page that is framed wrongly will be framed wrongly for the calls as well, and to read
/// it with indulgence would say that the endpoint is well. What is an error by RFC 9112 is a failure here: lines without CR, folded fields, two
/// lengths, a length beside chunks, another transfer coding, chunks that are not what they say, an end before the end.
///
/// It stops reading as soon as the verdict is known, which without an expected body is at the end of the head.
///
/// - SeeAlso: RFC 9112, sections 4 to 8.
package struct ProbeAnswer: Sendable {
    /// The most bytes of a head, and the most of a body.
    package static let most = 65_536
    /// The most bytes of the line before a chunk.
    private static let longestChunkLine = 1_024

    private enum State {
        case statusLine
        case fields
        /// So many bytes are still to come; `nil` as many as come until the end.
        case body(Int?)
        case chunkLine
        case chunk(Int)
        case chunkEnd
    }

    private let http: HealthCheck.HTTP
    private let expected: [UInt8]
    private var state = State.statusLine
    /// Bytes that belong to a line that is not yet whole, or that nobody has looked at.
    private var unread: [UInt8] = []
    private var position = 0
    private var headBytes = 0
    private var status = 0
    private var length: Int?
    private var isChunked = false
    private var body: [UInt8] = []
    /// Where the search for what is expected goes on.
    private var searched = 0

    package init(_ http: HealthCheck.HTTP) {
        self.http = http
        self.expected = Array((http.expectedBody ?? "").utf8)
    }

    /// Takes the next bytes.
    ///
    /// - Returns: The verdict, after which no more bytes are taken.
    package mutating func read(_ bytes: UnsafeRawBufferPointer) -> ProbeVerdict? {
        self.unread.removeFirst(self.position)
        self.position = 0
        self.unread.append(contentsOf: bytes)
        do throws(Refusal) {
            while self.position < self.unread.count {
                let before = self.position
                if let verdict = try self.step() { return verdict }
                if self.position == before { break }
            }
            return nil
        } catch {
            return .bad(error.reason)
        }
    }

    /// Takes the end of the connection.
    package func end() -> ProbeVerdict {
        switch self.state {
        case .body(nil): self.missing
        case .statusLine where self.headBytes == 0 && self.unread.isEmpty:
            .bad("the connection was closed without an answer")
        default: .bad("the connection was closed before the answer was whole")
        }
    }

    private struct Refusal: Error {
        let reason: String
    }

    /// Goes on as far as the bytes reach; without progress more are needed.
    private mutating func step() throws(Refusal) -> ProbeVerdict? {
        switch self.state {
        case .statusLine:
            guard let line = try self.headLine() else { return nil }
            try self.readStatus(line)
            self.state = .fields
        case .fields:
            guard let line = try self.headLine() else { return nil }
            if line.isEmpty { return try self.headIsWhole() }
            try self.readField(line)
        case .body(let rest):
            let count = min(rest ?? .max, self.unread.count - self.position)
            if let verdict = self.take(count) { return verdict }
            if let rest {
                if rest == count { return self.missing }
                self.state = .body(rest - count)
            }
        case .chunkLine:
            guard let line = try self.line(upTo: Self.longestChunkLine, "the line before a chunk") else { return nil }
            let size = try Self.chunkSize(line)
            if size == 0 { return self.missing }
            self.state = .chunk(size)
        case .chunk(let rest):
            let count = min(rest, self.unread.count - self.position)
            if let verdict = self.take(count) { return verdict }
            self.state = rest == count ? .chunkEnd : .chunk(rest - count)
        case .chunkEnd:
            guard self.unread.count - self.position >= 2 else { return nil }
            guard self.unread[self.position] == 0x0D, self.unread[self.position + 1] == 0x0A else {
                throw Refusal(reason: "a chunk is longer than it says")
            }
            self.position += 2
            self.state = .chunkLine
        }
        return nil
    }

    // MARK: The head

    /// A line without its end, or nothing if it is not whole.
    private mutating func line(upTo most: Int, _ what: String) throws(Refusal) -> ArraySlice<UInt8>? {
        guard let feed = self.unread[self.position...].firstIndex(of: 0x0A) else {
            if self.unread.count - self.position > most { throw Refusal(reason: "\(what) is too long") }
            return nil
        }
        guard feed - self.position <= most else { throw Refusal(reason: "\(what) is too long") }
        guard feed > self.position, self.unread[feed - 1] == 0x0D else {
            throw Refusal(reason: "a line of the answer does not end as HTTP demands")
        }
        defer { self.position = feed + 1 }
        return self.unread[self.position..<(feed - 1)]
    }

    private mutating func headLine() throws(Refusal) -> ArraySlice<UInt8>? {
        let line = try self.line(upTo: Self.most - self.headBytes, "the head of the answer")
        if let line { self.headBytes += line.count + 2 }
        return line
    }

    private mutating func readStatus(_ line: ArraySlice<UInt8>) throws(Refusal) {
        let bytes = Array(line.prefix(13))
        guard bytes.count >= 12, bytes.starts(with: Array("HTTP/1.".utf8)), bytes[7] == 0x30 || bytes[7] == 0x31,
            bytes[8] == 0x20, bytes.count == 12 || bytes[12] == 0x20,
            bytes[9..<12].allSatisfy({ (0x30...0x39).contains($0) })
        else { throw Refusal(reason: "the answer is not HTTP/1") }
        self.status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard (100...599).contains(self.status) else { throw Refusal(reason: "the status \(self.status) is none") }
    }

    private mutating func readField(_ line: ArraySlice<UInt8>) throws(Refusal) {
        guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex,
            line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw Refusal(reason: "a field of the answer has no name, or is folded") }
        let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
        switch Self.lowercased(line[..<colon]) {
        case "content-length":
            let text = Self.lowercased(value)
            guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let length = Int(text), self.length == nil || self.length == length
            else { throw Refusal(reason: "the answer has a bad length, or two") }
            self.length = length
        case "transfer-encoding":
            guard !self.isChunked, Self.lowercased(value) == "chunked" else {
                throw Refusal(reason: "the answer has another transfer coding than chunks")
            }
            self.isChunked = true
        default: break
        }
    }

    /// ASCII letters in lower case, without blanks at the end.
    private static func lowercased(_ bytes: ArraySlice<UInt8>) -> String {
        var bytes = bytes
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        return String(decoding: bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private mutating func headIsWhole() throws(Refusal) -> ProbeVerdict? {
        guard self.length == nil || !self.isChunked else {
            throw Refusal(reason: "the answer has a length and chunks")
        }
        if (100...199).contains(self.status), self.status != 101 {
            // Another head follows; both together have the same limit as one.
            self.length = nil
            self.isChunked = false
            self.state = .statusLine
            return nil
        }
        guard self.http.expectedStatuses.contains(where: { $0.contains(self.status) }) else {
            return .bad("the status is \(self.status)")
        }
        guard self.http.expectedBody != nil else { return .good("the status is \(self.status)") }
        if self.status == 204 || self.status == 304 || self.length == 0 { return self.missing }
        self.state = self.isChunked ? .chunkLine : .body(self.length)
        return nil
    }

    // MARK: The body

    private static func chunkSize(_ line: ArraySlice<UInt8>) throws(Refusal) -> Int {
        // Extensions are allowed, and mean nothing here.
        var digits = line.prefix { $0 != 0x3B }
        while let last = digits.last, digits.count < line.count, last == 0x20 || last == 0x09 { digits.removeLast() }
        guard (1...15).contains(digits.count), digits.allSatisfy({ Self.isHexadecimal($0) }),
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw Refusal(reason: "the size of a chunk is none") }
        return size
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte & 0xDF)
    }

    /// Takes bytes of the body and looks for what is expected.
    private mutating func take(_ count: Int) -> ProbeVerdict? {
        let taken = min(count, Self.most - self.body.count)
        self.body.append(contentsOf: self.unread[self.position..<(self.position + taken)])
        self.position += count
        while self.searched + self.expected.count <= self.body.count {
            if self.body[self.searched...].starts(with: self.expected) {
                return .good("the status is \(self.status), and the body has what is expected")
            }
            self.searched += 1
        }
        return self.body.count == Self.most ? self.missing : nil
    }

    private var missing: ProbeVerdict {
        let place = self.body.count == Self.most ? "the first \(Self.most) bytes of the body do" : "the body does"
        return .bad(
            "the status is \(self.status), but \(place) not have \(NameRules.quoted(self.http.expectedBody ?? ""))")
    }
}
