import ColonyCore
import ColonyQueues
import Synchronization

/// Handling and acknowledging what is in a queue.
enum ConsumeLoad {
    /// Runs a consumer with a handler that does nothing until it has handled so many messages and all are settled.
    @concurrent
    static func throughConsumer(_ count: Int, concurrency: Int, prefetch: Int, of queue: QueueWorkloads.Queue)
        async throws
    {
        let handled = Atomic<Int>(0)
        let done = OneShotSignal()
        var settings = ConsumerSettings()
        settings.prefetch = prefetch
        let consumer = queue.consumer(concurrency: concurrency, settings: settings) { _ in
            if handled.wrappingAdd(1, ordering: .relaxed).newValue == count { done.fire() }
        }
        try await Self.running(consumer) { try await done.wait() }
        guard handled.load(ordering: .relaxed) == count, consumer.statistics.stale == 0 else {
            throw WorkloadError(
                "of \(count) messages of a benchmark, \(handled.load(ordering: .relaxed)) were handled and "
                    + "\(consumer.statistics.stale) had been lost")
        }
    }

    /// Runs a consumer beside `body`, and ends it afterwards with everything settled.
    ///
    /// - Throws: What `body` throws, or why the consumer could not go on, as soon as that is so.
    static func running<Result: Sendable>(
        _ consumer: QueueConsumer<[UInt8]>, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await consumer.run()
                return nil
            }
            group.addTask { try await body() }
            var result: Result?
            while let next = try await group.next() {
                if let next { result = next }
                // The consumer ends by cancellation; were it over before, its error would have been thrown.
                group.cancelAll()
            }
            guard let result else { throw WorkloadError("the consumer of a benchmark ended too early") }
            return result
        }
    }

    /// Receives and acknowledges through the port, from several tasks at once.
    @concurrent
    static func throughPort(_ count: Int, batch: Int, tasks: Int, of queue: QueueWorkloads.Queue) async throws {
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var own = 0
                    while true {
                        let deliveries = try await queue.engine.receive(
                            batch, from: queue.name, lease: queue.settings.lease)
                        if deliveries.isEmpty { return own }
                        let outcomes = try await queue.engine.settle(
                            deliveries.map { Settlement($0.receipt, .acknowledge) }, in: queue.name)
                        guard outcomes.allSatisfy({ $0 == .settled }) else {
                            throw WorkloadError("a delivery of a benchmark was over before it was acknowledged")
                        }
                        own += deliveries.count
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        guard total == count else { throw WorkloadError("of \(count) messages of a benchmark, \(total) came back") }
    }
}
