import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Testing

private struct Order: Codable, Sendable, Equatable {
    var number: Int
    var customer: String
}

@Suite("A typed queue", .timeLimit(.minutes(1)))
struct MessageQueueTests {
    @Test("declares itself, and gives payloads as they were published")
    func roundTrip() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Order>("orders", on: engine)
        let order = Order(number: 7, customer: "é")
        let published = try await queue.publish(order, key: "é", priority: 9, headers: ["trace": "1"])
        #expect(published.durability == .memory)
        #expect(!published.isDuplicate)
        let delivery = try #require(try await engine.receive(1, from: "orders", lease: .seconds(1)).first)
        #expect(delivery.id == published.id)
        #expect(String(decoding: delivery.body, as: UTF8.self) == #"{"customer":"é","number":7}"#)
    }

    @Test("refuses settings that another program has declared differently")
    func conflict() async throws {
        let engine = MemoryQueueEngine()
        try await MessageQueue<Order>("orders", on: engine).declare()
        var settings = QueueSettings()
        settings.deliveryLimit = 9
        let other = MessageQueue<Order>("orders", on: engine, settings: settings)
        let error = await #expect(throws: QueueError.self) { try await other.publish(Order(number: 1, customer: "a")) }
        #expect(error?.code == .conflict)
        #expect(error?.message.contains("delivery_limit is 5, not 9") == true)
    }

    @Test("a publisher waits for room, and is refused when its time is over")
    func backPressure() async throws {
        let clock = ManualClock()
        let engine = MemoryQueueEngine(clock: clock)
        var settings = QueueSettings()
        settings.capacity = 2
        let queue = MessageQueue<Int>("numbers", on: engine, settings: settings, clock: clock)
        try await queue.publish(1)
        try await queue.publish(2)
        let late = Task { try await queue.publish(3, waitingUpTo: .seconds(10)) }
        try await clock.waitForSleepers()
        clock.advance(by: .seconds(10))
        let error = await #expect(throws: QueueError.self) { try await late.value }
        #expect(error?.code == .full)
        #expect(error?.message.contains("numbers") == true)

        let patient = Task { try await queue.publish(4, waitingUpTo: .seconds(10)) }
        try await clock.waitForSleepers()
        let delivery = try #require(try await engine.receive(1, from: "numbers", lease: .seconds(60)).first)
        _ = try await engine.settle([Settlement(delivery.receipt, .acknowledge)], in: "numbers")
        #expect(try await patient.value.id > delivery.id)
    }

    @Test("of many messages those after the first without room are not stored")
    func partOfMany() async throws {
        var settings = QueueSettings()
        settings.capacity = 1_500
        settings.overflow = .reject
        let queue = MessageQueue<Int>("numbers", on: MemoryQueueEngine(), settings: settings)
        let outcomes = try await queue.publish((0..<2_500).map { NewMessage($0) })
        #expect(outcomes.count == 2_500)
        #expect(outcomes.prefix(1_500).allSatisfy { if case .stored = $0 { true } else { false } })
        #expect(outcomes.dropFirst(1_500).allSatisfy { $0 == .full })
    }

    @Test("a payload that cannot be encoded is refused with its cause, and nothing is stored")
    func unencodable() async throws {
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Double>("numbers", on: engine)
        let error = await #expect(throws: QueueError.self) {
            try await queue.publish([NewMessage(1), NewMessage(.nan)])
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.cause != nil)
        #expect(try await engine.inspect("numbers") == nil)
    }
}
