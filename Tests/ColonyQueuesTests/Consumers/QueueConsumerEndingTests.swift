import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Synchronization
import Testing

/// What a consumer does when it has lost a message, and when it ends by itself.
@Suite("Consumers that lose or end", .timeLimit(.minutes(1)))
struct QueueConsumerEndingTests {
    @Test("cancel the handler of a delivery that is over, and go on with the next message")
    func lostLease() async throws {
        let engine = MemoryQueueEngine()
        var settings = QueueSettings()
        settings.lease = .milliseconds(80)
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings)
        let receipts = Mutex<[Receipt]>([])
        let begun = OneShotSignal()
        let cancelled = OneShotSignal()
        let second = OneShotSignal()
        let consumer = queue.consumer { message in
            guard message.payload == 1 else { return second.fire() }
            receipts.withLock { $0.append(message.delivery.receipt) }
            begun.fire()
            do {
                try await OneShotSignal().wait()
            } catch {
                cancelled.fire()
                throw error
            }
        }
        let run = Task { try await consumer.run() }
        try await queue.publish(1)
        try await queue.publish(2)
        try await begun.wait()
        // Somebody settles the delivery behind the back of its handler.
        let receipt = try #require(receipts.withLock { $0.first })
        #expect(try await engine.settle([Settlement(receipt, .acknowledge)], in: "numbers") == [.settled])
        try await cancelled.wait()
        try await second.wait()
        run.cancel()
        try await run.value
        #expect(receipts.withLock { $0.count } == 1)
        #expect(consumer.statistics.stale == 1)
    }

    @Test("cancel the handler when the store does not answer for as long as the lease lasts")
    func unreachable() async throws {
        let clock = ManualClock()
        let engine = UnreachableEngine(MemoryQueueEngine(clock: clock))
        var settings = QueueSettings()
        settings.lease = .seconds(40)
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings, clock: clock)
        try await queue.publish(1)
        let begun = OneShotSignal()
        let cancelled = Mutex(false)
        let consumer = queue.consumer { _ in
            engine.isUnreachable.store(true, ordering: .sequentiallyConsistent)
            begun.fire()
            do {
                try await OneShotSignal().wait()
            } catch {
                cancelled.withLock { $0 = true }
                throw error
            }
        }
        let run = Task { try await consumer.run() }
        try await begun.wait()
        let start = clock.now
        try await Self.drive(clock, by: .seconds(1)) { cancelled.withLock { $0 } }
        let passed = start.duration(to: clock.now)
        #expect(passed >= .seconds(39), "it was cancelled after \(passed.text)")
        #expect(passed < .seconds(60), "it was cancelled after \(passed.text)")
        engine.isUnreachable.store(false, ordering: .sequentiallyConsistent)
        let isOver = Mutex(false)
        let end = Task {
            try await run.value
            isOver.withLock { $0 = true }
        }
        run.cancel()
        try await Self.drive(clock, by: .seconds(1)) { isOver.withLock { $0 } }
        try await end.value
    }

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

/// A store that stops answering.
private final class UnreachableEngine: QueueEngine {
    private let engine: MemoryQueueEngine
    let isUnreachable = Atomic<Bool>(false)

    init(_ engine: MemoryQueueEngine) { self.engine = engine }

    private func check() throws(QueueError) {
        if self.isUnreachable.load(ordering: .sequentiallyConsistent) {
            throw QueueError(.unavailable, "the store does not answer")
        }
    }

    var durability: Durability { self.engine.durability }

    func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        try self.check()
        return try await self.engine.declare(queue, settings)
    }

    func publish(_ messages: [OutgoingMessage], to queue: QueueName) async throws(QueueError) -> [PublishOutcome] {
        try self.check()
        return try await self.engine.publish(messages, to: queue)
    }

    func receive(_ limit: Int, from queue: QueueName, lease: Duration) async throws(QueueError) -> [Delivery] {
        try self.check()
        return try await self.engine.receive(limit, from: queue, lease: lease)
    }

    func settle(_ settlements: [Settlement], in queue: QueueName) async throws(QueueError) -> [SettlementOutcome] {
        try self.check()
        return try await self.engine.settle(settlements, in: queue)
    }

    func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try self.check()
        return try await self.engine.cancel(ids, in: queue)
    }

    func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        try self.check()
        return try await self.engine.waitForChange(of: queue, since: seen, upTo: limit)
    }
}
