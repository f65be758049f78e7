import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

@Suite("Loads through two tiers", .timeLimit(.minutes(2)))
struct TierLoadingTests {
    private let clock = ManualClock()
    private let store: MemoryCacheTier

    init() { self.store = MemoryCacheTier(clock: self.clock) }

    /// A loader that is held up until it is told.
    private final class SlowSource: Sendable {
        let calls = Atomic<Int>(0)
        let cancelled = Atomic<Int>(0)
        let signal = OneShotSignal()

        func load(_ value: String?) async throws -> String? {
            self.calls.add(1, ordering: .sequentiallyConsistent)
            do {
                try await self.signal.wait()
            } catch {
                self.cancelled.add(1, ordering: .sequentiallyConsistent)
                throw error
            }
            return value
        }

        var count: Int { self.calls.load(ordering: .sequentiallyConsistent) }
    }

    @Test func `a key is loaded once, however many ask`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        let source = SlowSource()
        let values = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<500 { group.addTask { try await node.cache.get("a") { _ in try await source.load("1") } } }
            try await eventually("the load runs") { source.count == 1 }
            source.signal.fire()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values == Array(repeating: "1", count: 500))
        #expect(source.count == 1)
        #expect(try await self.store.get(["a"])[0]?.value == Array("1".utf8))
        #expect(try node.cache.localValue("a") == "1")
    }

    @Test func `whoever came first may leave, and the last one ends the load`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        let source = SlowSource()
        let first = Task { try await node.cache.get("a") { _ in try await source.load("1") } }
        try await eventually("the load runs") { source.count == 1 }
        let second = Task { try await node.cache.get("a") { _ in try await source.load("2") } }
        try await eventually("both wait") { node.cache.loadWaiterCount(of: "a") == 2 }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(source.cancelled.load(ordering: .sequentiallyConsistent) == 0)
        source.signal.fire()
        #expect(try await second.value == "1")
        #expect(source.count == 1)

        let other = SlowSource()
        let only = Task { try await node.cache.get("b") { _ in try await other.load("1") } }
        try await eventually("the load runs") { other.count == 1 }
        only.cancel()
        await #expect(throws: CancellationError.self) { try await only.value }
        try await eventually("the load is cancelled") { other.cancelled.load(ordering: .sequentiallyConsistent) == 1 }
    }

    @Test func `a value whose key was changed during its load is stored nowhere`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.listen()
        for change in ["told", "removed"] {
            let source = SlowSource()
            async let value = node.cache.get(change) { _ in try await source.load("old") }
            try await eventually("the load runs") { source.count == 1 }
            if change == "told" {
                let before = node.cache.statistics.channel.invalidations
                node.tier.tell(.keys([try CacheKey(change)]))
                try await eventually("the news came") { node.cache.statistics.channel.invalidations > before }
            } else {
                try await node.cache.remove(change)
            }
            source.signal.fire()
            #expect(try await value == "old")
            #expect(try node.cache.localValue(change) == nil)
            #expect(try await self.store.get([CacheKey(change)]) == [nil])
        }
        await node.stop()
    }

    @Test func `what another node stored during a load stays`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        let source = SlowSource()
        async let value = node.cache.get("a") { _ in try await source.load("mine") }
        try await eventually("the load runs") { source.count == 1 }
        try await self.store.set([CacheWrite("a", Array("theirs".utf8))])
        source.signal.fire()
        #expect(try await value == "mine")
        #expect(try await node.cache.get("a") == "theirs")
    }

    @Test func `errors pass through and are not kept, nor is nothing`() async throws {
        struct Broken: Error {}
        let node = try TierNode(self.store, clock: self.clock)
        await #expect(throws: Broken.self) { try await node.cache.get("a") { _ in throw Broken() } }
        #expect(try await node.cache.get("a") { _ in nil } == nil)
        #expect(try await node.cache.get("a") { _ in "1" } == "1")
        #expect(node.cache.statistics.loads == 2)
        #expect(node.cache.statistics.failedLoads == 1)
    }

    @Test func `a loader that asks for its own key is told`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        let error = await #expect(throws: CacheError.self) {
            try await node.cache.get("a") { _ in
                try await node.cache.get("b") { _ in try await node.cache.get("a") { _ in "1" } }
            }
        }
        #expect(error?.code == .loadReentered)
    }

    @Test func `two loaders that wait for each other are told`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        let (first, second) = (SlowSource(), SlowSource())
        let loads = [
            Task {
                try await node.cache.get("a") { _ in
                    _ = try await first.load(nil)
                    return try await node.cache.get("b") { _ in "never" }
                }
            },
            Task {
                try await node.cache.get("b") { _ in
                    _ = try await second.load(nil)
                    return try await node.cache.get("a") { _ in "never" }
                }
            },
        ]
        try await eventually("both load") { first.count == 1 && second.count == 1 }
        first.signal.fire()
        second.signal.fire()
        for load in loads {
            let error = await #expect(throws: CacheError.self) { try await load.value }
            #expect(error?.code == .loadReentered)
        }
    }

    @Test func `loads go on while the shared cache is down`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        node.tier.setTrouble(.fails(.unavailable))
        #expect(try await node.cache.get("a") { _ in "1" } == "1")
        #expect(try node.cache.localValue("a") == "1")
        self.clock.advance(by: .seconds(5))
        #expect(try node.cache.localValue("a") == nil)
    }

    // MARK: One node of many

    private func nodes(_ count: Int, _ engine: any LeaseEngine, waiting: Duration = .seconds(5)) throws -> [TierNode] {
        let lock = try StampedeLock(engine, waiting: waiting)
        return try (0..<count).map { _ in
            try TierNode(self.store, clock: self.clock) { $0.stampedeLock = lock }
        }
    }

    @Test func `one node loads, and the others read what it stored`() async throws {
        let engine = MemoryLeaseEngine(clock: self.clock)
        let nodes = try self.nodes(5, engine)
        let source = SlowSource()
        let values = try await withThrowingTaskGroup(of: String?.self) { group in
            for node in nodes { group.addTask { try await node.cache.get("a") { _ in try await source.load("1") } } }
            try await eventually("the load runs, and the others have asked") {
                source.count == 1 && nodes.allSatisfy { $0.tier.gets >= 1 }
            }
            source.signal.fire()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values == Array(repeating: "1", count: 5))
        #expect(source.count == 1)
        #expect(nodes.reduce(0) { $0 + $1.cache.statistics.loads } == 1)
        try await eventually("the lease is given back") { try await engine.inspect("cache-load/a") == nil }
    }

    @Test func `who has waited long enough loads by itself`() async throws {
        let engine = MemoryLeaseEngine(clock: self.clock)
        // A node that died while it loaded.
        _ = try await engine.tryAcquire("cache-load/a", owner: "gone", for: .seconds(60))
        let node = try self.nodes(1, engine)[0]
        async let value = node.cache.get("a") { _ in "1" }
        try await eventually("it has waited") {
            self.clock.advance(by: .milliseconds(100))
            return node.cache.statistics.unlockedLoads == 1
        }
        #expect(try await value == "1")
    }

    @Test func `when the loader of one node fails, the next node loads`() async throws {
        struct Broken: Error {}
        let engine = MemoryLeaseEngine(clock: self.clock)
        let nodes = try self.nodes(2, engine)
        let source = SlowSource()
        let failing = Task {
            try await nodes[0].cache.get("a") { _ in
                _ = try await source.load(nil)
                throw Broken()
            }
        }
        try await eventually("the load runs") { source.count == 1 }
        async let value = nodes[1].cache.get("a") { _ in "2" }
        source.signal.fire()
        await #expect(throws: Broken.self) { try await failing.value }
        #expect(try await value == "2")
    }

    @Test func `an engine that fails does not keep anybody from loading`() async throws {
        let engine = FaultyLeaseEngine(MemoryLeaseEngine(clock: self.clock), clock: self.clock)
        engine.follow(.always(.errorAfter))
        let node = try self.nodes(1, engine)[0]
        #expect(try await node.cache.get("a") { _ in "1" } == "1")
        #expect(node.problems == ["lockFailed"])
        #expect(node.cache.statistics.unlockedLoads == 1)
    }

    @Test func `nobody waits for another node while the shared cache is down`() async throws {
        let engine = MemoryLeaseEngine(clock: self.clock)
        _ = try await engine.tryAcquire("cache-load/a", owner: "other", for: .seconds(60))
        let node = try self.nodes(1, engine)[0]
        node.tier.setTrouble(.fails(.unavailable))
        // The clock stands still, so this one cannot have waited.
        #expect(try await node.cache.get("a") { _ in "1" } == "1")
    }

    @Test func `names of leases fit whatever the key is`() throws {
        let engine = MemoryLeaseEngine(clock: self.clock)
        #expect(throws: CacheError.self) { try StampedeLock(engine, prefix: "a\nb") }
        #expect(throws: CacheError.self) { try StampedeLock(engine, holding: .zero) }
        #expect(throws: CacheError.self) { try StampedeLock(engine, waiting: .zero) }
    }
}
