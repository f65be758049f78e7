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
// Deviation. A sequence is as long as the sum of the weights without their common divisor, which may be long for odd weights. Above
// `longest` the weights are scaled down to fit, and shares are then exact to one part in some thousands.
//
// Reference: I. Sysoev, nginx commit 52327e0627f4, "Upstream: smooth weighted round-robin balancing", 2012.

/// The order in which endpoints are chosen over one cycle of smooth weighted round robin.
struct SmoothSequence: Hashable, Sendable {
    /// The longest sequence that is written down: 32 KiB.
    static let longest = 16_384

    /// Positions in the list of weights.
    let positions: [UInt16]

    /// - Parameter weights: At least one, each at least 1; at most ``longest`` of them.
    /// - Complexity: O(*n* · *m*) for *n* weights and a sequence of *m*.
    init(weights: [Int]) {
        let divisor = weights.reduce(0, Self.commonDivisor)
        var steps = weights.map { $0 / divisor }
        var total = steps.reduce(0, +)
        if total > Self.longest {
            let scale = Double(Self.longest) / Double(total)
            steps = steps.map { max(1, Int(Double($0) * scale)) }
            total = steps.reduce(0, +)
        }
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
