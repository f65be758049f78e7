import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Synchronization
import Testing

private struct Order: Codable, Sendable, Equatable {
    var number: Int
}

private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(20))
    while try await !condition() {
        guard clock.now < deadline else {
            Issue.record("\(what) did not come about")
            return
        }
        await Task.yield()
    }
}

/// Waits until a subscriber has so many messages before it.
private func buffered<Payload>(_ subscription: TopicSubscription<Payload>, _ count: Int) async throws {
    try await eventually("\(count) messages in the buffer") { subscription.statistics.buffered == count }
}

@Suite("Topics", .timeLimit(.minutes(2)))
struct TopicsTests {
    @Test("give a live subscriber what is published to its topics, once and in order")
    func live() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        try await topics.publish(Order(number: 0), to: "orders.de.paid")
        let paid = try await topics.subscribe(to: "orders.*.paid", as: Order.self)
        let all = try await topics.subscribe(to: "#", as: Order.self)
        for number in 1...50 {
            try await topics.publish(
                Order(number: number), to: number.isMultiple(of: 2) ? "orders.de.paid" : "orders.x")
        }
        for number in 1...50 {
            let message = try #require(try await all.next())
            #expect(message.payload.number == number)
            #expect(message.gap == nil)
        }
        for number in stride(from: 2, through: 50, by: 2) {
            let message = try #require(try await paid.next())
            #expect(message.payload.number == number)
            #expect(message.topic == "orders.de.paid")
        }
        #expect(paid.statistics.delivered == 25)
        #expect(topics.standing.live == 2)
        paid.unsubscribe()
        all.unsubscribe()
        #expect(topics.standing == (0, false))
        #expect(try await all.next() == nil)
    }

    @Test("end a subscription that nobody refers to any more")
    func forgotten() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        var subscription: TopicSubscription<Int>? = try await topics.subscribe(to: "a")
        #expect(subscription?.pattern == "a")
        #expect(topics.standing == (1, true))
        subscription = nil
        #expect(topics.standing == (0, false))
    }

    @Test("replay from the beginning, an offset, and a time, then go on live, without gap or duplicate")
    func replay() async throws {
        let (clock, wall) = (ManualClock(), ManualWallClock())
        let topics = Topics(on: MemoryQueueEngine(clock: clock, wallClock: wall))
        try await topics.engine.retain("n.#", TopicRetention(.seconds(3_600)))
        var offsets: [TopicOffset] = []
        for number in 0..<2_500 {
            if number == 2_000 { wall.step(by: .seconds(1)) }
            offsets.append(try await topics.publish(number, to: "n.x").offset)
        }
        // Somebody is live, so that the pump is far ahead of those who replay.
        let live = try await topics.subscribe(to: "n.*", as: Int.self, buffer: 10_000)
        let positions: [(TopicPosition, Int)] = [
            (.beginning, 0), (.after(offsets[99]), 100), (.time(wall.now), 2_000), (.end, 2_500),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (position, first) in positions {
                let subscription = try await topics.subscribe(
                    to: "n.#", as: Int.self, from: position, buffer: 10_000)
                group.addTask {
                    for number in first..<4_000 {
                        let message = try #require(try await subscription.next())
                        guard message.payload == number, message.gap == nil else {
                            Issue.record("from \(position), \(message.payload) came instead of \(number)")
                            return
                        }
                    }
                }
            }
            group.addTask {
                for number in 2_500..<4_000 { try await topics.publish(number, to: "n.x") }
            }
            try await group.waitForAll()
        }
        for number in 2_500..<4_000 { #expect(try await live.next()?.payload == number) }
    }

    @Test("a subscriber that joins sets the pump back, and the others get nothing twice")
    func joining() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let first = try await topics.subscribe(to: "a", as: Int.self)
        var expected: [Int] = []
        for round in 0..<200 {
            try await topics.publish(2 * round, to: "a")
            // The last message was published just now, so the replay ends behind or before the pump, as it happens.
            let second = try await topics.subscribe(to: "#", as: Int.self, from: .beginning)
            var seen: [Int] = []
            expected.append(2 * round)
            while seen.count < expected.count { seen.append(try #require(try await second.next()).payload) }
            #expect(seen == expected)
            try await topics.publish(2 * round + 1, to: "a")
            expected.append(2 * round + 1)
            #expect(try await second.next()?.payload == 2 * round + 1)
            for number in [2 * round, 2 * round + 1] { #expect(try await first.next()?.payload == number) }
        }
    }

    @Test("a subscriber that joins behind the pump gets what the pump has passed, and the others do not get it again")
    func joiningBehind() async throws {
        let engine = FalteringTopicEngine(MemoryQueueEngine())
        let topics = Topics(on: engine)
        let first = try await topics.subscribe(to: "a", as: Int.self)
        try await topics.publish(1, to: "a")
        #expect(try await first.next()?.payload == 1)
        // The page of the second is read, and comes late.
        let second = try await topics.subscribe(to: "a.#", as: Int.self, from: .beginning)
        let gate = engine.hold(back: "a.#")
        let reader = Task { try await second.next()?.payload }
        try await eventually("the page") { gate.isReached }
        try await topics.publish(2, to: "a")
        #expect(try await first.next()?.payload == 2)
        gate.open()
        #expect(try await reader.value == 1)
        #expect(try await second.next()?.payload == 2)
        try await topics.publish(3, to: "a")
        #expect(try await second.next()?.payload == 3)
        #expect(try await first.next()?.payload == 3)
    }

    @Test("drop the oldest of a slow subscriber, and tell how many with the next message")
    func dropOldest() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let slow = try await topics.subscribe(to: "a", as: Int.self, buffer: 3)
        for number in 0..<10 { try await topics.publish(number, to: "a") }
        try await eventually("dropping") { slow.statistics.dropped == 7 }
        let first = try #require(try await slow.next())
        #expect(first.payload == 7)
        #expect(first.gap?.dropped == 7)
        #expect(try await slow.next()?.gap == nil)
        #expect(try await slow.next()?.payload == 9)
    }

    @Test("drop the newest of a slow subscriber, and tell how many with the message after them")
    func dropNewest() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let slow = try await topics.subscribe(to: "a", as: Int.self, buffer: 3, whenFull: .dropNewest)
        for number in 0..<10 { try await topics.publish(number, to: "a") }
        try await eventually("dropping") { slow.statistics.dropped == 7 }
        for number in 0..<3 {
            let message = try #require(try await slow.next())
            #expect(message.payload == number)
            #expect(message.gap == nil)
        }
        try await topics.publish(10, to: "a")
        let message = try #require(try await slow.next())
        #expect(message.payload == 10)
        #expect(message.gap?.dropped == 7)
    }

    @Test("disconnect a slow subscriber after what it has, and let it go on from its last offset")
    func disconnect() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let slow = try await topics.subscribe(to: "a", as: Int.self, buffer: 3, whenFull: .disconnect)
        for number in 0..<10 { try await topics.publish(number, to: "a") }
        try await eventually("the end") { topics.standing == (0, false) }
        guard case .tooSlow = slow.ending else {
            Issue.record("it has ended with \(String(describing: slow.ending))")
            return
        }
        var last: TopicOffset?
        for number in 0..<3 {
            let message = try #require(try await slow.next())
            #expect(message.payload == number)
            last = message.offset
        }
        let error = await #expect(throws: QueueError.self) { try await slow.next() }
        #expect(error?.code == .tooSlow)
        #expect(error?.message.contains("\"a\"") == true)
        let again = try await topics.subscribe(to: "a", as: Int.self, from: .after(try #require(last)), buffer: 3)
        for number in 3..<10 { #expect(try await again.next()?.payload == number) }
    }

    @Test("leave out what cannot be decoded, and tell it with the next message")
    func undecodable() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let numbers = try await topics.subscribe(to: "a", as: Int.self)
        try await topics.publish("no number", to: "a")
        try await topics.publish(1, to: "a")
        let message = try #require(try await numbers.next())
        #expect(message.payload == 1)
        #expect(message.gap?.undecodable == 1)
        #expect(numbers.statistics.undecodable == 1)
    }

    @Test("a subscriber whose task is cancelled can read on")
    func cancelled() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let subscription = try await topics.subscribe(to: "a", as: Int.self)
        let reader = Task { try await subscription.next() }
        reader.cancel()
        let error = await #expect(throws: QueueError.self) { try await reader.value }
        #expect(error?.code == .cancelled)
        try await topics.publish(1, to: "a")
        #expect(try await subscription.next()?.payload == 1)
    }

    @Test("survive an engine that is away, and tell what is not kept any more")
    func outage() async throws {
        let (clock, wall) = (ManualClock(), ManualWallClock())
        let memory = MemoryQueueEngine(clock: clock, wallClock: wall)
        let engine = FalteringTopicEngine(memory)
        let topics = Topics(on: engine)
        let subscription = try await topics.subscribe(to: "a", as: Int.self)
        try await topics.publish(1, to: "a")
        #expect(try await subscription.next()?.payload == 1)
        engine.setFailure(QueueError(.unavailable, "the store is away"))
        try await topics.publish(2, to: "a")
        try await eventually("failures") { engine.failures > 2 }
        engine.setFailure(nil)
        let second = try #require(try await subscription.next())
        #expect(second.payload == 2)
        #expect(second.gap == nil)

        engine.setFailure(QueueError(.unavailable, "the store is away"))
        try await topics.publish(3, to: "a")
        let before = engine.failures
        try await eventually("failures") { engine.failures > before + 1 }
        clock.advance(by: .seconds(61))
        try await topics.publish(4, to: "a")
        engine.setFailure(nil)
        let fourth = try #require(try await subscription.next())
        #expect(fourth.payload == 4)
        #expect(fourth.gap?.isIncomplete == true)

        engine.setFailure(QueueError(.closed, "the store was shut down"))
        try await topics.publish(5, to: "a")
        let error = await #expect(throws: QueueError.self) { try await subscription.next() }
        #expect(error?.code == .closed)
        #expect(topics.standing == (0, false))
    }

    @Test("a durable subscription gets what was published while nobody was there")
    func durable() async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let queue = try await topics.durableSubscription(named: "shipping", to: "orders.#", as: Order.self)
        try await topics.publish(Order(number: 7), to: "orders.de", key: "Ada")
        let received = Mutex<[String]>([])
        let consumer = queue.consumer { message in
            received.withLock {
                $0.append("\(message.payload.number) \(message.topic?.text ?? "") \(message.key ?? "")")
            }
        }
        let run = Task { try await consumer.run() }
        try await eventually("the delivery") { received.withLock { $0 } == ["7 orders.de Ada"] }
        run.cancel()
        try await run.value
        #expect(try await topics.endDurableSubscription(named: "shipping", to: "orders.#"))
        #expect(try await !topics.endDurableSubscription(named: "shipping", to: "orders.#"))
    }

    @Test("a publisher waits for room in a durable subscription, and is refused with its name")
    func backPressure() async throws {
        let clock = ManualClock()
        let topics = Topics(on: MemoryQueueEngine(clock: clock), clock: clock)
        var settings = QueueSettings()
        settings.capacity = 1
        _ = try await topics.durableSubscription(named: "slow", to: "a", as: Int.self, settings: settings)
        try await topics.publish(1, to: "a")
        let late = Task { try await topics.publish(2, to: "a", waitingUpTo: .seconds(10)) }
        try await clock.waitForSleepers()
        clock.advance(by: .seconds(10))
        let error = await #expect(throws: QueueError.self) { try await late.value }
        #expect(error?.code == .full)
        #expect(error?.message.contains("\"slow\"") == true)
    }

    @Test("refuse a buffer that cannot be, with its size", arguments: [0, -1, 1_000_001])
    func buffer(size: Int) async throws {
        let topics = Topics(on: MemoryQueueEngine())
        let error = await #expect(throws: QueueError.self) {
            _ = try await topics.subscribe(to: "a", as: Int.self, buffer: size)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\(size)") == true)
    }
}

