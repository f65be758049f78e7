import ColonyCore
import ColonyQueues

extension QueueWorkloads {
    /// From a publisher to a handler, at a rate that leaves the machine mostly idle.
    static let latency = Workload(
        name: "queue-latency",
        title:
            "SQLite engine, 1,000 messages a second for 10 s, 256 bytes, each published when its time has come, whatever became of "
            + "those before: from that time to the beginning of the handler, p99",
        target: .atMost(10, "ms")
    ) { workload, options in
        try await Self.withQueue(options) { queue, _ in
            _ = try await Self.latency(options.count(1_000, atLeast: 5), of: queue, options)
            let samples = try await Self.latency(options.count(10_000, atLeast: 20), of: queue, options)
            let percentiles = Percentiles(samples)
            let milliseconds = samples.map { Double($0.clampedNanoseconds) / 1e6 }
            return Measurement(
                workload: workload.name, title: workload.title, figure: percentiles.p99Microseconds / 1_000, unit: "ms",
                count: samples.count, latency: percentiles,
                spread: (milliseconds.min() ?? 0)...(milliseconds.max() ?? 0), target: workload.target)
        }
    }

    private static func latency(_ count: Int, of queue: Queue, _ options: WorkloadOptions) async throws -> [Duration] {
        let clock = options.clock
        let log = LatenessLog(count: count)
        let consumer = queue.consumer(concurrency: 16) { message in
            log.note(TimedBody.instant(in: message.payload).duration(to: clock.now))
        }
        try await ConsumeLoad.running(consumer) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let start = clock.now
                for number in 0..<count {
                    let time = start.advanced(by: .milliseconds(number))
                    try await clock.sleep(until: time, tolerance: nil)
                    group.addTask { try await queue.publish(TimedBody.make(time)) }
                    if number % 100 == 99 { options.progress("queue-latency", Double(number) / Double(count)) }
                }
                try await group.waitForAll()
            }
            try await log.done.wait()
        }
        return log.samples
    }
}
