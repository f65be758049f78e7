/// Writes values in either version of the protocol.
///
/// What version 2 does not know is told to it as Redis does: a map as an array of keys and values in turn, sets and pushes
/// as arrays, a boolean as 1 or 0, doubles, big numbers, and verbatim strings as bulk strings, attributes not at all.
/// A blob error, which Redis itself never sends, becomes an error of one line.
///
/// The streamed forms are written piece by piece with `beginStreamedString`, `appendChunk`, `endStreamedString`, and
/// `beginStreamed`, `endStreamed`; version 2 has nothing like them.
public struct RESPEncoder: Sendable {
    /// The version that is written.
    public let version: RESPVersion
    /// What was written. Taking it and putting an empty array in its place keeps the encoder going.
    public var bytes: [UInt8] = []

    /// Makes an encoder that has written nothing.
    public init(version: RESPVersion = .three) { self.version = version }

    /// Adds a value.
    ///
    /// Line ends inside of simple strings and simple errors are written as spaces, because the grammar has no place for
    /// them and they would let a value pass for the next answer.
    ///
    /// - Complexity: O(*n*) in the bytes that are written.
    public mutating func encode(_ value: RESPValue) {
        switch value {
        case .simpleString(let bytes): self.line("+", bytes)
        case .simpleError(let bytes): self.line("-", bytes)
        case .integer(let number): self.number(":", number)
        case .bulkString(let bytes): self.block("$", bytes)
        case .array(let values): self.aggregate("*", values)
        default:
            switch self.version {
            case .two: self.encodeForTwo(value)
            case .three: self.encodeForThree(value)
            }
        }
    }

    private mutating func encodeForTwo(_ value: RESPValue) {
        switch value {
        case .null: self.text("$-1\r\n")
        case .nullArray: self.text("*-1\r\n")
        case .boolean(let bool): self.number(":", bool ? 1 : 0)
        case .double(let number): self.block("$", Array(RESPNumbers.text(of: number).utf8))
        case .bigNumber(let digits): self.block("$", digits)
        case .verbatimString(_, let bytes): self.block("$", bytes)
        case .blobError(let bytes): self.line("-", bytes)
        case .map(let pairs):
            self.number("*", Int64(2 * pairs.count))
            self.pairs(pairs)
        case .set(let values), .push(let values): self.aggregate("*", values)
        case .attributed(_, let value): self.encode(value)
        case .simpleString, .simpleError, .integer, .bulkString, .array: self.encode(value)
        }
    }

    private mutating func encodeForThree(_ value: RESPValue) {
        switch value {
        case .null, .nullArray: self.text("_\r\n")
        case .boolean(let bool): self.text(bool ? "#t\r\n" : "#f\r\n")
        case .double(let number): self.line(",", Array(RESPNumbers.text(of: number).utf8))
        case .bigNumber(let digits): self.line("(", digits)
        case .verbatimString(let format, let bytes): self.block("=", format.bytes + [UInt8(ascii: ":")] + bytes)
        case .blobError(let bytes): self.block("!", bytes)
        case .map(let pairs):
            self.number("%", Int64(pairs.count))
            self.pairs(pairs)
        case .set(let values): self.aggregate("~", values)
        case .push(let values): self.aggregate(">", values)
        case .attributed(let pairs, let value):
            self.number("|", Int64(pairs.count))
            self.pairs(pairs)
            self.encode(value)
        case .simpleString, .simpleError, .integer, .bulkString, .array: self.encode(value)
        }
    }

    // MARK: Streamed

    /// The aggregates that can be streamed.
    public enum StreamedAggregate: String, CaseIterable, Sendable {
        /// `*?`
        case array = "*"
        /// `~?`
        case set = "~"
        /// `%?`: keys and values in turn.
        case map = "%"
    }

    /// Begins a string whose length is not known.
    ///
    /// - Precondition: The version is three, as for all that is streamed.
    public mutating func beginStreamedString() {
        self.requireThree()
        self.text("$?\r\n")
    }

    /// Adds a piece of a streamed string; an empty one writes nothing, because that would end it.
    public mutating func appendChunk(_ bytes: [UInt8]) {
        self.requireThree()
        if !bytes.isEmpty { self.block(";", bytes) }
    }

    /// Ends a streamed string.
    public mutating func endStreamedString() {
        self.requireThree()
        self.text(";0\r\n")
    }

    /// Begins an aggregate whose count is not known; its values follow with ``encode(_:)``.
    public mutating func beginStreamed(_ aggregate: StreamedAggregate) {
        self.requireThree()
        self.text("\(aggregate.rawValue)?\r\n")
    }

    /// Ends a streamed aggregate.
    public mutating func endStreamed() {
        self.requireThree()
        self.text(".\r\n")
    }

    private func requireThree() {
        precondition(self.version == .three, "version \(self.version.rawValue) of the protocol streams nothing")
    }

    // MARK: Parts

    private mutating func text(_ text: String) { self.bytes += text.utf8 }

    private mutating func line(_ type: Unicode.Scalar, _ bytes: [UInt8]) {
        self.bytes.append(UInt8(ascii: type))
        for byte in bytes { self.bytes.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte) }
        RESPCommandEncoding.endLine(&self.bytes)
    }

    private mutating func number(_ type: Unicode.Scalar, _ number: Int64) {
        self.bytes.append(UInt8(ascii: type))
        RESPCommandEncoding.append(number, to: &self.bytes)
        RESPCommandEncoding.endLine(&self.bytes)
    }

    private mutating func block(_ type: Unicode.Scalar, _ bytes: [UInt8]) {
        self.number(type, Int64(bytes.count))
        self.bytes += bytes
        RESPCommandEncoding.endLine(&self.bytes)
    }

    private mutating func aggregate(_ type: Unicode.Scalar, _ values: [RESPValue]) {
        self.number(type, Int64(values.count))
        for value in values { self.encode(value) }
    }

    private mutating func pairs(_ pairs: [RESPPair]) {
        for pair in pairs {
            self.encode(pair.key)
            self.encode(pair.value)
        }
    }
}