/// Holds back one page of the log.
private final class Gate: Sendable {
    private let state = Mutex<(isReached: Bool, isOpen: Bool)>((false, false))

    var isReached: Bool { self.state.withLock { $0.isReached } }

    func open() { self.state.withLock { $0.isOpen = true } }

    func pass() async {
        self.state.withLock { $0.isReached = true }
        while !self.state.withLock({ $0.isOpen }) { await Task.yield() }
    }
}

/// An engine in memory whose log cannot be read for a while.
private final class FalteringTopicEngine: TopicEngine {
    private let engine: MemoryQueueEngine
    private let state = Mutex<(failure: QueueError?, failures: Int)>((nil, 0))
    private let gate = Mutex<(pattern: TopicPattern, gate: Gate)?>(nil)

    init(_ engine: MemoryQueueEngine) { self.engine = engine }

    var failures: Int { self.state.withLock { $0.failures } }

    func setFailure(_ failure: QueueError?) { self.state.withLock { $0.failure = failure } }

    /// Has the next page of a pattern come late.
    func hold(back pattern: TopicPattern) -> Gate {
        let gate = Gate()
        self.gate.withLock { $0 = (pattern, gate) }
        return gate
    }

    private func check() throws(QueueError) {
        let failure = self.state.withLock { state in
            if state.failure != nil { state.failures += 1 }
            return state.failure
        }
        if let failure { throw failure }
    }

