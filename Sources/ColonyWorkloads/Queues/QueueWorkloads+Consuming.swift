import ColonyCore
import ColonyQueues

extension QueueWorkloads {
    /// A backlog through the front door.
    static let consume = Workload(
        name: "queue-consume",
        title:
            "SQLite engine, consume and acknowledge a backlog, 256 bytes, a QueueConsumer of 100 handlers, 1,000 held ready",
        target: .atLeast(100_000, "msgs/s")
    ) { workload, options in
        try await Self.backlog(workload, options) { count, queue in
            try await ConsumeLoad.throughConsumer(count, concurrency: 100, prefetch: 1_000, of: queue)
        }
    }

    /// A backlog without what a consumer adds: fair shares, leases that are extended, outcomes that are gathered.
    static let consumeThroughPort = Workload(
        name: "queue-consume-port",
        title: "SQLite engine, receive and acknowledge a backlog through the port, 256 bytes, 2 tasks, 500 at a time",
        target: .atLeast(100_000, "msgs/s")
    ) { workload, options in
        try await Self.backlog(workload, options) { count, queue in
            try await ConsumeLoad.throughPort(count, batch: 500, tasks: 2, of: queue)
        }
    }

    private static func backlog(
        _ workload: Workload, _ options: WorkloadOptions, _ body: (_ count: Int, _ queue: Queue) async throws -> Void
    ) async throws -> Measurement {
        try await Self.withQueue(options) { queue, _ in
            let count = options.count(200_000, atLeast: 20)
            var rounds = Rounds()
            for round in 0...Rounds.full {
                options.progress(workload.name, Double(round) / Double(Rounds.full + 1))
                let share = round == 0 ? count / 10 : count
                try await PublishLoad.inBatches(share, of: 1_000, tasks: 2, to: queue)
                let start = options.clock.now
                try await body(share, queue)
                // The first round warms up.
                if round > 0 { rounds.add(operations: share, in: start.duration(to: options.clock.now)) }
            }
            return Self.measurement(of: workload, rounds)
        }
    }
}
