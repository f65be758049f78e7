// How calls spread over levels of priority.
//
// A level gets calls as far as the levels before it are not healthy enough. "Enough" has a margin, the overprovisioning factor: with 1.4, a
// level keeps all its calls until fewer than 1/1.4 = 71 % of its weight are in health, because the rest is expected to carry them. What a
// level cannot carry spills over to the next. If all levels together cannot carry the calls, these spread in proportion to what each level
// can carry.
//
// Panic. When too little of a level is left, sending all calls there brings the rest down as well. Below the panic threshold, health is
// ignored in that level, and the calls spread over all of it: some fail, the others get through. The rule is off unless it was asked for,
// because calls to endpoints that are known to be out surprise people.
//
// Reference: Envoy, "Priority levels" and "Panic threshold", whose numbers these are; weights count here where Envoy counts endpoints.

/// The share of calls that each level gets.
struct LevelPlan: Hashable, Sendable {
    /// What a level is made of, in units of weight.
    struct Strength: Hashable, Sendable {
        /// Of endpoints that are in health.
        var healthy: Int
        /// Of all endpoints but those that an operator took out.
        var total: Int
    }

    /// What a level gets.
    struct Share: Hashable, Sendable {
        /// From 0 to 1; all of them add up to 1, or to 0 if no endpoint may be picked.
        var share: Double
        /// Whether health is ignored in this level.
        var isPanicking: Bool
    }

    let shares: [Share]

    /// - Parameters:
    ///   - factor: How many times its weight in health a level can carry, from 1.
    ///   - threshold: Below which share of its weight in health a level ignores health; 0 is never.
    init(_ levels: [Strength], factor: Double, threshold: Double) {
        let capacities = levels.map { level in
            level.total == 0 ? 0 : min(1, factor * Double(level.healthy) / Double(level.total))
        }
        let capacity = min(1, capacities.reduce(0, +))
        // While all levels together carry the calls, nobody panics: what one level has lost is carried by the next.
        let panicking = levels.map { level in
            capacity < 1 && level.total > 0 && Double(level.healthy) / Double(level.total) < threshold
        }
        var left = 1.0
        var shares = zip(capacities, panicking).map { level, isPanicking in
            let share = capacity == 0 ? 0 : min(left, level / capacity)
            left -= share
            return Share(share: share, isPanicking: isPanicking)
        }
        // Without any health there is nothing to be in proportion to but size.
        if capacity == 0, panicking.contains(true) {
            let total = zip(levels, panicking).reduce(0) { $0 + ($1.1 ? $1.0.total : 0) }
            for position in shares.indices where panicking[position] {
                shares[position].share = Double(levels[position].total) / Double(total)
            }
        }
        self.shares = shares
    }
}
