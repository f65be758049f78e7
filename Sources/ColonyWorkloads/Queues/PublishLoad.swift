import ColonyCore
import ColonyQueues

/// Publishing, over and over: each task waits for the confirmation of what it has published before it goes on.
enum PublishLoad {
    /// What the figures of queues are stated for.
    static let bodyBytes = 256
    static let body = [UInt8](repeating: 0x6D, count: Self.bodyBytes)

    /// One message per call, from many tasks at once.
    ///
    /// - Parameter tasks: How many messages are outstanding.
    @concurrent
    static func singly(_ count: Int, tasks: Int, to queue: QueueWorkloads.Queue) async throws {
        try await Self.share(count, among: tasks) { share in
            for _ in 0..<share { try await queue.publish(Self.body) }
        }
    }

    /// Batches, from several tasks at once.
    ///
    /// - Parameter batch: How many messages a call has; with the tasks, it says how many are outstanding.
    @concurrent
    static func inBatches(_ count: Int, of batch: Int, tasks: Int, to queue: QueueWorkloads.Queue) async throws {
        try await Self.share(count, among: tasks) { share in
            let messages = Array(repeating: NewMessage(Self.body), count: min(batch, share))
            var left = share
            while left > 0 {
                let part = left < messages.count ? Array(messages.prefix(left)) : messages
                try Self.check(try await queue.publish(part))
                left -= part.count
            }
        }
    }

    static func check(_ outcomes: [PublishOutcome]) throws {
        guard outcomes.allSatisfy({ if case .stored = $0 { true } else { false } }) else {
            throw WorkloadError("the queue of a benchmark did not take a message")
        }
    }

    /// How long it takes until single messages are confirmed. Apart from the rounds, because reading the clock has its cost.
    @concurrent
    static func latency(
        samples: Int, tasks: Int, clock: any MonotonicClock, to queue: QueueWorkloads.Queue
    ) async throws -> Percentiles {
        let all = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var own: [Duration] = []
                    for _ in 0..<max(1, samples / tasks) {
                        let start = clock.now
                        try await queue.publish(Self.body)
                        own.append(start.duration(to: clock.now))
                    }
                    return own
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Percentiles(all)
    }

    private static func share(
        _ count: Int, among tasks: Int, _ body: @escaping @Sendable (_ share: Int) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                let share = count / tasks + (task < count % tasks ? 1 : 0)
                group.addTask { try await body(share) }
            }
            try await group.waitForAll()
        }
    }
}
