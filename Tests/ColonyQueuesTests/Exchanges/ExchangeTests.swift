import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Testing

private struct Order: Codable, Sendable, Equatable {
    var number: Int
}

@Suite("A typed exchange", .timeLimit(.minutes(1)))
struct ExchangeTests {
    @Test("declares itself, and gives payloads to every queue that is bound for them")
    func roundTrip() async throws {
        let engine = MemoryQueueEngine()
        let (paid, all) = (MessageQueue<Order>("paid", on: engine), MessageQueue<Order>("all", on: engine))
        try await paid.declare()
        try await all.declare()
        let orders = Exchange<Order>("orders", .topic, on: engine)
        #expect(try await orders.bind(to: "paid", where: .pattern("*.paid")))
        #expect(try await orders.bind(to: "all", where: .pattern("#")))
        #expect(try await !orders.bind(to: "all", where: .pattern("#")))
        let publication = try await orders.publish(Order(number: 7), routingKey: "de.paid", key: "k")
        #expect(publication.copies.map(\.queue) == ["all", "paid"])
        #expect(publication.durability == .memory)
        for queue in ["all", "paid"] as [QueueName] {
            let delivery = try #require(try await engine.receive(1, from: queue, lease: .seconds(1)).first)
            #expect(String(decoding: delivery.body, as: UTF8.self) == #"{"number":7}"#)
            #expect(delivery.key == "k")
        }
        #expect(try await orders.unbind(from: .queue("paid"), where: .pattern("*.paid")))
        #expect(try await orders.publish(Order(number: 8), routingKey: "de.paid").copies.map(\.queue) == ["all"])
    }

    @Test("tells a publisher whose message nobody is bound for, with the key")
    func unroutable() async throws {
        let orders = Exchange<Order>("orders", .direct, on: MemoryQueueEngine())
        let error = await #expect(throws: QueueError.self) {
            try await orders.publish(Order(number: 1), routingKey: "nobody")
        }
        #expect(error?.code == .unroutable)
        #expect(error?.message == "the exchange \"orders\" has no queue for a message with the key \"nobody\"")
    }

    @Test("of another program, and the default one, need no declaration")
    func existing() async throws {
        let engine = MemoryQueueEngine()
        try await MessageQueue<Order>("orders", on: engine).declare()
        let exchange = Exchange<Order>(existing: .default, on: engine)
        let publication = try await exchange.publish(Order(number: 1), routingKey: "orders")
        #expect(publication.copies.map(\.queue) == ["orders"])
        let missing = Exchange<Order>(existing: "missing", on: engine)
        let error = await #expect(throws: QueueError.self) { try await missing.publish(Order(number: 1)) }
        #expect(error?.code == .unknownExchange)
        #expect(error?.message.contains("\"missing\"") == true)
    }

    @Test("waits for room in a queue that is to wait for, and for none in one that refuses")
    func backPressure() async throws {
        let clock = ManualClock()
        let engine = MemoryQueueEngine(clock: clock)
        var settings = QueueSettings()
        settings.capacity = 1
        try await engine.declare("slow", settings)
        let exchange = Exchange<Int>("numbers", .fanout, on: engine, clock: clock)
        try await exchange.bind(to: "slow")
        try await exchange.publish(1)
        let late = Task { try await exchange.publish(2, waitingUpTo: .seconds(10)) }
        try await clock.waitForSleepers()
        clock.advance(by: .seconds(10))
        let error = await #expect(throws: QueueError.self) { try await late.value }
        #expect(error?.code == .full)
        #expect(error?.message.contains("\"slow\" has no room and got none within") == true)

        let patient = Task { try await exchange.publish(3, waitingUpTo: .seconds(10)) }
        try await clock.waitForSleepers()
        let delivery = try #require(try await engine.receive(1, from: "slow", lease: .seconds(60)).first)
        _ = try await engine.settle([Settlement(delivery.receipt, .acknowledge)], in: "slow")
        #expect(try await patient.value.copies.map(\.queue) == ["slow"])

        settings.overflow = .reject
        try await engine.declare("strict", settings)
        try await exchange.bind(to: "strict")
        try await exchange.unbind(from: .queue("slow"))
        try await exchange.publish(4)
        let refusal = await #expect(throws: QueueError.self) { try await exchange.publish(5) }
        #expect(refusal?.message == "the queue \"strict\" has no room; publish again later")
    }

    @Test("of many messages those after the first without room are not stored")
    func partOfMany() async throws {
        let engine = MemoryQueueEngine()
        var settings = QueueSettings()
        (settings.capacity, settings.overflow) = (1_500, .reject)
        try await engine.declare("numbers", settings)
        let exchange = Exchange<Int>("numbers", .fanout, on: engine)
        try await exchange.bind(to: "numbers")
        let outcomes = try await exchange.publish((0..<2_500).map { NewMessage($0) })
        #expect(outcomes.count == 2_500)
        #expect(outcomes.prefix(1_500).allSatisfy { if case .stored = $0 { true } else { false } })
        #expect(outcomes.dropFirst(1_500).allSatisfy { $0 == .full("numbers", .reject) })
    }
}
