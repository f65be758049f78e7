/// SplitMix64: random numbers that follow from a seed, the same on every platform and in every version.
///
/// The state is a counter that advances by the odd number nearest to 2⁶⁴ divided by the golden ratio, and each output is
/// the counter after a mixing function with good avalanche. Every seed is as good as any other, neighbours included, and
/// the period is 2⁶⁴. It is not for secrets: one output gives away all others.
///
/// - SeeAlso: G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014, figure 17;
///   S. Vigna's reference implementation `splitmix64.c`, 2015.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts at the beginning of the sequence that belongs to `seed`.
    public init(seed: Seed) {
        self.state = seed.rawValue
    }

    /// - Complexity: O(1).
    public mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Whether an event of this probability happens.
    ///
    /// - Parameter probability: From 0, never, to 1, always.
    public mutating func happens(withProbability probability: Double) -> Bool {
        precondition((0...1).contains(probability), "a probability lies between 0 and 1, and \(probability) does not")
        return Double.random(in: 0..<1, using: &self) < probability
    }
}
