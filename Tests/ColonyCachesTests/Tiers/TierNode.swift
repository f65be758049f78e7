import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

/// One of several processes that share a cache, on a clock that is moved by hand.
final class TierNode: Sendable {
    let clock: ManualClock
    let tier: ScriptedTier
    let cache: TieredCache<String, String>
    private let found = Found()
    private let running = Mutex<Task<Void, Never>?>(nil)

    private final class Found: Sendable {
        let problems = Mutex<[String]>([])
    }

    init(
        _ store: MemoryCacheTier, clock: ManualClock, hasEcho: Bool = true,
        _ change: (inout TieredCacheOptions) -> Void = { _ in }
    ) throws {
        self.clock = clock
        self.tier = ScriptedTier(store.client(), hasEcho: hasEcho)
        var options = TieredCacheOptions()
        options.clock = clock
        let found = self.found
        options.onProblem = { problem in
            let name = String("\(problem)".prefix { $0 != "(" })
            found.problems.withLock { $0.append(name) }
        }
        change(&options)
        self.cache = try TieredCache(
            self.tier, codec: .utf8, options: options, generator: SeededGenerator(seed: 1))
    }

    /// The names of the problems that were reported.
    var problems: [String] { self.found.problems.withLock { $0 } }

    /// Runs the background work, and waits until it listens.
    func listen() async throws {
        self.running.withLock { $0 = Task { [cache] in await cache.run() } }
        try await eventually("the node listens") { self.cache.statistics.channel.isListening }
    }

    func stop() async {
        let task = self.running.withLock { $0.take() }
        task?.cancel()
        await task?.value
    }

    /// Stores a value as another node would that tells this one.
    func storeElsewhere(_ key: CacheKey, _ value: String) async throws {
        try await self.tier.base.set([CacheWrite(key, Array(value.utf8))])
        self.tier.tell(.keys([key]))
    }
}
