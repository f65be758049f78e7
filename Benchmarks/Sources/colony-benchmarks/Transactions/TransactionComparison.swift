import ColonyCore
import ColonyPostgres
import ColonyQueues
import ColonySQLite
import ColonyTransactions
import ColonyWorkloads
import Foundation

/// Transactions on PostgreSQL: an outbox, and a two-phase commit beside a bare one.
struct TransactionComparison: Sendable {
    /// The program that commits without a coordinator.
    let twoPhase: String

    private static let rounds = 5
    /// How many transactions are under way at a time.
    private static let chains = 16

    var all: [Workload] { [self.outbox, self.commit(tasks: Self.chains), self.commit(tasks: 1)] }

    // MARK: The outbox

    /// PostgreSQL has no queue of ours, so the queue is the embedded one, on the same disk. The messages are there before.
    private var outbox: Workload {
        Workload(
            name: "outbox-postgres",
            title: "outbox in PostgreSQL to a queue in an SQLite file, messages of 128 bytes",
            target: .atLeast(5_000, "messages/s")
        ) { workload, options in
            try await TransactionServer.with(options) { server, folder in
                try server.run(PostgresOutbox.installation)
                let outbox = try PostgresOutbox(url: EngineURL(server.url(of: "postgres")))
                let engine = SQLiteQueueEngine(path: "\(folder)/colony.db")
                let count = options.count(20_000, atLeast: 20)
                var rates: [Double] = []
                for round in 0...Self.rounds {
                    options.progress(workload.name, Double(round) / Double(Self.rounds + 1))
                    let queue = try QueueName("work-\(round)")
                    try await engine.declare(queue, QueueSettings())
                    try server.run(
                        """
                        INSERT INTO colony_outbox (queue, body, key, priority, headers)
                        SELECT '\(queue)', convert_to(repeat('m', 128), 'UTF8'), 'order-4711', 4, '{}'
                        FROM generate_series(1, \(count))
                        """)
                    let time = try await OutboxLoad.relay(count, from: outbox, to: engine, clock: options.clock)
                    // The first one warms up.
                    if round > 0 { rates.append(Double(count) / time.inSeconds) }
                }
                await outbox.close()
                await engine.close()
                rates.sort()
                return Measurement(
                    workload: workload.name, title: workload.title, figure: rates[rates.count / 2],
                    unit: "messages/s", count: count * Self.rounds, spread: rates[0]...rates[rates.count - 1],
                    target: workload.target)
            }
        }
    }

    // MARK: Two-phase commit

    /// What the coordinator adds to the statements of the bare one: a durable write of the decision between the two phases, and another of
    /// the end, which nothing but the next answer waits for.
    private func commit(tasks: Int) -> Workload {
        Workload(
            name: "two-phase-\(tasks)",
            title:
                "two-phase commit over two databases of one PostgreSQL, \(tasks) under way, beside a bare program that sends the "
                + "same statements and writes no decision",
            target: .atLeast(60, "% of the bare one")
        ) { workload, options in
            try await TransactionServer.with(options) { server, folder in
                for database in ["left", "right"] {
                    try server.run("CREATE DATABASE \"\(database)\"")
                    try server.run(
                        """
                        CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
                        INSERT INTO account SELECT i, 0 FROM generate_series(1, 64) i
                        """, in: database)
                }
                let load = try TwoPhaseLoad(server, folder: folder, tasks: tasks)
                return try await load.coordinator.run {
                    let measurement = try await self.measure(workload, load, server, tasks, options)
                    return measurement
                }
            }
        }
    }

    private func measure(
        _ workload: Workload, _ load: TwoPhaseLoad, _ server: TransactionServer, _ tasks: Int,
        _ options: WorkloadOptions
    ) async throws -> Measurement {
        let span = Duration.milliseconds(options.milliseconds(3_000))
        _ = try await load.run(for: span / 3, clock: options.clock)
        var ours: [Double] = []
        var theirs: [Double] = []
        var shares: [Double] = []
        var count = 0
        for round in 0..<Self.rounds {
            options.progress(workload.name, Double(round) / Double(Self.rounds))
            let done = try await load.run(for: span, clock: options.clock)
            count += done.count
            ours.append(done.rate)
            theirs.append(try self.bare(server, tasks: tasks, seconds: span.inSeconds, round: round))
            shares.append(100 * ours[round] / theirs[round])
        }
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        return Measurement(
            workload: workload.name, title: workload.title, figure: median(shares), unit: "% of the bare one",
            count: count, spread: (shares.min() ?? 0)...(shares.max() ?? 0),
            facts: [
                .init("colony", median(ours), "transactions/s"),
                .init("the bare one", median(theirs), "transactions/s"),
            ], target: workload.target)
    }

    private struct Outcome: Decodable {
        var per_second: Double
    }

    private func bare(_ server: TransactionServer, tasks: Int, seconds: Double, round: Int) throws -> Double {
        guard FileManager.default.isExecutableFile(atPath: self.twoPhase) else {
            throw WorkloadError("\(self.twoPhase) is not built; make bench builds it with a compiler of C")
        }
        let output = "\(server.folder)/../two-phase-\(round).json"
        let code = try ChildProcess(
            self.twoPhase,
            [server.connection(to: "left"), server.connection(to: "right"), "\(tasks)", "\(seconds)"], output: output
        ).wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard code == 0 else { throw WorkloadError("two-phase ended with \(code): \(text.suffix(500))") }
        return try JSONDecoder().decode(Outcome.self, from: Data(text.utf8)).per_second
    }
}
