import ColonyCore
import ColonySQLite
import ColonyTransactions

/// The workloads of transactions: what `colony bench transactions` runs.
///
/// Sagas are on the embedded journal and have three steps in a row that do nothing, so that what is measured is the coordinator and its
/// journal. Every decision comes after `fsync`.
public enum TransactionWorkloads {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] { [self.crowd, self.alone, self.recovery, self.outbox] }

    /// The workload called `name`, or `nil`.
    public static func named(_ name: String) -> Workload? { self.all.first { $0.name == name } }

    /// The decisions that a saga of three steps in a row waits for: its beginning, two outcomes with the start of the next step, and
    /// the last outcome with the end.
    static let decisions = 4

    /// Sagas that run at the same time share commits.
    static let crowd = Workload(
        name: "sagas-256", title: "SQLite journal, sagas of 3 steps that do nothing, 256 in flight",
        target: .atLeast(8_000, "sagas/s")
    ) { workload, options in
        try await Self.withCoordinator(options) { coordinator, saga, _ in
            let rounds = try await Rounds.measure(
                workload.name, operations: options.count(20_000, atLeast: 10), options: options
            ) { try await SagaLoad.run($0, of: saga, tasks: 256, on: coordinator) }
            return Measurement(
                workload: workload.name, title: workload.title, figure: rounds.median, unit: "sagas/s",
                count: rounds.count, spread: rounds.spread, target: workload.target)
        }
    }

    /// A saga that runs alone, beside what the disk could do for it at best.
    static let alone = Workload(
        name: "saga-1",
        title:
            "SQLite journal, sagas of 3 steps that do nothing, one at a time; the bound is \(decisions) durable writes of 4 KiB each",
        target: .atLeast(50, "%", of: "share of the bound")
    ) { workload, options in
        try await Self.withCoordinator(options) { coordinator, saga, folder in
            var probe = try DiskProbe(path: "\(folder)/probe", blockBytes: 4_096)
            let count = options.count(500, atLeast: 3)
            try await SagaLoad.run(count / 10 + 1, of: saga, tasks: 1, on: coordinator)
            var rounds = Rounds()
            var bounds = Rounds()
            var shares: [Double] = []
            for round in 0..<Rounds.full {
                options.progress(workload.name, Double(round) / Double(Rounds.full))
                // The disk's speed changes from one moment to the next, so the bound is measured beside each round.
                let before = options.clock.now
                try probe.writeDurably(count * Self.decisions)
                bounds.add(operations: count, in: before.duration(to: options.clock.now))
                let start = options.clock.now
                try await SagaLoad.run(count, of: saga, tasks: 1, on: coordinator)
                rounds.add(operations: count, in: start.duration(to: options.clock.now))
                shares.append(rounds.rates[round] / bounds.rates[round] * 100)
            }
            return Measurement(
                workload: workload.name, title: workload.title, figure: rounds.median, unit: "sagas/s",
                count: rounds.count, spread: rounds.spread,
                facts: [
                    .init("bound by \(Self.decisions) durable writes", bounds.median, "sagas/s"),
                    .init("share of the bound", shares.sorted()[shares.count / 2], "%"),
                ], target: workload.target)
        }
    }

    /// Sagas whose process is gone, in the middle of their second step.
    static let recovery = Workload(
        name: "saga-recovery",
        title: "SQLite journal, 100,000 unfinished sagas whose process is gone: until all are claimed",
        target: .atMost(20, "s")
    ) { workload, options in
        try await ScratchFolder.with(in: options.directory) { folder in
            let count = options.count(100_000, atLeast: 10)
            let journal = SQLiteTransactionJournal(path: "\(folder)/colony.db")
            do {
                let saga = try SagaLoad.saga()
                try await SagaLoad.leave(count, of: saga, in: journal, clock: options.clock)
                options.progress(workload.name, 0.5)
                let coordinator = try TransactionCoordinator(
                    journal, definitions: [saga],
                    options: CoordinatorOptions(maximumInFlight: 10_000_000), clock: options.clock)
                let watch = ClaimWatch(coordinator, clock: options.clock)
                let times = try await coordinator.run { try await watch.wait(for: count) }
                await journal.close()
                return Measurement(
                    workload: workload.name, title: workload.title,
                    figure: Double(times.all.clampedNanoseconds) / 1e9, unit: "s", count: count,
                    facts: [
                        .init("first one resumed", Double(times.first.clampedNanoseconds) / 1e6, "ms"),
                        .init("all ended", Double(times.ended.clampedNanoseconds) / 1e9, "s"),
                    ], target: workload.target)
            } catch {
                await journal.close()
                throw error
            }
        }
    }

    private static func withCoordinator<Result: Sendable>(
        _ options: WorkloadOptions,
        _ body: @Sendable (TransactionCoordinator, Saga<Int, Int>, _ folder: String) async throws -> Result
    ) async throws -> Result {
        try await ScratchFolder.with(in: options.directory) { folder in
            let journal = SQLiteTransactionJournal(path: "\(folder)/colony.db")
            do {
                let saga = try SagaLoad.saga()
                let coordinator = try TransactionCoordinator(journal, definitions: [saga], clock: options.clock)
                let result = try await coordinator.run { try await body(coordinator, saga, folder) }
                await journal.close()
                return result
            } catch {
                await journal.close()
                throw error
            }
        }
    }
}
