import ColonyCore
import ColonyQueues

extension QueueWorkloads {
    /// What consumers cost that have nothing to do.
    static let idle = Workload(
        name: "queue-idle",
        title:
            "SQLite engine, a process with 1,000 queues and a QueueConsumer on each, for 30 s without a message: its processor time",
        target: .atMost(1, "% of a core")
    ) { workload, options in
        try await Self.withQueue(options) { first, _ in
            let count = options.count(1_000, atLeast: 2)
            var queues: [Queue] = []
            for number in 0..<count {
                queues.append(
                    Queue(try QueueName("idle-\(number)"), on: first.engine, codec: .bytes, clock: options.clock))
            }
            let consumers = queues.map { queue in queue.consumer { _ in } }
            return try await withThrowingTaskGroup(of: Void.self) { group in
                for consumer in consumers { group.addTask { try await consumer.run() } }
                defer { group.cancelAll() }
                // Until all have declared their queues and found nothing.
                try await options.clock.sleep(for: .milliseconds(options.milliseconds(5_000)))
                let before = ProcessUse.processorTime
                let start = options.clock.now
                // As long as a consumer waits at the most before it looks again, so that each has looked.
                try await options.clock.sleep(for: .milliseconds(options.milliseconds(30_000)))
                let used = ProcessUse.processorTime - before
                let share = used / start.duration(to: options.clock.now) * 100
                var facts: [Measurement.Fact] = []
                if let memory = ProcessUse.residentMebibytes { facts.append(.init("memory", memory, "MiB")) }
                return Measurement(
                    workload: workload.name, title: workload.title, figure: share, unit: "% of a core", count: count,
                    facts: facts, target: workload.target)
            }
        }
    }
}
