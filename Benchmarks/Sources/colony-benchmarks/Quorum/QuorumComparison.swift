import ColonyCaches
import ColonyCore
import ColonyHashing
import ColonyQuorum
import ColonyRedis
import ColonyWorkloads
import Foundation

/// The quorum store over five Redis servers with N = 3 and R = W = 2, beside one of these servers alone, in turn.
///
/// Both have as many tasks, which each wait for their own answer, over the same client: one connection to a server, on which
/// the commands of all tasks go out together. All five servers and the client share the machine, so a store that did nothing
/// itself could still not reach more than the machine has left.
enum QuorumComparison {
    private static let share = "share of one server"
    private static let tasks = 256
    private static let keys: [CacheKey] = (0..<10_000).map { CacheKey(stringLiteral: "user:\($0)") }
    private static let value = [UInt8](repeating: 0x61, count: 100)

    static let all = [
        Workload(
            name: "quorum-read",
            title: "Quorum store, strong reads of 100 bytes, five Redis, N = 3, R = W = 2, 256 tasks, beside one Redis",
            target: .atLeast(35, "%", of: Self.share)
        ) { workload, options in
            try await Self.compare(workload, options, count: options.count(200_000, atLeast: 2_000)) { tier, key in
                guard try await tier.get([key])[0] != nil else { throw WorkloadError("\(key) is not there") }
            } store: { store, key in
                guard try await store.read(key, at: .strong).value != nil else {
                    throw WorkloadError("\(key) is not there")
                }
            }
        },
        Workload(
            name: "quorum-write",
            title:
                "Quorum store, strong writes of 100 bytes, five Redis, N = 3, R = W = 2, 256 tasks, beside one Redis",
            target: .atLeast(25, "%", of: Self.share)
        ) { workload, options in
            try await Self.compare(workload, options, count: options.count(100_000, atLeast: 2_000)) { tier, key in
                try await tier.set([CacheWrite(key, Self.value)])
            } store: { store, key in
                try await store.write(Self.value, to: key, at: .strong)
            }
        },
        Workload(
            name: "quorum-write-eventual",
            title:
                "Quorum store, eventual writes of 100 bytes, five Redis, N = 3, R = W = 2, 256 tasks, beside one Redis",
            target: .atLeast(25, "%", of: Self.share)
        ) { workload, options in
            try await Self.compare(workload, options, count: options.count(100_000, atLeast: 2_000)) { tier, key in
                try await tier.set([CacheWrite(key, Self.value)])
            } store: { store, key in
                try await store.write(Self.value, to: key, at: .eventual)
            }
        },
    ]

    private static func compare(
        _ workload: Workload, _ options: WorkloadOptions, count: Int,
        alone: @escaping @Sendable (RedisCacheTier, CacheKey) async throws -> Void,
        store work: @escaping @Sendable (QuorumStore, CacheKey) async throws -> Void
    ) async throws -> Measurement {
        try await ScratchFolder.with(in: options.directory) { folder in
            var servers: [RedisServer] = []
            defer { servers.forEach { $0.stop() } }
            var tiers: [NodeID: any CacheTier] = [:]
            var single: RedisCacheTier?
            for number in 0..<5 {
                let server = try RedisServer(folder: folder, clock: options.clock)
                servers.append(server)
                var settings = RedisCacheTierOptions(servers: [RedisAddress(host: "127.0.0.1", port: server.port)])
                settings.timeout = .seconds(20)
                settings.tracking = .off
                let tier = try RedisCacheTier(settings)
                tiers[NodeID(stringLiteral: "redis-\(number)")] = tier
                // The same server under other keys, so that both find the same state of it.
                if number == 0 {
                    settings.keyPrefix = "alone:"
                    single = try RedisCacheTier(settings)
                }
            }
            guard let single else { throw WorkloadError("there is no server") }
            var settings = QuorumSettings()
            settings.timeout = .seconds(20)
            settings.hedge = .seconds(1)
            // One call at a time gathers the most requests into the next one.
            settings.callsPerServer = 1
            let store = try QuorumStore(
                node: "benchmark", placement: try HashRing(nodes: tiers.keys.sorted()), tiers: tiers, settings: settings
            )
            for key in Self.keys {
                try await single.set([CacheWrite(key, Self.value)])
                try await store.write(Self.value, to: key, at: .strong)
            }
            var pairs: [(own: Double, theirs: Double)] = []
            for round in 0..<5 {
                let theirs = try await Self.rate(count, clock: options.clock) { try await alone(single, $0) }
                let own = try await Self.rate(count, clock: options.clock) { try await work(store, $0) }
                pairs.append((own, theirs))
                options.progress(workload.name, Double(round + 1) / 5)
            }
            await single.close()
            for tier in tiers.values { await tier.close() }
            pairs.sort { $0.own / $0.theirs < $1.own / $1.theirs }
            let rates = pairs.map(\.own)
            return Measurement(
                workload: workload.name, title: workload.title, figure: pairs[2].own, unit: "calls/s",
                count: 5 * count, spread: (rates.min() ?? 0)...(rates.max() ?? 0),
                facts: [
                    .init("one Redis alone, pipelined", pairs[2].theirs, "calls/s"),
                    .init(Self.share, 100 * pairs[2].own / pairs[2].theirs, "%"),
                    .init("the smallest of five pairs", 100 * pairs[0].own / pairs[0].theirs, "%"),
                    .init("the largest of five pairs", 100 * pairs[4].own / pairs[4].theirs, "%"),
                ],
                target: workload.target)
        }
    }

    private static func rate(
        _ count: Int, clock: any MonotonicClock, _ call: @escaping @Sendable (CacheKey) async throws -> Void
    ) async throws -> Double {
        let start = clock.now
        let each = max(1, count / Self.tasks)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<Self.tasks {
                group.addTask {
                    // A step that has no divisor in common with the number of keys visits all of them.
                    var place = task * 37
                    for _ in 0..<each {
                        place = (place + 7_919) % Self.keys.count
                        try await call(Self.keys[place])
                    }
                }
            }
            try await group.waitForAll()
        }
        return Double(each * Self.tasks) / (Double(clock.now.nanoseconds - start.nanoseconds) / 1e9)
    }
}
