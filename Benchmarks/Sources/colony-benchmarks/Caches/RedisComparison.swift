import ColonyCaches
import ColonyCore
import ColonyRedis
import ColonyWorkloads
import Foundation

/// The Redis tier beside `redis-benchmark`, on the same server and in turn: look-ups of one key each, the same short value.
///
/// `redis-benchmark -P 16 -c 1` keeps sixteen commands under way on one connection, written in C, and throws the answers away.
/// The tier has 64 tasks that each wait for their own answer, on one connection as well.
enum RedisComparison {
    private static let share = "share of redis-benchmark"
    private static let tasks = 64

    static let all = [
        Workload(
            name: "redis-tier",
            title: "Redis tier, look-ups of one key each, 64 tasks, 1 connection, beside redis-benchmark -P 16 -c 1",
            target: .atLeast(60, "%", of: Self.share)
        ) { workload, options in
            let count = options.count(300_000, atLeast: 2_000)
            return try await ScratchFolder.with(in: options.directory) { folder in
                let server = try RedisServer(folder: folder, clock: options.clock)
                defer { server.stop() }
                var settings = RedisCacheTierOptions(servers: [RedisAddress(host: "127.0.0.1", port: server.port)])
                settings.timeout = .seconds(20)
                let tier = try RedisCacheTier(settings)
                // The key that redis-benchmark asks for, with the value that it stores.
                try await tier.set([CacheWrite("key:__rand_int__", Array("xxx".utf8))])
                _ = try await Self.rate(tier, count / 10 + Self.tasks, clock: options.clock)
                var pairs: [(own: Double, theirs: Double)] = []
                for round in 0..<5 {
                    let own = try await Self.rate(tier, count, clock: options.clock)
                    pairs.append((own, try server.benchmark(["-t", "get"], count: count, folder: folder)))
                    options.progress(workload.name, Double(round + 1) / 5)
                }
                await tier.close()
                pairs.sort { $0.own / $0.theirs < $1.own / $1.theirs }
                let rates = pairs.map(\.own)
                return Measurement(
                    workload: workload.name, title: workload.title, figure: pairs[2].own, unit: "look-ups/s",
                    count: 5 * count, spread: (rates.min() ?? 0)...(rates.max() ?? 0),
                    facts: [
                        .init("redis-benchmark -P 16 -c 1", pairs[2].theirs, "look-ups/s"),
                        .init(Self.share, 100 * pairs[2].own / pairs[2].theirs, "%"),
                        .init("the smallest of five pairs", 100 * pairs[0].own / pairs[0].theirs, "%"),
                        .init("the largest of five pairs", 100 * pairs[4].own / pairs[4].theirs, "%"),
                    ],
                    target: workload.target)
            }
        }
    ]

    private static func rate(_ tier: RedisCacheTier, _ count: Int, clock: any MonotonicClock) async throws -> Double {
        let start = clock.now
        let each = count / Self.tasks
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<Self.tasks {
                group.addTask {
                    for _ in 0..<each {
                        guard try await tier.get(["key:__rand_int__"])[0] != nil else {
                            throw WorkloadError("the key is not there")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return Double(each * Self.tasks) / (Double(clock.now.nanoseconds - start.nanoseconds) / 1e9)
    }
}
