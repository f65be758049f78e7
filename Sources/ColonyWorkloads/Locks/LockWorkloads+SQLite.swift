import ColonyCoordination
import ColonyCore
import ColonySQLite
import Foundation

extension LockWorkloads {
    /// One task on the embedded engine, beside what the disk could do for it at best.
    static let sqliteOne = Workload(
        name: "sqlite-1",
        title:
            "SQLite engine, durable, acquire and release through the port, 1 task; the bound is two durable 8 KiB writes",
        target: .atLeast(60, "%", of: "share of the bound")
    ) { workload, options in
        try await Self.withEngine(options) { engine, folder in
            var probe = try DiskProbe(path: "\(folder)/probe")
            let pairs = options.count(2_000, atLeast: 5)
            try await PairLoad.run(pairs / 10 + 1, of: "bench/warm-up", on: engine)
            var rounds = Rounds()
            var bounds = Rounds()
            var shares: [Double] = []
            for round in 0..<Rounds.full {
                options.progress(workload.name, Double(round) / Double(Rounds.full))
                // The disk's speed changes from one moment to the next, so the bound is measured beside each round.
                bounds.add(
                    operations: pairs, in: try Self.time(options.clock) { try probe.writeDurably(2 * pairs) })
                let start = options.clock.now
                try await PairLoad.run(pairs, of: "bench/one", on: engine)
                rounds.add(operations: pairs, in: start.duration(to: options.clock.now))
                shares.append(rounds.rates[round] / bounds.rates[round] * 100)
            }
            var measurement = try await Self.measurement(
                of: workload, rounds, samples: 2_000, on: engine, options: options)
            measurement.facts = [
                .init("bound by two durable writes", bounds.median, "pairs/s"),
                .init("share of the bound", shares.sorted()[shares.count / 2], "%"),
            ]
            return measurement
        }
    }

    /// Many tasks on the embedded engine, which share commits.
    static let sqliteMany = Workload(
        name: "sqlite-64",
        title: "SQLite engine, durable, acquire and release through the port, 64 tasks in one process, a name each",
        target: .atLeast(40_000, "pairs/s")
    ) { workload, options in
        try await Self.withEngine(options) { engine, folder in
            var probe = try DiskProbe(path: "\(folder)/probe")
            let rounds = try await Rounds.measure(
                workload.name, operations: options.count(40_000, atLeast: 64), options: options
            ) { try await PairLoad.run($0, tasks: 64, on: engine) }
            var measurement = try await Self.measurement(
                of: workload, rounds, tasks: 64, samples: 64_000, on: engine, options: options)
            let writes = options.count(2_000, atLeast: 5)
            var bound = Rounds()
            bound.add(operations: writes, in: try Self.time(options.clock) { try probe.writeDurably(writes) })
            measurement.facts = [.init("durable writes of 8 KiB, one at a time", bound.median, "writes/s")]
            return measurement
        }
    }

    /// A lock that the tasks of one process fight for.
    static let handOverInProcess = Workload(
        name: "hand-over-process",
        title:
            "SQLite engine, one lock, 8 tasks of one process: from just before a release to just after the next grant, p99",
        target: .atMost(5, "ms")
    ) { workload, options in
        try await Self.withEngine(options) { engine, folder in
            let lock = DistributedLock("bench/hand-over", on: engine)
            let samples = try await HandOverLoad.run(
                handOvers: options.count(5_000, atLeast: 20), tasks: 8, of: lock, clock: options.clock)
            return Self.handOver(of: workload, samples)
        }
    }

    /// A lock that processes fight for.
    static let handOverAcrossProcesses = Workload(
        name: "hand-over-host",
        title:
            "SQLite engine, one lock, 4 processes: from just before a release to just after the grant in another, p99",
        target: .atMost(25, "ms")
    ) { workload, options in
        try await ScratchFolder.with(in: options.directory) { folder in
            let samples = try await HandOverProcesses.run(
                handOvers: options.count(2_000, atLeast: 20), processes: 4, folder: folder, options: options)
            return Self.handOver(of: workload, samples)
        }
    }

    /// Makes an engine in a folder of its own, and closes it before the folder is removed.
    private static func withEngine<Result>(
        _ options: WorkloadOptions, _ body: (_ engine: SQLiteLeaseEngine, _ folder: String) async throws -> Result
    ) async throws -> Result {
        try await ScratchFolder.with(in: options.directory) { folder in
            let engine = SQLiteLeaseEngine(path: "\(folder)/colony.db", clock: options.clock)
            do {
                let result = try await body(engine, folder)
                await engine.close()
                return result
            } catch {
                await engine.close()
                throw error
            }
        }
    }

    static func handOver(of workload: Workload, _ samples: [Duration]) -> Measurement {
        let percentiles = Percentiles(samples)
        let milliseconds = samples.map { Double($0.clampedNanoseconds) / 1e6 }
        return Measurement(
            workload: workload.name, title: workload.title, figure: percentiles.p99Microseconds / 1_000, unit: "ms",
            count: samples.count, latency: percentiles,
            spread: (milliseconds.min() ?? 0)...(milliseconds.max() ?? 0), target: workload.target)
    }

    private static func time(_ clock: any MonotonicClock, _ body: () throws -> Void) rethrows -> Duration {
        let start = clock.now
        try body()
        return start.duration(to: clock.now)
    }
}
