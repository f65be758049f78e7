import ColonyCoordination
import ColonyCore
import ColonyMemory

extension LockWorkloads {
    /// The memory engine through its port.
    static let memoryPort = Workload(
        name: "memory-port",
        title: "memory engine, acquire and release through the port, 1 task, 1 name",
        target: .atLeast(1_500_000, "pairs/s")
    ) { workload, options in
        let engine = MemoryLeaseEngine(clock: options.clock)
        let rounds = try await Rounds.measure(
            workload.name, operations: options.count(500_000, atLeast: 10), options: options
        ) { try await PairLoad.run($0, of: "bench/port", on: engine) }
        return try await Self.measurement(of: workload, rounds, on: engine, options: options)
    }

    /// The memory engine through `DistributedLock`, which adds the keeper and the waiting room.
    static let memoryLock = Workload(
        name: "memory-lock",
        title: "memory engine, acquire and release through DistributedLock, 1 task, 1 name",
        target: .atLeast(1_500_000, "pairs/s")
    ) { workload, options in
        let engine = MemoryLeaseEngine(clock: options.clock)
        let lock = DistributedLock("bench/lock", on: engine)
        let rounds = try await Rounds.measure(
            workload.name, operations: options.count(500_000, atLeast: 10), options: options
        ) { try await PairLoad.run($0, of: lock) }
        var measurement = try await Self.measurement(of: workload, rounds, on: engine, options: options)
        // The percentiles of the port would be another thing's.
        measurement.latency = nil
        return measurement
    }

    static func measurement(
        of workload: Workload, _ rounds: Rounds, tasks: Int = 1, samples: Int = 20_000, on engine: some LeaseEngine,
        options: WorkloadOptions
    ) async throws -> Measurement {
        Measurement(
            workload: workload.name, title: workload.title, figure: rounds.median, unit: "pairs/s", count: rounds.count,
            latency: try await PairLoad.latency(
                samples: options.count(samples, atLeast: tasks), tasks: tasks, clock: options.clock, on: engine),
            spread: rounds.spread, target: workload.target)
    }
}
