import ColonyClocks
import ColonyCore
import ColonySimulation
import Testing

/// Replicas of one value that change at random, exchange deltas and states over a bad network, and are looked at.
struct Replicas<State: Replicated> where State.Delta == State {
    typealias Change = (inout State, NodeID, inout SeededGenerator) throws -> State

    var states: [State]
    var deltas: [State] = []
    /// States of the past, for the laws.
    var snapshots: [State] = []

    init(count: Int, steps: Int, chance: inout SeededGenerator, change: Change) throws {
        self.states = [State](repeating: State(), count: count)
        for _ in 0..<steps {
            let here = Int.random(in: 0..<count, using: &chance)
            switch Int.random(in: 0..<5, using: &chance) {
            case 0...1:
                self.deltas.append(try change(&self.states[here], node(here), &chance))
            case 2...3:
                // In no order, some again, some never.
                if let delta = self.deltas.randomElement(using: &chance) { self.states[here].apply(delta) }
            default:
                if chance.happens(withProbability: 0.2) {
                    self.states[here].merge(self.states[Int.random(in: 0..<count, using: &chance)])
                }
                self.snapshots.append(self.states[here])
            }
        }
    }
}

@Suite("Laws of replicated values")
struct ReplicatedLawTests {
    private func check<State: Replicated>(
        _ type: State.Type, seed: Seed, sourceLocation: SourceLocation = #_sourceLocation,
        change: Replicas<State>.Change
    ) throws where State.Delta == State {
        var chance = SeededGenerator(seed: seed)
        let replicas = try Replicas(count: 4, steps: 120, chance: &chance, change: change)
        let pool = replicas.states + replicas.snapshots + replicas.deltas
        for _ in 0..<10 {
            guard let a = pool.randomElement(using: &chance), let b = pool.randomElement(using: &chance),
                let c = pool.randomElement(using: &chance)
            else { return }
            #expect(a.merging(b) == b.merging(a), "commutative, \(seed)", sourceLocation: sourceLocation)
            #expect(
                a.merging(b).merging(c) == a.merging(b.merging(c)), "associative, \(seed)",
                sourceLocation: sourceLocation)
            #expect(a.merging(a) == a, "idempotent, \(seed)", sourceLocation: sourceLocation)
            #expect(a.merging(b).merging(b) == a.merging(b), "absorbing, \(seed)", sourceLocation: sourceLocation)
            #expect(a.merging(State()) == a && State().merging(a) == a, "identity", sourceLocation: sourceLocation)
        }

        // All deltas, in another order for each replica, with some of them twice, come to what full states come to.
        let whole = replicas.states.reduce(State()) { $0.merging($1) }
        for start in replicas.states + [State()] {
            var state = start
            let again = replicas.deltas.filter { _ in chance.happens(withProbability: 0.3) }
            for delta in (replicas.deltas + again).shuffled(using: &chance) { state.apply(delta) }
            #expect(state == whole, "deltas, \(seed)", sourceLocation: sourceLocation)
        }
        // Deltas merged into larger ones first.
        let half = replicas.deltas.count / 2
        let first = replicas.deltas[..<half].reduce(State()) { $0.merging($1) }
        let second = replicas.deltas[half...].reduce(State()) { $0.merging($1) }
        #expect(second.merging(first) == whole, "delta groups, \(seed)", sourceLocation: sourceLocation)
    }

    @Test("GCounter", arguments: seeds)
    func gCounter(seed: Seed) throws {
        try self.check(GCounter.self, seed: seed) { state, node, chance in
            try state.increment(by: .random(in: 0...5, using: &chance), at: node)
        }
    }

    @Test("PNCounter", arguments: seeds)
    func pnCounter(seed: Seed) throws {
        try self.check(PNCounter.self, seed: seed) { state, node, chance in
            try state.add(.random(in: -5...5, using: &chance), at: node)
        }
    }

    @Test("LWWRegister, also when stamps are repeated", arguments: seeds)
    func lwwRegister(seed: Seed) throws {
        try self.check(LWWRegister<Int>.self, seed: seed) { state, node, chance in
            state.set(.random(in: 0...9, using: &chance), at: Self.stamp(node, &chance))
        }
    }

    @Test("MVRegister", arguments: seeds)
    func mvRegister(seed: Seed) throws {
        try self.check(MVRegister<Int>.self, seed: seed) { state, node, chance in
            if chance.happens(withProbability: 0.1) { return state.clear() }
            return try state.set(.random(in: 0...9, using: &chance), at: node)
        }
    }

    @Test("ORSet", arguments: seeds)
    func orSet(seed: Seed) throws {
        try self.check(ORSet<Int>.self, seed: seed) { state, node, chance in
            let element = Int.random(in: 0...5, using: &chance)
            switch Int.random(in: 0..<10, using: &chance) {
            case 0: return state.removeAll()
            case 1...3: return state.remove(element)
            default: return try state.add(element, at: node)
            }
        }
    }

    @Test("LWWMap, also when stamps are repeated", arguments: seeds)
    func lwwMap(seed: Seed) throws {
        try self.check(LWWMap<Int, String>.self, seed: seed) { state, node, chance in
            let key = Int.random(in: 0...5, using: &chance)
            let stamp = Self.stamp(node, &chance)
            if chance.happens(withProbability: 0.3) { return state.remove(key, at: stamp) }
            return state.set(String(Int.random(in: 0...9, using: &chance)), forKey: key, at: stamp)
        }
    }

    /// From so few times that some are the same, which a clock would not give out.
    private static func stamp(_ node: NodeID, _ chance: inout SeededGenerator) -> WriteStamp {
        WriteStamp(time: HybridTimestamp(rawValue: .random(in: 1...8, using: &chance)), node: node)
    }
}
