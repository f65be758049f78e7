import ColonyClocks
import ColonyCore
import ColonySimulation
import Testing

@Suite("Dotted version vector set")
struct DottedVersionVectorSetTests {
    /// Versions with the full set of the versions that their writer had seen: no clocks, nothing to get wrong.
    private struct NaiveStore: Equatable {
        var live: Set<Int> = []
        var seen: Set<Int> = []

        mutating func write(_ value: Int, having read: Set<Int>) {
            self.live.subtract(read)
            self.live.insert(value)
            self.seen.formUnion(read)
            self.seen.insert(value)
        }

        mutating func sync(_ other: NaiveStore) {
            let kept = self.live.filter { other.live.contains($0) || !other.seen.contains($0) }
            let new = other.live.filter { !self.seen.contains($0) }
            self.live = kept.union(new)
            self.seen.formUnion(other.seen)
        }
    }

    @Test("servers that write for clients and gossip agree with sets of versions at every step", arguments: seeds)
    func agreesWithModel(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        let servers = 3
        var stores = [DottedVersionVectorSet<Int>](repeating: .init(), count: servers)
        var models = [NaiveStore](repeating: .init(), count: servers)
        // What each client read last: a context, and in the model everything that the server had seen.
        var clients = [(context: VectorClock, seen: Set<Int>)](repeating: (VectorClock(), []), count: 5)
        for step in 0..<400 {
            let here = Int.random(in: 0..<servers, using: &chance)
            let client = Int.random(in: 0..<clients.count, using: &chance)
            switch Int.random(in: 0..<4, using: &chance) {
            case 0:
                clients[client] = (stores[here].context, models[here].seen)
            case 1, 2:
                let isBlind = chance.happens(withProbability: 0.1)
                let read = isBlind ? (VectorClock(), []) : clients[client]
                try stores[here].update(step, context: read.0, at: node(here))
                models[here].write(step, having: read.1)
            default:
                let there = Int.random(in: 0..<servers, using: &chance)
                stores[here].sync(stores[there])
                models[here].sync(models[there])
            }
            #expect(Set(stores[here].values) == models[here].live, "\(seed), step \(step)")
            #expect(stores[here].count == models[here].live.count)
        }
    }

    @Test("sync is commutative, associative, and idempotent", arguments: seeds.prefix(100))
    func laws(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        var stores = [DottedVersionVectorSet<Int>](repeating: .init(), count: 3)
        var contexts = [VectorClock()]
        for step in 0..<40 {
            let here = Int.random(in: 0..<3, using: &chance)
            let context = contexts.randomElement(using: &chance) ?? VectorClock()
            try stores[here].update(step, context: context, at: node(here))
            if chance.happens(withProbability: 0.2) { stores[here].sync(stores[(here + 1) % 3]) }
            if chance.happens(withProbability: 0.1) { stores[here].discard(context) }
            contexts.append(stores[here].context)
        }
        func joined(_ first: DottedVersionVectorSet<Int>, _ second: DottedVersionVectorSet<Int>)
            -> DottedVersionVectorSet<Int>
        {
            var result = first
            result.sync(second)
            return result
        }
        let (a, b, c) = (stores[0], stores[1], stores[2])
        #expect(joined(a, a) == a)
        #expect(joined(a, b) == joined(b, a))
        #expect(joined(joined(a, b), c) == joined(a, joined(b, c)))
        #expect(joined(a, b).compare(to: a).isAtLeast)
    }

    @Test("siblings do not multiply: two clients that take turns leave at most two, where a plain clock piles them up")
    func siblingExplosion() throws {
        // One version vector for the object, raised at the server, as Riak 1.x had it: a write whose context is not the
        // newest is put beside all that is there, since the vector cannot tell which of them its client had read.
        var plain = (clock: VectorClock(), values: [Int]())
        var dotted = DottedVersionVectorSet<Int>()
        var plainContexts = [VectorClock(), VectorClock()]
        var dottedContexts = [VectorClock(), VectorClock()]
        for turn in 0..<100 {
            let client = turn % 2
            let isNewest = plainContexts[client].compare(to: plain.clock).isAtLeast
            plain.values = isNewest ? [turn] : plain.values + [turn]
            try plain.clock.increment(node(0))
            try dotted.update(turn, context: dottedContexts[client], at: node(0))
            // Each client has seen what its own write was answered with, and not the other's next write.
            plainContexts[client] = plain.clock
            dottedContexts[client] = dotted.context
            #expect(dotted.count <= 2)
        }
        #expect(plain.values.count == 100)
        #expect(dotted.values == [99, 98])
        #expect(dotted.context == VectorClock([node(0): 100]))
    }

    @Test("two writes through one server with the same old context are both kept")
    func concurrentWritesThroughOneServer() throws {
        var store = DottedVersionVectorSet<String>()
        try store.update("old", context: VectorClock(), at: node(0))
        let read = store.context
        try store.update("first", context: read, at: node(0))
        try store.update("second", context: read, at: node(0))
        #expect(store.values == ["second", "first"])
        try store.update("both seen", context: store.context, at: node(1))
        #expect(store.values == ["both seen"])
        #expect(store.context == VectorClock([node(0): 3, node(1): 1]))
    }

    @Test("a removal does not come back from a replica that has not heard of it")
    func removal() throws {
        var first = DottedVersionVectorSet<String>()
        try first.update("gone", context: VectorClock(), at: node(0))
        var second = first
        first.discard(first.context)
        #expect(first.isEmpty)
        first.sync(second)
        #expect(first.isEmpty)
        second.sync(first)
        #expect(second.isEmpty)
    }

    @Test("the end of the numbers is an error, and changes nothing")
    func exhaustion() throws {
        var store = DottedVersionVectorSet<String>()
        try store.update("kept", context: VectorClock(), at: node(0))
        let before = store
        let error = #expect(throws: ClockError.self) {
            try store.update("x", context: VectorClock([node(1): .max]), at: node(1))
        }
        #expect(error?.code == .exhausted)
        #expect(store == before)
    }
}