    var durability: Durability { self.engine.durability }

    func read(
        _ pattern: TopicPattern, after offset: TopicOffset, limit: Int
    ) async throws(QueueError) -> TopicPage {
        try self.check()
        let page = try await self.engine.read(pattern, after: offset, limit: limit)
        let gate = self.gate.withLock { held -> Gate? in
            guard held?.pattern == pattern else { return nil }
            defer { held = nil }
            return held?.gate
        }
        await gate?.pass()
        return page
    }

    func waitForTopics(after offset: TopicOffset, upTo limit: Duration) async throws(QueueError) {
        try self.check()
        try await self.engine.waitForTopics(after: offset, upTo: limit)
    }

    func offset(of position: TopicPosition) async throws(QueueError) -> TopicOffset {
        try await self.engine.offset(of: position)
    }

    func publish(_ messages: [TopicMessage]) async throws(QueueError) -> [TopicOutcome] {
        try await self.engine.publish(messages)
    }

    func retain(_ pattern: TopicPattern, _ retention: TopicRetention?) async throws(QueueError) {
        try await self.engine.retain(pattern, retention)
    }

    func retentions() async throws(QueueError) -> [RetentionRecord] { try await self.engine.retentions() }

    func declareExchange(
        _ exchange: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName?
    ) async throws(QueueError) -> Bool {
        try await self.engine.declareExchange(exchange, kind, alternate: alternate)
    }

