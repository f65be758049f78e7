import ColonyCore
import ColonyRedis
import ColonyResilience
import ColonyWorkloads
import Foundation

/// A limiter that is shared on Redis beside `redis-benchmark`, which sends the very command of the limiter to the same server.
///
/// `redis-benchmark -P 16 -c 1` keeps sixteen commands under way on one connection, written in C, and throws the answers away.
/// The limiter has 64 tasks that each wait for their own answer, on one connection as well.
enum SharedLimiterComparison {
    private static let share = "share of redis-benchmark"
    private static let tasks = 64

    static let all = [
        Workload(
            name: "limiter-redis",
            title:
                "limiter shared on Redis, 64 tasks, 1 connection, beside redis-benchmark -P 16 -c 1 with its EVALSHA",
            target: .atLeast(60, "%", of: Self.share)
        ) { workload, options in
            let count = options.count(150_000, atLeast: 2_000)
            return try await ScratchFolder.with(in: options.directory) { folder in
                let server = try RedisServer(folder: folder, clock: options.clock)
                defer { server.stop() }
                let engine = try RedisRateLimitEngine(url: "redis://127.0.0.1:\(server.port)?timeout_ms=20000")
                let rule = try RateLimitRule(1_000_000_000, per: .seconds(1))
                let limiter = try SharedRateLimiter("bench", rule, on: engine, clock: options.clock)
                let command = try await Self.command(of: limiter, on: server, folder: folder, clock: options.clock)
                _ = try await Self.rate(limiter, count / 10 + Self.tasks, clock: options.clock)
                var pairs: [(own: Double, theirs: Double)] = []
                for round in 0..<5 {
                    let own = try await Self.rate(limiter, count, clock: options.clock)
                    pairs.append((own, try server.benchmark(command, count: count, folder: folder)))
                    options.progress(workload.name, Double(round + 1) / 5)
                }
                await engine.close()
                pairs.sort { $0.own / $0.theirs < $1.own / $1.theirs }
                let rates = pairs.map(\.own)
                return Measurement(
                    workload: workload.name, title: workload.title, figure: pairs[2].own, unit: "takes/s",
                    count: 5 * count, spread: (rates.min() ?? 0)...(rates.max() ?? 0),
                    facts: [
                        .init("redis-benchmark -P 16 -c 1", pairs[2].theirs, "takes/s"),
                        .init(Self.share, 100 * pairs[2].own / pairs[2].theirs, "%"),
                        .init("the smallest of five pairs", 100 * pairs[0].own / pairs[0].theirs, "%"),
                        .init("the largest of five pairs", 100 * pairs[4].own / pairs[4].theirs, "%"),
                    ],
                    target: workload.target)
            }
        }
    ]

    private static func rate(_ limiter: SharedRateLimiter, _ count: Int, clock: any MonotonicClock) async throws
        -> Double
    {
        let start = clock.now
        let each = count / Self.tasks
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<Self.tasks {
                group.addTask {
                    for _ in 0..<each {
                        guard try await limiter.take().isAllowed else { throw WorkloadError("a take was refused") }
                    }
                }
            }
            try await group.waitForAll()
        }
        return Double(each * Self.tasks) / (Double(clock.now.nanoseconds - start.nanoseconds) / 1e9)
    }

    /// What the limiter sends for a take, as the server sees it.
    private static func command(
        of limiter: SharedRateLimiter, on server: RedisServer, folder: String, clock: any MonotonicClock
    ) async throws -> [String] {
        // The script is loaded by the first one.
        _ = try await limiter.take()
        let output = "\(folder)/monitor"
        let monitor = try ChildProcess(
            "/usr/bin/env", ["redis-cli", "-h", "127.0.0.1", "-p", "\(server.port)", "monitor"], output: output)
        defer { monitor.end() }
        let deadline = clock.now.advanced(by: .seconds(20))
        while clock.now < deadline {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            for line in text.split(separator: "\n") where line.hasSuffix("\"") {
                guard let start = line.range(of: "\"EVALSHA\"") else { continue }
                return String(line[start.lowerBound...].dropFirst().dropLast()).components(separatedBy: "\" \"")
            }
            if text.hasPrefix("OK") { _ = try await limiter.take() }
            try await clock.sleep(for: .milliseconds(20))
        }
        throw WorkloadError("the server showed no EVALSHA within 20 seconds")
    }
}
