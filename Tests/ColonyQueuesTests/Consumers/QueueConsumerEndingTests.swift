import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Synchronization
import Testing

/// When a consumer ends by itself.
@Suite("Consumers with limits", .timeLimit(.minutes(1)))
struct QueueConsumerEndingTests {
    /// Moves a clock step by step until something has happened.
    private static func drive(
        _ clock: ManualClock, by step: Duration, until condition: () -> Bool
    ) async throws {
        let limit = HostClock().now.advanced(by: .seconds(20))
        while !condition() {
            try #require(HostClock().now < limit, "it did not happen")
            clock.advance(by: step)
            try await HostClock().sleep(for: .milliseconds(2))
        }
    }

    @Test("end by themselves after as many deliveries as they may begin, and leave the rest", arguments: [1, 3, 8])
    func messageLimit(concurrency: Int) async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        _ = try await queue.publish((0..<50).map { NewMessage($0) })
        var settings = ConsumerSettings()
        settings.messageLimit = 10
        let handled = Mutex(0)
        let consumer = queue.consumer(concurrency: concurrency, settings: settings) { _ in
            handled.withLock { $0 += 1 }
            await Task.yield()
        }
        try await consumer.run()
        #expect(handled.withLock { $0 } == 10)
        let statistics = try #require(try await engine.inspect("numbers")).statistics
        #expect(statistics.ready == 40)
        #expect(statistics.leased == 0)
    }

    @Test("a limit counts deliveries, so that a message that is tried again counts again")
    func messageLimitWithRetries() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        try await queue.publish(1)
        var settings = ConsumerSettings()
        settings.messageLimit = 3
        let attempts = Mutex<[Int]>([])
        let consumer = queue.consumer(settings: settings) { message in
            attempts.withLock { $0.append(message.attempt) }
            throw Reject.retry(after: .zero)
        }
        try await consumer.run()
        #expect(attempts.withLock { $0 } == [1, 2, 3])
    }

    @Test("end by themselves when there was nothing to handle for as long as they wait")
    func idleLimit() async throws {
        let clock = ManualClock()
        var lasting = QueueSettings()
        lasting.lease = .seconds(3_600)
        let queue = MessageQueue<Int>("numbers", on: MemoryQueueEngine(clock: clock), settings: lasting, clock: clock)
        try await queue.publish(1)
        var settings = ConsumerSettings()
        settings.idleLimit = .seconds(10)
        let release = OneShotSignal()
        let handled = OneShotSignal()
        let consumer = queue.consumer(settings: settings) { _ in
            try await release.wait()
            handled.fire()
        }
        let isOver = Mutex(false)
        let run = Task {
            try await consumer.run()
            isOver.withLock { $0 = true }
        }
        // While a handler is at work nothing is idle, however long it takes.
        for _ in 0..<6 {
            try await clock.waitForSleepers()
            clock.advance(by: .seconds(5))
        }
        #expect(!isOver.withLock { $0 })
        release.fire()
        try await handled.wait()
        let start = clock.now
        try await Self.drive(clock, by: .milliseconds(100)) { isOver.withLock { $0 } }
        try await run.value
        #expect(start.duration(to: clock.now) >= .seconds(9))
        #expect(consumer.statistics.handled == 1)
    }
}
