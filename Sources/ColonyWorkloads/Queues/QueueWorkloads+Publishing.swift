import ColonyCore
import ColonyQueues

extension QueueWorkloads {
    /// How many messages are on their way to the disk in the figures that say so.
    static let outstanding = 1_000

    /// One message per call.
    static let publishSingly = Workload(
        name: "queue-publish",
        title: "SQLite engine, publish and confirm, 256 bytes, 1,000 tasks with one message each under way",
        target: .atLeast(100_000, "msgs/s")
    ) { workload, options in
        try await Self.withQueue(options) { queue, _ in
            let rounds = try await Rounds.measure(
                workload.name, operations: options.count(200_000, atLeast: 20), options: options
            ) { try await PublishLoad.singly($0, tasks: Self.outstanding, to: queue) }
            return Self.measurement(
                of: workload, rounds,
                latency: try await PublishLoad.latency(
                    samples: options.count(100_000, atLeast: 1), tasks: Self.outstanding, clock: options.clock,
                    to: queue))
        }
    }

    /// A hundred messages per call.
    static let publishInBatches = Workload(
        name: "queue-publish-batches",
        title: "SQLite engine, publish and confirm, 256 bytes, 10 tasks with a batch of 100 each under way",
        target: .atLeast(100_000, "msgs/s")
    ) { workload, options in
        try await Self.withQueue(options) { queue, _ in
            let rounds = try await Rounds.measure(
                workload.name, operations: options.count(200_000, atLeast: 20), options: options
            ) { try await PublishLoad.inBatches($0, of: 100, tasks: Self.outstanding / 100, to: queue) }
            return Self.measurement(of: workload, rounds)
        }
    }

    /// A publisher that works alone, beside what the disk could do for it at best.
    static let publishOne = Workload(
        name: "queue-publish-1",
        title:
            "SQLite engine, publish and confirm, 256 bytes, 1 task; the bound is one durable write of a page of 4 KiB",
        target: .atLeast(60, "%", of: "share of the bound")
    ) { workload, options in
        try await Self.withQueue(options) { queue, folder in
            var probe = try DiskProbe(path: "\(folder)/probe", blockBytes: 4_096)
            let count = options.count(2_000, atLeast: 5)
            try await PublishLoad.singly(count / 10 + 1, tasks: 1, to: queue)
            var rounds = Rounds()
            var bounds = Rounds()
            var shares: [Double] = []
            for round in 0..<Rounds.full {
                options.progress(workload.name, Double(round) / Double(Rounds.full))
                // The disk's speed changes from one moment to the next, so the bound is measured beside each round.
                let before = options.clock.now
                try probe.writeDurably(count)
                bounds.add(operations: count, in: before.duration(to: options.clock.now))
                let start = options.clock.now
                try await PublishLoad.singly(count, tasks: 1, to: queue)
                rounds.add(operations: count, in: start.duration(to: options.clock.now))
                shares.append(rounds.rates[round] / bounds.rates[round] * 100)
            }
            return Self.measurement(
                of: workload, rounds,
                latency: try await PublishLoad.latency(
                    samples: options.count(2_000, atLeast: 5), tasks: 1, clock: options.clock, to: queue),
                facts: [
                    .init("bound by one durable write", bounds.median, "msgs/s"),
                    .init("share of the bound", shares.sorted()[shares.count / 2], "%"),
                ])
        }
    }

    static func measurement(
        of workload: Workload, _ rounds: Rounds, latency: Percentiles? = nil, facts: [Measurement.Fact] = []
    ) -> Measurement {
        Measurement(
            workload: workload.name, title: workload.title, figure: rounds.median, unit: "msgs/s", count: rounds.count,
            latency: latency, spread: rounds.spread, facts: facts, target: workload.target)
    }
}
