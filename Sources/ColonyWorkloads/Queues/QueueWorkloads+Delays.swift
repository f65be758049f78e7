import ColonyCore
import ColonyQueues

extension QueueWorkloads {
    /// A million delayed messages, put in.
    static let delayInsert = Workload(
        name: "queue-delay-insert",
        title:
            "SQLite engine, publish and confirm delayed messages, 256 bytes, 10 tasks with a batch of 100 each under way, up to "
            + "1,000,000 pending",
        target: .atLeast(80_000, "msgs/s")
    ) { workload, options in
        try await Self.withQueue(options) { queue, _ in
            let count = options.count(200_000, atLeast: 20)
            var rounds = Rounds()
            for round in 0..<Rounds.full {
                options.progress(workload.name, Double(round) / Double(Rounds.full))
                let delays = DelayLoad(
                    count: count, from: options.clock.now.advanced(by: .seconds(3_600)), over: .seconds(60),
                    clock: options.clock)
                rounds.add(operations: count, in: try await delays.insert(into: queue))
            }
            return Self.measurement(of: workload, rounds)
        }
    }

    /// A million delayed messages, when their times come.
    static let delayLateness = Workload(
        name: "queue-delay-lateness",
        title:
            "SQLite engine, 1,000,000 pending delays that end one after the other over a minute, in no order of publishing, a "
            + "QueueConsumer of 100 handlers: from the end of a delay to the beginning of the handler, p99",
        target: .atMost(50, "ms")
    ) { workload, options in
        try await Self.withQueue(options) { queue, _ in
            let clock = options.clock
            let count = options.count(1_000_000, atLeast: 100)
            // As long as putting them in may take at half of its target.
            let lead: Duration = .milliseconds(1_000 + count / 40)
            let log = LatenessLog(count: count)
            let before = ProcessUse.residentMebibytes
            let delays = DelayLoad(
                count: count, from: clock.now.advanced(by: lead), over: .milliseconds(options.milliseconds(60_000)),
                clock: clock)
            let time = try await delays.insert(into: queue)
            let pending = ProcessUse.residentMebibytes
            options.progress(workload.name, 0.3)
            var settings = ConsumerSettings()
            settings.prefetch = 1_000
            let consumer = queue.consumer(concurrency: 100, settings: settings) { message in
                log.note(TimedBody.instant(in: message.payload).duration(to: clock.now))
            }
            try await ConsumeLoad.running(consumer) { try await log.done.wait() }
            let samples = log.samples
            guard let first = samples.min(), first >= .zero else {
                throw WorkloadError("a message of a benchmark came before its time")
            }
            let percentiles = Percentiles(samples)
            var facts = [
                Measurement.Fact("put in", Double(count) / (Double(time.clampedNanoseconds) / 1e9), "msgs/s")
            ]
            if let before, let pending, let after = ProcessUse.residentMebibytes {
                facts += [
                    .init("memory before", before, "MiB"),
                    .init("memory with all pending", pending, "MiB"),
                    .init("memory at the end", after, "MiB"),
                ]
            }
            let milliseconds = samples.map { Double($0.clampedNanoseconds) / 1e6 }
            return Measurement(
                workload: workload.name, title: workload.title, figure: percentiles.p99Microseconds / 1_000, unit: "ms",
                count: count, latency: percentiles, spread: (milliseconds.min() ?? 0)...(milliseconds.max() ?? 0),
                facts: facts, target: workload.target)
        }
    }
}

/// Messages whose delays end one after the other, and which are published in another order.
struct DelayLoad: Sendable {
    let count: Int
    /// When the first delay ends, and over which time the others do.
    let from: MonotonicInstant
    let over: Duration
    let clock: any MonotonicClock

    private static let batch = 100
    private static let tasks = 10

    init(count: Int, from: MonotonicInstant, over: Duration, clock: any MonotonicClock) {
        self.count = count
        self.from = from
        self.over = over
        self.clock = clock
    }

    /// Publishes all, with the end of the delay in the body.
    ///
    /// - Returns: How long that took.
    @concurrent
    func insert(into queue: QueueWorkloads.Queue) async throws -> Duration {
        let start = self.clock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<Self.tasks {
                group.addTask {
                    for first in stride(from: task * Self.batch, to: self.count, by: Self.tasks * Self.batch) {
                        let numbers = first..<min(self.count, first + Self.batch)
                        try PublishLoad.check(try await queue.publish(self.messages(numbers)))
                    }
                }
            }
            try await group.waitForAll()
        }
        return start.duration(to: self.clock.now)
    }

    private func messages(_ numbers: Range<Int>) -> [NewMessage<[UInt8]>] {
        let now = self.clock.now
        return numbers.map { number in
            // A multiplication that mixes: neighbours in publishing are far apart in time.
            let place = Int(UInt64(number) &* 2_654_435_761 % UInt64(self.count))
            let end = self.from.advanced(by: self.over * place / self.count)
            // The delay is counted from a moment later, so that the message may seem later than it is, and never earlier.
            return NewMessage(TimedBody.make(end), availability: .after(max(.zero, now.duration(to: end))))
        }
    }
}
