import ColonyCore
import ColonyQueues

extension QueueWorkloads {
    /// What a deep queue costs its publishers. Not among ``all``: a full run takes minutes and four gigabytes of disk.
    static let depth = Workload(
        name: "queue-depth",
        title:
            "SQLite engine, publish and confirm into a queue of 10,000,000 messages beside an empty one in turn, 256 bytes, 10 tasks "
            + "with a batch of 100 each under way",
        target: .atLeast(80, "% of the empty queue")
    ) { workload, options in
        var settings = QueueSettings()
        settings.capacity = 20_000_000
        settings.capacityBytes = 8 << 30
        let depth = options.count(10_000_000, atLeast: 100)
        let count = options.count(200_000, atLeast: 20)
        return try await Self.withQueue(options, settings: settings) { deep, folder in
            let parts = 100
            for part in 0..<parts {
                options.progress(workload.name, Double(part) / Double(parts) * 0.8)
                try await PublishLoad.inBatches(depth / parts, of: 1_000, tasks: 2, to: deep)
            }
            var (full, empty) = (Rounds(), Rounds())
            var shares: [Double] = []
            for round in 0..<Rounds.full {
                options.progress(workload.name, 0.8 + 0.2 * Double(round) / Double(Rounds.full))
                // Each time a new file, so that both grow.
                empty.add(
                    operations: count,
                    in: try await Self.withQueue(options, settings: settings) { queue, _ in
                        try await Self.publishing(count, to: queue, options.clock)
                    })
                full.add(operations: count, in: try await Self.publishing(count, to: deep, options.clock))
                shares.append(full.rates[round] / empty.rates[round] * 100)
            }
            shares.sort()
            return Measurement(
                workload: workload.name, title: workload.title, figure: shares[shares.count / 2],
                unit: "% of the empty queue", count: full.count, spread: shares[0]...shares[shares.count - 1],
                facts: [
                    .init("messages in the queue before", Double(depth / parts * parts), "msgs"),
                    .init("deep queue", full.median, "msgs/s"),
                    .init("empty queue", empty.median, "msgs/s"),
                    .init("file at the end", Self.mebibytes("\(folder)/colony.db"), "MiB"),
                ], target: workload.target)
        }
    }

    private static func publishing(_ count: Int, to queue: Queue, _ clock: any MonotonicClock) async throws -> Duration
    {
        // What a new file costs at first is not the depth's.
        try await PublishLoad.inBatches(count / 10 + 1, of: 100, tasks: Self.outstanding / 100, to: queue)
        let start = clock.now
        try await PublishLoad.inBatches(count, of: 100, tasks: Self.outstanding / 100, to: queue)
        return start.duration(to: clock.now)
    }
}
