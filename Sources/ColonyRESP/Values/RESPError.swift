/// The bytes that came are not the protocol, or go beyond a limit. What follows them cannot be understood either.
public struct RESPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String { case malformed, tooLong, tooDeep }
        private let wrapped: Wrapped

        /// The bytes break the grammar. Close the connection.
        public static let malformed = Self(wrapped: .malformed)
        /// A line, a string, a count, or a whole value is beyond the limits. Close the connection, or raise the limit.
        public static let tooLong = Self(wrapped: .tooLong)
        /// Aggregates stand in each other deeper than the limit. Close the connection, or raise the limit.
        public static let tooDeep = Self(wrapped: .tooDeep)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is wrong.
    public let code: Code
    /// What is wrong, as a sentence.
    public let reason: String
    /// The first bytes of what is wrong, at most 64; what does not print is escaped.
    public let excerpt: String

    package init(_ code: Code, _ reason: String, at bytes: some Sequence<UInt8>) {
        self.code = code
        self.reason = reason
        var text = ""
        for byte in bytes.prefix(64) {
            switch byte {
            case 0x0D: text += "\\r"
            case 0x0A: text += "\\n"
            case 0x22, 0x5C: text += "\\" + String(UnicodeScalar(byte))
            case 0x20...0x7E: text += String(UnicodeScalar(byte))
            default: text += (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
            }
        }
        self.excerpt = text
    }

    public var description: String { "\(self.code): \(self.reason), at \"\(self.excerpt)\"" }
}

/// How much a parser takes from a peer that it does not trust.
///
/// Memory follows the bytes that came, never the lengths that were promised.
public struct RESPLimits: Hashable, Sendable {
    /// The most aggregates in each other; from 1. Redis nests fewer than ten; 64 leaves room for scripts and modules.
    public var depth: Int = 64
    /// The longest string in bytes. 512 MiB is the default of Redis, `proto-max-bulk-len`.
    public var stringBytes: Int = 512 << 20
    /// The most members of one aggregate. 16 million is more than Redis sends in one answer in any sane use.
    public var elements: Int = 1 << 24
    /// The longest line in bytes: 64 KiB, as in Redis for inline commands.
    public var lineBytes: Int = 64 << 10
    /// The most bytes of one whole value: 1 GiB.
    public var valueBytes: Int = 1 << 30

    /// The defaults, which are those of Redis where it has them.
    public init() {}
}
