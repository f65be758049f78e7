/// Takes answers apart as their bytes come in, wherever they were cut.
///
/// An answer is a line that ends with `\r\n`; that of `VA` says how many bytes follow, and those end with `\r\n` as
/// well. Nothing is set aside on a server's word: memory grows with the bytes that have really come. A line that
/// memcached could not have written ends the conversation, because what comes after it cannot be told apart.
///
/// - Complexity: O(*n*) in the bytes, in however many pieces they come: what was searched for the end of a line is not
///   searched again.
package struct MetaParser: Sendable {
    /// What came was not an answer of the meta protocol.
    package struct Nonsense: Error, Hashable {
        /// The line, cut to a length that fits a message.
        package let line: String
    }

    /// The longest line. A key has 250 bytes and the flags that are asked for some dozens.
    package static let longestLine = 2_048

    /// The largest value that is read; one that is announced as larger is nonsense.
    private let longestValue: Int
    private var buffer: [UInt8] = []
    /// Everything before has been used.
    private var start = 0
    /// Everything from `start` to here was searched for the end of a line.
    private var searched = 0
    /// The line of a value that has not come whole yet.
    private var open: (flags: [MetaReply.Flag], count: Int)?
    private var hasFailed = false

    /// - Parameter longestValue: memcached itself takes at most 1 GiB (`-I`).
    package init(longestValue: Int = 1 << 30) {
        self.longestValue = longestValue
    }

    /// Adds what has come; without effect after ``Nonsense``.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        if self.hasFailed { return }
        if self.start > 0, self.start >= self.buffer.count / 2 {
            self.buffer.removeFirst(self.start)
            self.searched -= self.start
            self.start = 0
        }
        self.buffer.append(contentsOf: bytes)
    }

    /// The next whole answer; `nil` until more has come.
    ///
    /// - Throws: ``Nonsense``, and from then on at each call.
    package mutating func next() throws(Nonsense) -> MetaReply? {
        if self.hasFailed { throw Nonsense(line: "") }
        do throws(Nonsense) {
            return try self.step()
        } catch {
            self.hasFailed = true
            self.buffer = []
            throw error
        }
    }

    private mutating func step() throws(Nonsense) -> MetaReply? {
        if let open { return try self.value(open.flags, open.count) }
        guard let line = try self.line() else { return nil }
        let words = line.split(separator: UInt8(ascii: " "))
        guard let first = words.first else { throw self.nonsense(line) }
        let code = String(decoding: first, as: UTF8.self)
        switch code {
        case "VA":
            guard words.count >= 2, let count = Self.count(words[1]), count <= self.longestValue else {
                throw self.nonsense(line)
            }
            let flags = Self.flags(words.dropFirst(2))
            self.open = (flags, count)
            return try self.value(flags, count)
        case "HD": return MetaReply(kind: .done, flags: Self.flags(words.dropFirst()))
        case "EN": return MetaReply(kind: .miss, flags: Self.flags(words.dropFirst()))
        case "NS": return MetaReply(kind: .notStored, flags: Self.flags(words.dropFirst()))
        case "EX": return MetaReply(kind: .exists, flags: Self.flags(words.dropFirst()))
        case "NF": return MetaReply(kind: .notFound, flags: Self.flags(words.dropFirst()))
        case "MN": return MetaReply(kind: .fence)
        case "ERROR": return MetaReply(kind: .unknownCommand(Self.text(behind: code, in: line)))
        case "SERVER_ERROR": return MetaReply(kind: .serverError(Self.text(behind: code, in: line)))
        case "CLIENT_ERROR": return MetaReply(kind: .clientError(Self.text(behind: code, in: line)))
        default: throw self.nonsense(line)
        }
    }

    /// The value whose line has been read.
    private mutating func value(_ flags: [MetaReply.Flag], _ count: Int) throws(Nonsense) -> MetaReply? {
        guard self.buffer.count - self.start >= count + 2 else { return nil }
        let end = self.start + count
        guard self.buffer[end] == UInt8(ascii: "\r"), self.buffer[end + 1] == UInt8(ascii: "\n") else {
            throw self.nonsense(self.buffer[end...])
        }
        let value = Array(self.buffer[self.start..<end])
        self.start = end + 2
        self.searched = self.start
        self.open = nil
        return MetaReply(kind: .value(value), flags: flags)
    }

    /// The next line without its end; `nil` until it has come whole.
    private mutating func line() throws(Nonsense) -> ArraySlice<UInt8>? {
        while self.searched < self.buffer.count {
            guard self.buffer[self.searched] == UInt8(ascii: "\n") else {
                self.searched += 1
                guard self.searched - self.start <= Self.longestLine else {
                    throw self.nonsense(self.buffer[self.start...])
                }
                continue
            }
            let line = self.buffer[self.start..<self.searched]
            guard line.last == UInt8(ascii: "\r") else { throw self.nonsense(line) }
            self.searched += 1
            self.start = self.searched
            return line.dropLast()
        }
        return nil
    }

    private func nonsense(_ line: ArraySlice<UInt8>) -> Nonsense {
        Nonsense(line: Self.text(line.prefix(100)))
    }

    private static func text(behind code: String, in line: ArraySlice<UInt8>) -> String {
        Self.text(line.dropFirst(code.utf8.count + 1).prefix(200))
    }

    /// The text of a line, with whatever could disturb a log shown as U+FFFD.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : $0 }))
    }

    private static func count(_ word: ArraySlice<UInt8>) -> Int? {
        guard word.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        return Int(String(decoding: word, as: UTF8.self))
    }

    private static func flags(_ words: ArraySlice<ArraySlice<UInt8>>) -> [MetaReply.Flag] {
        words.compactMap { word in
            word.first.map { MetaReply.Flag(letter: $0, token: Array(word.dropFirst())) }
        }
    }
}
