import ColonyCore
import ColonyMemory
import ColonyQueues
import Dispatch
import Synchronization
import Testing

/// What handlers have seen.
private final class Journal: Sendable {
    struct Entry: Equatable {
        let key: String?
        let value: Int
        let attempt: Int
    }

    private struct State {
        var entries: [Entry] = []
        var running = 0
        var most = 0
    }

    private let state = Mutex(State())

    var entries: [Entry] { self.state.withLock { $0.entries } }
    var most: Int { self.state.withLock { $0.most } }

    func begin(_ message: ReceivedMessage<Int>) {
        self.state.withLock { state in
            state.entries.append(Entry(key: message.key, value: message.payload, attempt: message.attempt))
            state.running += 1
            state.most = max(state.most, state.running)
        }
    }

    func end() { self.state.withLock { $0.running -= 1 } }
}

private struct Broken: Error {}

private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(45))
    while try await !condition() {
        guard clock.now < deadline else {
            Issue.record("\(what) did not come about")
            return
        }
        // Whoever only yields takes the threads from those that it waits for.
        try await clock.sleep(for: .milliseconds(2))
    }
}

@Suite("Consumers", .timeLimit(.minutes(2)))
struct QueueConsumerTests {
    @Test("handle every message once, those of one key in order, and as many at a time as they may")
    func handles() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        _ = try await queue.publish((0..<1_000).map { NewMessage($0, key: "k\($0 % 7)") })
        let journal = Journal()
        let consumer = queue.consumer(concurrency: 4) { message in
            journal.begin(message)
            await Task.yield()
            journal.end()
        }
        let run = Task { try await consumer.run() }
        try await eventually("the end") { try await engine.inspect("numbers")?.statistics.count == 0 }
        run.cancel()
        try await run.value
        #expect(journal.entries.count == 1_000)
        #expect(journal.most <= 4)
        for key in 0..<7 {
            let values = journal.entries.filter { $0.key == "k\(key)" }.map(\.value)
            #expect(values == values.sorted())
        }
        #expect(consumer.statistics.handled == 1_000)
        #expect(consumer.statistics.stale == 0)
    }

    @Test("longHandlerKeepsLease: handlers that block every thread for ten leases run once")
    func longHandlerKeepsLease() async throws {
        let engine = MemoryQueueEngine()
        var settings = QueueSettings()
        settings.lease = .milliseconds(200)
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings)
        _ = try await queue.publish((0..<3).map { NewMessage($0) })
        let journal = Journal()
        let consumer = queue.consumer(concurrency: 3) { message in
            journal.begin(message)
            blockThread(for: .seconds(2))
            journal.end()
        }
        let run = Task { try await consumer.run() }
        try await eventually("the end") { consumer.statistics.handled == 3 }
        run.cancel()
        try await run.value
        #expect(journal.entries.map(\.value).sorted() == Array(0..<3))
        #expect(journal.entries.allSatisfy { $0.attempt == 1 })
        #expect(consumer.statistics.stale == 0)
    }

    @Test("try what fails again, and give it up when its deliveries are used up")
    func retries() async throws {
        let engine = MemoryQueueEngine()
        var settings = QueueSettings()
        settings.deliveryLimit = 3
        settings.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(2))
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings)
        _ = try await queue.publish([NewMessage(1), NewMessage(2)])
        let journal = Journal()
        let consumer = queue.consumer { message in
            journal.begin(message)
            if message.payload == 1 || message.attempt < 2 { throw Broken() }
        }
        let run = Task { try await consumer.run() }
        try await eventually("the end") {
            let statistics = try await engine.inspect("numbers")?.statistics
            return statistics?.dead == 1 && statistics?.count == 1
        }
        run.cancel()
        try await run.value
        #expect(journal.entries.filter { $0.value == 1 }.map(\.attempt) == [1, 2, 3])
        #expect(journal.entries.filter { $0.value == 2 }.map(\.attempt) == [1, 2])
        let letter = try #require(try await engine.deadLetters(of: "numbers", after: nil, limit: 10).first)
        #expect(letter.attempts == 3)
        #expect(letter.reason.contains("Broken"))
    }

    @Test("do what a handler says by throwing a rejection")
    func rejects() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        _ = try await queue.publish([NewMessage(1), NewMessage(2)])
        let consumer = queue.consumer { message in
            if message.payload == 1 { throw Reject.deadLetter("no such customer") }
            if message.attempt == 1 { throw Reject.retry(after: .zero) }
        }
        let run = Task { try await consumer.run() }
        try await eventually("the end") {
            let statistics = try await engine.inspect("numbers")?.statistics
            return statistics?.dead == 1 && statistics?.count == 1
        }
        run.cancel()
        try await run.value
        let letters = try await engine.deadLetters(of: "numbers", after: nil, limit: 10)
        #expect(letters.map(\.reason) == ["no such customer"])
        #expect(letters.map(\.attempts) == [1])
    }

    @Test("make what cannot be decoded a dead letter, with the reason")
    func undecodable() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        try await queue.declare()
        _ = try await engine.publish([OutgoingMessage(Array("{".utf8))], to: "numbers")
        let consumer = queue.consumer { _ in }
        let run = Task { try await consumer.run() }
        try await eventually("the end") { consumer.statistics.rejected == 1 }
        run.cancel()
        try await run.value
        let letters = try await engine.deadLetters(of: "numbers", after: nil, limit: 10)
        #expect(letters.first?.reason.contains("decoded") == true)
    }

    @Test("requeueLoopIsBounded: when they end, they hand back what was not begun at once, without counting it")
    func drains() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        _ = try await queue.publish((0..<100).map { NewMessage($0) })
        let begun = OneShotSignal()
        let release = OneShotSignal()
        var settings = ConsumerSettings()
        settings.prefetch = 50
        settings.drainLimit = .seconds(60)
        let consumer = queue.consumer(concurrency: 1, settings: settings) { _ in
            begun.fire()
            try await release.wait()
        }
        let run = Task { try await consumer.run() }
        try await begun.wait()
        try await eventually("the prefetch") { try await engine.inspect("numbers")?.statistics.leased == 51 }
        run.cancel()
        try await run.value
        let statistics = try #require(try await engine.inspect("numbers")).statistics
        // Also the one that was cancelled is not to blame.
        #expect(statistics.ready == 100)
        let deliveries = try await engine.receive(100, from: "numbers", lease: .seconds(1))
        #expect(deliveries.allSatisfy { $0.attempt == 1 })
    }

    @Test("a handler that never returns does not keep them from ending, and its message goes to another")
    func neverReturns() async throws {
        let engine = MemoryQueueEngine()
        var settings = QueueSettings()
        settings.lease = .milliseconds(200)
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings)
        try await queue.publish(1)
        let begun = OneShotSignal()
        let stuck = queue.consumer { _ in
            begun.fire()
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        }
        let run = Task { try await stuck.run() }
        try await begun.wait()
        run.cancel()
        try await run.value
        let journal = Journal()
        let other = queue.consumer { journal.begin($0) }
        let second = Task { try await other.run() }
        try await eventually("the second delivery") { other.statistics.handled == 1 }
        second.cancel()
        try await second.value
        #expect(journal.entries.map(\.attempt) == [2])
    }

    @Test("give each key of what they have fetched its share, in queues in whose order keys take no turns")
    func fairShare() async throws {
        let engine = MemoryQueueEngine()
        var settings = QueueSettings()
        settings.order = .priority
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings)
        _ = try await queue.publish((0..<100).map { NewMessage($0, key: "many") })
        _ = try await queue.publish([NewMessage(100, key: "few"), NewMessage(101, key: "few")])
        let journal = Journal()
        var consumerSettings = ConsumerSettings()
        consumerSettings.prefetch = 200
        let consumer = queue.consumer(settings: consumerSettings) { journal.begin($0) }
        let run = Task { try await consumer.run() }
        try await eventually("the end") { consumer.statistics.handled == 102 }
        run.cancel()
        try await run.value
        let places = journal.entries.enumerated().filter { $0.element.key == "few" }.map(\.offset)
        #expect(places.count == 2)
        #expect(places.allSatisfy { $0 < 10 })
    }

    @Test("give each key its share of the whole queue where keys take turns, however little they fetch")
    func fairQueue() async throws {
        let engine = MemoryQueueEngine()
        var settings = QueueSettings()
        settings.order = .fair
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings)
        for start in stride(from: 0, to: 10_000, by: 1_000) {
            _ = try await queue.publish((start..<start + 1_000).map { NewMessage($0, key: "many") })
        }
        _ = try await queue.publish([NewMessage(10_000, key: "few"), NewMessage(10_001, key: "few")])
        let journal = Journal()
        var consumerSettings = ConsumerSettings()
        consumerSettings.prefetch = 0
        let consumer = queue.consumer(settings: consumerSettings) { journal.begin($0) }
        let run = Task { try await consumer.run() }
        try await eventually("those of the other key") { journal.entries.count { $0.key == "few" } == 2 }
        run.cancel()
        try await run.value
        let places = journal.entries.enumerated().filter { $0.element.key == "few" }.map(\.offset)
        #expect(places.count == 2)
        #expect(places.allSatisfy { $0 < 10 })
    }

    @Test("take nothing while they are paused")
    func pauses() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        let consumer = queue.consumer(concurrency: 2) { _ in }
        let run = Task { try await consumer.run() }
        try await queue.publish(1)
        try await eventually("the first") { consumer.statistics.handled == 1 }
        consumer.pause()
        for number in 2...5 { try await queue.publish(number) }
        try await eventually("the hand-back") {
            let statistics = try await engine.inspect("numbers")?.statistics
            return statistics?.ready == 4 && statistics?.leased == 0
        }
        #expect(consumer.statistics.handled == 1)
        consumer.resume()
        try await eventually("the rest") { consumer.statistics.handled == 5 }
        run.cancel()
        try await run.value
    }

    @Test("begin no more messages per second than they may")
    func rate() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("numbers", on: engine)
        _ = try await queue.publish((0..<21).map { NewMessage($0) })
        var settings = ConsumerSettings()
        settings.maximumRate = 200
        let consumer = queue.consumer(concurrency: 4, settings: settings) { _ in }
        let clock = HostClock()
        let start = clock.now
        let run = Task { try await consumer.run() }
        try await eventually("the end") { consumer.statistics.handled == 21 }
        #expect(start.duration(to: clock.now) >= .milliseconds(100))
        run.cancel()
        try await run.value
    }

    @Test("refuse settings that cannot work")
    func refused() async {
        var settings: [(Int, ConsumerSettings)] = [(0, ConsumerSettings()), (1_001, ConsumerSettings())]
        for change in [
            { $0.prefetch = -1 }, { $0.lease = .zero }, { $0.maximumRate = 0 }, { $0.drainLimit = .seconds(-1) },
            { $0.pollInterval = .zero }, { $0.messageLimit = 0 }, { $0.idleLimit = .seconds(-1) },
            { $0.cancellationLimit = .seconds(-1) },
        ] as [(inout ConsumerSettings) -> Void] {
            var changed = ConsumerSettings()
            change(&changed)
            settings.append((1, changed))
        }
        for (concurrency, settings) in settings {
            let consumer = MessageQueue<Int>("numbers", on: MemoryQueueEngine())
                .consumer(concurrency: concurrency, settings: settings) { _ in }
            let error = await #expect(throws: QueueError.self) { try await consumer.run() }
            #expect(error?.code == .invalidConfiguration)
        }
    }
}

/// What a handler does that lets nobody else have its thread.
private func blockThread(for duration: Duration) {
    _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(Int(duration / .milliseconds(1))))
}
