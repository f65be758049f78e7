import ColonyClocks
import ColonyCore
import ColonySimulation

/// A random history of local events and messages, with the true past of each event, kept without any clock.
struct History {
    struct Event {
        let dot: Dot
        let clock: VectorClock
        /// The clock after entries were dropped, with the event's own kept.
        var pruned: VectorClock
        /// The clock after entries were dropped without regard to the event.
        var cut: VectorClock
        /// The indices of all events that happened before this one.
        let past: Set<Int>
    }

    var events: [Event] = []

    init(seed: Seed, nodes: Int, steps: Int, keeping limit: Int) throws {
        var chance = SeededGenerator(seed: seed)
        var latest = [Int?](repeating: nil, count: nodes)
        for _ in 0..<steps {
            let here = Int.random(in: 0..<nodes, using: &chance)
            var clock = VectorClock()
            var past: Set<Int> = []
            var causes = latest[here].map { [$0] } ?? []
            if !self.events.isEmpty, chance.happens(withProbability: 0.4) {
                causes.append(Int.random(in: 0..<self.events.count, using: &chance))
            }
            for cause in causes {
                clock.merge(self.events[cause].clock)
                past.formUnion(self.events[cause].past)
                past.insert(cause)
            }
            let dot = try clock.increment(node(here))
            var pruned = clock
            let ages = Dictionary(
                uniqueKeysWithValues: (0..<nodes).map { (node($0), Int64.random(in: 0..<9, using: &chance)) })
            try pruned.prune(to: limit, keeping: dot) { ages[$0].map { WallTime(millisecondsSince1970: $0) } }
            let kept = clock.entries.shuffled(using: &chance).prefix(limit)
            let cut = VectorClock(Dictionary(uniqueKeysWithValues: kept.map { ($0.node, $0.count) }))
            latest[here] = self.events.count
            self.events.append(Event(dot: dot, clock: clock, pruned: pruned, cut: cut, past: past))
        }
    }

    /// What happened before what, by the history alone.
    func order(_ first: Int, _ second: Int) -> CausalOrder {
        if first == second { return .equal }
        if self.events[second].past.contains(first) { return .before }
        if self.events[first].past.contains(second) { return .after }
        return .concurrent
    }
}
