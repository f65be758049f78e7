/// A number that rises with every grant of a name, for ever.
///
/// A holder sends its token with every write to the resource that the lock protects, and the resource refuses a token
/// lower than the highest it has seen. That check, and nothing on the client's side, stops the write of a holder that
/// was paused for longer than its lease.
///
/// - SeeAlso: M. Kleppmann, *How to do distributed locking*, 2016; M. Burrows, *The Chubby lock service for
///   loosely-coupled distributed systems*, OSDI 2006, section 2.4 (sequencers).
public struct FencingToken: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Reads a token as ``description`` writes it: decimal digits without sign, and without zeros in front.
    public init?(_ text: some StringProtocol) {
        guard let value = UInt64(text), String(value).utf8.elementsEqual(text.utf8) else { return nil }
        self.init(rawValue: value)
    }

    public init(from decoder: any Decoder) throws {
        self.init(rawValue: try decoder.singleValueContainer().decode(UInt64.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.rawValue < second.rawValue
    }

    public var description: String { String(self.rawValue) }

    /// The HTTP header that carries a token to a resource: a decimal number without sign.
    public static let headerName = "Colony-Fencing-Token"

    /// The environment variable that carries a token to a child process.
    public static let environmentVariable = "COLONY_FENCING_TOKEN"
}
