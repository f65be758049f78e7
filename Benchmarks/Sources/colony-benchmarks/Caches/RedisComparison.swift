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
                    pairs.append((own, try server.benchmark(count: count, folder: folder)))
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

/// A Redis without persistence, and its own load generator.
private final class RedisServer {
    let port: Int
    private let process: ChildProcess

    init(folder: String, clock: any MonotonicClock) throws {
        let port = Int(try ClientSocket.freePort())
        self.port = port
        self.process = try ChildProcess(
            "/usr/bin/env",
            [
                "redis-server", "--bind", "127.0.0.1", "--port", "\(port)", "--save", "", "--appendonly", "no", "--dir",
                folder,
            ], output: "\(folder)/redis.log")
        let deadline = clock.now.advanced(by: .seconds(20))
        while clock.now < deadline, !self.process.hasEnded {
            if (try? ClientSocket(port: UInt16(port))) != nil { return }
            Pause.milliseconds(10)
        }
        self.process.stop()
        throw WorkloadError("redis-server did not answer within 20 seconds (Debian's package is redis-server)")
    }

    /// Nothing of it is kept, so it is not asked.
    func stop() { self.process.end() }

    /// The rate that `redis-benchmark` prints.
    func benchmark(count: Int, folder: String) throws -> Double {
        let output = "\(folder)/redis-benchmark.csv"
        try? FileManager.default.removeItem(atPath: output)
        let code = try ChildProcess(
            "/usr/bin/env",
            [
                "redis-benchmark", "-h", "127.0.0.1", "-p", "\(self.port)", "-t", "get", "-P", "16", "-c", "1", "-n",
                "\(count)", "--csv",
            ], output: output
        ).wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard code == 0 else {
            throw WorkloadError(
                "redis-benchmark ended with \(code) (Debian's package is redis-tools): \(text.suffix(300))")
        }
        // "GET","123456.78",…
        for line in text.split(separator: "\n") where line.hasPrefix("\"GET\"") {
            let fields = line.split(separator: ",").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"")) }
            if fields.count > 1, let rate = Double(fields[1]) { return rate }
        }
        throw WorkloadError("redis-benchmark printed no rate: \(text.suffix(300))")
    }
}
