/// The number of a message in its store: it rises with every message that is published there, and is given once.
///
/// A message keeps its number in a dead-letter queue and after a redrive, so that it can be followed.
public struct MessageID: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// From 1.
    public let rawValue: Int64

    /// Makes an identifier from the number that an engine gave.
    public init(rawValue: Int64) { self.rawValue = rawValue }

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }

    public var description: String { String(self.rawValue) }
}
