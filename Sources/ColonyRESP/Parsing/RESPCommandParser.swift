/// Reads commands as a server does: arrays of bulk strings, or lines that a person types.
///
/// - SeeAlso: `processMultibulkBuffer`, `processInlineBuffer`, and `sdssplitargs` of Redis, which this agrees with.
public struct RESPCommandParser: Sendable {
    /// How much a client may send before it is cut off.
    public struct Limits: Hashable, Sendable {
        /// The most words of a command: 1,048,576, as in Redis.
        public var words: Int = 1 << 20
        /// The longest word in bytes: 512 MiB, as in Redis.
        public var wordBytes: Int = 512 << 20
        /// The longest line in bytes: 64 KiB, as in Redis.
        public var lineBytes: Int = 64 << 10
        /// The most bytes of one whole command: 1 GiB.
        public var commandBytes: Int = 1 << 30

        /// The limits of Redis.
        public init() {}
    }

    private let limits: Limits
    private var buffer = RESPBuffer()
    private var words: [[UInt8]] = []
    private var remaining = 0
    private var length: Int?
    private var bytesOfCommand = 0
    private var failure: RESPError?

    /// Makes a parser at the start of a stream.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Adds bytes that came.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) { self.buffer.append(bytes) }

    /// Adds bytes that came.
    public mutating func feed(_ bytes: [UInt8]) { bytes.withUnsafeBytes { self.buffer.append($0) } }

    /// Takes the next command: its words, at least one. Empty lines and empty arrays are passed over, as Redis does.
    ///
    /// - Returns: `nil` if it has not come whole.
    /// - Throws: ``RESPError``; the same again at every later call.
    /// - Complexity: O(*n*) in the bytes that came since the last call, in all calls together.
    public mutating func next() throws(RESPError) -> [[UInt8]]? {
        if let failure { throw failure }
        do {
            return try self.command()
        } catch {
            self.failure = error
            throw error
        }
    }

    private mutating func command() throws(RESPError) -> [[UInt8]]? {
        while true {
            if self.remaining == 0 {
                guard let first = self.buffer.first else { return nil }
                let isInline = first != UInt8(ascii: "*")
                guard let line = try self.buffer.line(limit: self.limits.lineBytes, bareLineFeed: isInline) else {
                    return nil
                }
                if isInline {
                    let words = try Self.split(self.buffer.bytes[line])
                    if words.isEmpty { continue }
                    return words
                }
                // A negative count is passed over like an empty one.
                self.remaining = max(0, try self.number(line, limit: self.limits.words))
                self.bytesOfCommand = 0
                continue
            }
            if self.length == nil {
                guard let line = try self.buffer.line(limit: self.limits.lineBytes) else { return nil }
                guard !line.isEmpty, self.buffer.bytes[line.lowerBound] == UInt8(ascii: "$") else {
                    throw RESPError(.malformed, "a word does not begin with $", at: self.buffer.bytes[line])
                }
                let length = try self.number(line, limit: self.limits.wordBytes)
                guard length >= 0 else {
                    throw RESPError(.malformed, "a length is negative", at: self.buffer.bytes[line])
                }
                self.bytesOfCommand += length
                guard self.bytesOfCommand <= self.limits.commandBytes else {
                    throw RESPError(
                        .tooLong, "a command has more than \(self.limits.commandBytes) bytes",
                        at: self.buffer.bytes[line])
                }
                self.length = length
            }
            guard let length, let word = try self.buffer.block(length) else { return nil }
            self.length = nil
            self.words.append(word)
            self.remaining -= 1
            if self.remaining == 0 {
                let words = self.words
                self.words = []
                return words
            }
        }
    }

    private func number(_ line: Range<Int>, limit: Int) throws(RESPError) -> Int {
        let number = self.buffer.bytes.withUnsafeBufferPointer { bytes in
            RESPNumbers.integer(Slice(base: bytes, bounds: line.dropFirst()))
        }
        guard let number else {
            throw RESPError(.malformed, "a length is not a number", at: self.buffer.bytes[line])
        }
        guard number <= limit else {
            throw RESPError(.tooLong, "a length is beyond the limit of \(limit)", at: self.buffer.bytes[line])
        }
        return max(-1, Int(number))
    }

    /// Splits a typed line into words at white space. Double quotes take escapes such as `\n` and `\x41`; single quotes
    /// take only `\'`. A closing quote must end its word.
    ///
    /// - Throws: ``RESPError`` for quotes that do not close, or close inside of a word.
    public static func split(_ line: some Collection<UInt8>) throws(RESPError) -> [[UInt8]] {
        let bytes = Array(line)
        var words: [[UInt8]] = []
        var index = 0
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) || byte == 0 }
        while true {
            while index < bytes.count, isSpace(bytes[index]) { index += 1 }
            guard index < bytes.count else { return words }
            var word: [UInt8] = []
            var quote: UInt8?
            while true {
                guard index < bytes.count else {
                    if quote != nil { throw RESPError(.malformed, "a quote is not closed", at: bytes) }
                    break
                }
                let byte = bytes[index]
                if let open = quote {
                    if byte == open {
                        index += 1
                        guard index == bytes.count || isSpace(bytes[index]) else {
                            throw RESPError(.malformed, "a quote closes inside of a word", at: bytes)
                        }
                        break
                    }
                    index += Self.quoted(bytes, at: index, in: open, into: &word)
                } else if isSpace(byte) {
                    break
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                    index += 1
                } else {
                    word.append(byte)
                    index += 1
                }
            }
            words.append(word)
        }
    }

    /// Reads one character inside of quotes, and says how many bytes it took.
    private static func quoted(_ bytes: [UInt8], at index: Int, in quote: UInt8, into word: inout [UInt8]) -> Int {
        let byte = bytes[index]
        guard byte == UInt8(ascii: "\\"), index + 1 < bytes.count else {
            word.append(byte)
            return 1
        }
        let escaped = bytes[index + 1]
        if quote == UInt8(ascii: "'") {
            if escaped == quote {
                word.append(quote)
                return 2
            }
            word.append(byte)
            return 1
        }
        if escaped == UInt8(ascii: "x"), index + 3 < bytes.count,
            let high = Character(UnicodeScalar(bytes[index + 2])).hexDigitValue,
            let low = Character(UnicodeScalar(bytes[index + 3])).hexDigitValue
        {
            word.append(UInt8(high * 16 + low))
            return 4
        }
        switch escaped {
        case UInt8(ascii: "n"): word.append(0x0A)
        case UInt8(ascii: "r"): word.append(0x0D)
        case UInt8(ascii: "t"): word.append(0x09)
        case UInt8(ascii: "b"): word.append(0x08)
        case UInt8(ascii: "a"): word.append(0x07)
        default: word.append(escaped)
        }
        return 2
    }
}