    func deleteExchange(_ exchange: ExchangeName) async throws(QueueError) -> Bool {
        try await self.engine.deleteExchange(exchange)
    }

    func bind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        try await self.engine.bind(exchange, binding)
    }

    func unbind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        try await self.engine.unbind(exchange, binding)
    }

    func exchanges() async throws(QueueError) -> [ExchangeRecord] { try await self.engine.exchanges() }

    func publish(
        _ messages: [RoutedMessage], through exchange: ExchangeName
    ) async throws(QueueError) -> [RoutingOutcome] {
        try await self.engine.publish(messages, through: exchange)
    }

    func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        try await self.engine.declare(queue, settings)
    }

    func publish(
        _ messages: [OutgoingMessage], to queue: QueueName
    ) async throws(QueueError) -> [PublishOutcome] {
        try await self.engine.publish(messages, to: queue)
    }

    func receive(_ limit: Int, from queue: QueueName, lease: Duration) async throws(QueueError) -> [Delivery] {
        try await self.engine.receive(limit, from: queue, lease: lease)
    }

    func settle(
        _ settlements: [Settlement], in queue: QueueName
    ) async throws(QueueError) -> [SettlementOutcome] {
        try await self.engine.settle(settlements, in: queue)
    }

    func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try await self.engine.cancel(ids, in: queue)
    }

    func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        try await self.engine.waitForChange(of: queue, since: seen, upTo: limit)
    }
}
