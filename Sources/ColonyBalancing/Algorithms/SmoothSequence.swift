// Smooth weighted round robin.
//
// The simple way to give a weight of 5 is five calls in a row, which floods the endpoint and lets the others idle. The rule of nginx
// spreads them: each endpoint has a credit; at each step every credit grows by the weight, the greatest credit is chosen, and it pays
// the sum of all weights. After as many steps as the weights add up to, every endpoint was chosen exactly as often as its weight says,
// all credits are zero again, and the sequence repeats.
//
// A step of that rule looks at every endpoint: at a hundred of them it costs more than all the rest of a pick. Since the sequence repeats,
// it is written down once when the weights change, and a pick is one look into a table.
//
// Deviation. A sequence is as long as the sum of the weights without their common divisor, which may be long for odd weights. What would be
// longer than `longest`, or take longer to write down than `work` steps, is not written down; chance then gives the same shares.
//
// Reference: I. Sysoev, nginx commit 52327e0627f4, "Upstream: smooth weighted round-robin balancing", 2012.

/// The order in which endpoints are chosen over one cycle of smooth weighted round robin.
struct SmoothSequence: Hashable, Sendable {
    /// The longest sequence that is written down: 32 KiB.
    static let longest = 16_384
    /// The most looks at a credit that writing one down takes: some milliseconds, at each change of health.
    static let work = 4_000_000

    /// Positions in the list of weights.
    let positions: [UInt16]

    /// - Parameter weights: At least one, each at least 1.
    /// - Returns: `nil` if it would be too long.
    /// - Complexity: O(*n* · *m*) for *n* weights and a sequence of *m*, at most ``work``.
    init?(weights: [Int]) {
        let divisor = weights.reduce(0, Self.commonDivisor)
        let steps = weights.map { $0 / divisor }
        let total = steps.reduce(0, +)
        guard total <= Self.longest, total * steps.count <= Self.work else { return nil }
        var credits = [Int](repeating: 0, count: steps.count)
        self.positions = (0..<total).map { _ in
            var best = 0
            for position in credits.indices {
                credits[position] += steps[position]
                if credits[position] > credits[best] { best = position }
            }
            credits[best] -= total
            return UInt16(best)
        }
    }

    private static func commonDivisor(_ first: Int, _ second: Int) -> Int {
        var (one, other) = (first, second)
        while other != 0 { (one, other) = (other, one % other) }
        return one
    }
}
