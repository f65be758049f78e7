import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("Nodes that share a cache, in simulated time", .timeLimit(.minutes(2)))
struct TierSimulationTests {
    @Test(arguments: [false, true])
    func `when all is quiet, every node has what the store has`(isFlaky: Bool) throws {
        for seed in 0..<100 as Range<UInt64> {
            try Simulation(seed: Seed(rawValue: seed)).run { simulation in
                let store = MemoryCacheTier(clock: simulation.clock)
                let tiers = (0..<3).map { number in
                    FlakyTier(
                        store.client(), clock: simulation.clock, generator: simulation.generator(for: "tier-\(number)"))
                }
                if !isFlaky { for tier in tiers { tier.heal() } }
                var options = TieredCacheOptions()
                options.clock = simulation.clock
                options.stampedeLock = try StampedeLock(MemoryLeaseEngine(clock: simulation.clock))
                let caches = try tiers.map { tier in
                    try TieredCache<String, String>(
                        tier, codec: .utf8, options: options, generator: SeededGenerator(seed: simulation.seed))
                }
                let background = caches.map { cache in simulation.spawn { await cache.run() } }
                let workers = caches.enumerated().flatMap { number, cache in
                    (0..<2).map { worker in
                        let generator = simulation.generator(for: "worker-\(number)-\(worker)")
                        return simulation.spawn { try await Self.work(cache, "\(number).\(worker)", generator) }
                    }
                }
                for worker in workers { try await worker.value }
                for tier in tiers { tier.heal() }
                // The clock moves only when nobody can go on, so every message has arrived and every write was made
                // good.
                try await simulation.clock.sleep(for: .seconds(30))
                for (number, cache) in caches.enumerated() {
                    #expect(cache.statistics.tier.pendingRepairs == 0, "seed \(seed)")
                    for key in Self.keys {
                        let stored = try await store.get([CacheKey(key)])[0]
                        let value = stored.map { String(decoding: $0.value, as: UTF8.self) }
                        let seen = try await cache.get(key)
                        #expect(seen == value, "seed \(seed), node \(number), key \(key)")
                    }
                }
                for task in background { task.cancel() }
            }
        }
    }

    private static let keys = ["a", "b", "c"]

    private static func work(
        _ cache: TieredCache<String, String>, _ name: String, _ generator: SeededGenerator
    ) async throws {
        var generator = generator
        for round in 0..<25 {
            let key = Self.keys[Int.random(in: 0..<3, using: &generator)]
            let value = "\(name)-\(round)"
            do {
                switch Int.random(in: 0..<10, using: &generator) {
                case 0..<2: try await cache.set(key, to: value)
                case 2: try await cache.remove(key)
                case 3:
                    let entry = try await cache.entry(key)
                    _ = try await cache.compareAndSet(key, to: value, expecting: entry?.version)
                case 4..<6: _ = try await cache.get(key) { _ in value }
                case 6: _ = try await cache.get(all: Self.keys)
                default: _ = try await cache.get(key)
                }
            } catch let error as CacheError where error.code == .unavailable {
                // Comparisons do not fail softly.
            }
        }
    }
}
