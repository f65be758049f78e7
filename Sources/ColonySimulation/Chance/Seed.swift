/// The number from which everything that is left to chance in a simulation follows.
///
/// The same seed and the same code give the same run. A test that fails prints its seed; running it again with that seed
/// shows the failure again.
public struct Seed: RawRepresentable, Hashable, Sendable, Codable, ExpressibleByIntegerLiteral, CustomStringConvertible
{
    /// The number itself. Every number is as good a seed as any other.
    public let rawValue: UInt64

    /// Makes a seed of a number.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// A seed written into the program, such as that of a failure that must not come back.
    public init(integerLiteral value: UInt64) {
        self.rawValue = value
    }

    /// Reads a seed as ``description`` writes it, or in decimal digits.
    public init?(_ text: some StringProtocol) {
        let digits = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
        guard let digits else { return nil }
        self.rawValue = digits
    }

    /// A seed drawn from another source of chance: `SystemRandomNumberGenerator`, for a search whose seeds are printed.
    public static func drawn(from generator: inout some RandomNumberGenerator) -> Seed {
        Seed(rawValue: generator.next())
    }

    /// `count` seeds that follow from this one, for tests that try many.
    ///
    /// Neighbouring numbers make good seeds, because ``SeededGenerator`` mixes all bits before the first use.
    public func followed(by count: Int) -> [Seed] {
        (0..<UInt64(count)).map { Seed(rawValue: self.rawValue &+ $0) }
    }

    /// A seed for one part of a simulation, so that a new part does not change what the others draw.
    ///
    /// - Parameter label: The name of the part. The same label gives the same seed.
    /// - Complexity: O(*n*) in the length of the label.
    public func derived(for label: String) -> Seed {
        var hash = TraceHash()
        hash.combine(self.rawValue)
        hash.combine(label)
        return Seed(rawValue: hash.value)
    }

    /// Sixteen hexadecimal digits after `0x`.
    public var description: String {
        let digits = String(self.rawValue, radix: 16)
        return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}
