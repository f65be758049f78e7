import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Testing

private struct Report: Codable, Hashable, Sendable {
    var kind: String
}

/// Queues in memory without the power of schedules.
private final class PlainEngine: QueueEngine {
    private let store = MemoryQueueEngine()
    var durability: Durability { self.store.durability }

    func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        try await self.store.declare(queue, settings)
    }

    func publish(_ messages: [OutgoingMessage], to queue: QueueName) async throws(QueueError) -> [PublishOutcome] {
        try await self.store.publish(messages, to: queue)
    }

    func receive(_ limit: Int, from queue: QueueName, lease: Duration) async throws(QueueError) -> [Delivery] {
        try await self.store.receive(limit, from: queue, lease: lease)
    }

    func settle(_ settlements: [Settlement], in queue: QueueName) async throws(QueueError) -> [SettlementOutcome] {
        try await self.store.settle(settlements, in: queue)
    }

    func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try await self.store.cancel(ids, in: queue)
    }

    func waitForChange(of queue: QueueName, since seen: Int64, upTo limit: Duration) async throws(QueueError) -> Int64 {
        try await self.store.waitForChange(of: queue, since: seen, upTo: limit)
    }
}

@Suite("A schedule")
struct ScheduleTests {
    @Test("that cannot work is refused when it is made")
    func refusals() throws {
        func code(
            _ cron: String = "* * * * *", _ message: ScheduledMessage = ScheduledMessage([]),
            missed: MissedTicks = .once
        ) throws -> QueueError.Code? {
            do {
                _ = try Schedule("s", cron: CronExpression(cron), to: "q", message: message, missed: missed)
                return nil
            } catch let error as QueueError {
                return error.code
            }
        }
        #expect(try code("0 0 30 2 *") == .invalidRequest)
        #expect(try code("0 0 29 2 *") == nil)
        #expect(try code("* * * * *", ScheduledMessage(Array(repeating: 0, count: 65_536))) == nil)
        #expect(try code("* * * * *", ScheduledMessage(Array(repeating: 0, count: 65_537))) == .tooLarge)
        #expect(try code("* * * * *", ScheduledMessage([], key: "")) == .invalidRequest)
        #expect(try code("* * * * *", ScheduledMessage([], priority: 10)) == .invalidRequest)
        // Two headers are those of the schedule.
        func headers(_ count: Int) -> [String: String] {
            Dictionary(uniqueKeysWithValues: (0..<count).map { ("h\($0)", "") })
        }
        #expect(try code("* * * * *", ScheduledMessage([], headers: headers(62))) == nil)
        #expect(try code("* * * * *", ScheduledMessage([], headers: headers(63))) == .tooLarge)
        #expect(try code(missed: .all(limit: 1_000)) == nil)
        for limit in [0, -1, 1_001] { #expect(try code(missed: .all(limit: limit)) == .invalidRequest) }
        let error = #expect(throws: QueueError.self) {
            try Schedule("s", cron: CronExpression("0 0 30 2 *"), to: "q", message: ScheduledMessage([]))
        }
        #expect(error?.message.contains("\"0 0 30 2 *\"") == true)
    }

    @Test("is made by a typed queue, whose consumers get its payload")
    func typed() async throws {
        let (clock, wall) = (ManualClock(), ManualWallClock())
        let engine = MemoryQueueEngine(clock: clock, wallClock: wall)
        let queue = MessageQueue<Report>("reports", on: engine, clock: clock)
        func put(_ report: Report) async throws -> Bool {
            try await queue.schedule(
                named: "daily", cron: "0 0 2 1 *", zone: "Europe/Berlin", report, key: "k", headers: ["a": "1"],
                at: wall.now)
        }
        #expect(try await put(Report(kind: "daily")))
        #expect(try await !put(Report(kind: "daily")))
        #expect(try await put(Report(kind: "weekly")))
        let tick = try #require(try await engine.schedule(named: "daily")?.next)
        #expect(tick.rfc3339 == "2026-01-01T23:00:00.000Z")
        _ = try await engine.take(tick, of: "daily", publishing: [tick], next: nil)
        let delivery = try #require(try await engine.receive(1, from: "reports", lease: .seconds(30)).first)
        #expect(try PayloadCodec<Report>.json.decode(delivery.body) == Report(kind: "weekly"))
        #expect(delivery.key == "k" && delivery.headers["a"] == "1" && delivery.headers["schedule-name"] == "daily")
        #expect(try await queue.removeSchedule(named: "daily"))
        #expect(try await !queue.removeSchedule(named: "daily"))
    }

    @Test("is refused by a typed queue with the text that is wrong")
    func typedRefusals() async throws {
        let queue = MessageQueue<Report>("reports", on: MemoryQueueEngine())
        for (cron, zone, quoted) in [
            ("61 * * * *", "UTC", "\"61 * * * *\""), ("* * * * *", "Europe/Atlantis", "\"Europe/Atlantis\""),
            ("0 0 31 2 *", "UTC", "\"0 0 31 2 *\""),
        ] {
            let error = await #expect(throws: QueueError.self) {
                try await queue.schedule(named: "s", cron: cron, zone: zone, Report(kind: ""))
            }
            #expect(error?.code == .invalidRequest && error?.message.contains(quoted) == true)
        }
        let plain = MessageQueue<Report>("reports", on: PlainEngine())
        let error = await #expect(throws: QueueError.self) {
            try await plain.schedule(named: "s", cron: "* * * * *", Report(kind: ""))
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test("is one of ten thousand at the most")
    func limit() async throws {
        let engine = MemoryQueueEngine()
        try await engine.declare("q", QueueSettings())
        let cron = try CronExpression("* * * * *")
        func schedule(_ number: Int) throws -> Schedule {
            try Schedule(ScheduleName("s\(number)"), cron: cron, to: "q", message: ScheduledMessage([]))
        }
        for number in 0..<MessageLimits.schedules { try await engine.put(schedule(number), next: nil) }
        let error = await #expect(throws: QueueError.self) {
            try await engine.put(schedule(MessageLimits.schedules), next: nil)
        }
        #expect(error?.code == .invalidRequest)
        // Those that are there may be changed.
        #expect(try await engine.put(schedule(7).paused(), next: nil))
    }

    @Test("A delayed message is taken back by its number, once")
    func cancel() async throws {
        let clock = ManualClock()
        let queue = MessageQueue<Report>("reports", on: MemoryQueueEngine(clock: clock), clock: clock)
        let first = try await queue.publish(Report(kind: "a"), availability: .after(.seconds(10))).id
        let second = try await queue.publish(Report(kind: "b"), availability: .after(.seconds(10))).id
        #expect(try await queue.cancel(first))
        #expect(try await !queue.cancel(first))
        clock.advance(by: .seconds(10))
        let deliveries = try await queue.engine.receive(10, from: "reports", lease: .seconds(30))
        #expect(deliveries.map(\.id) == [second])
        #expect(try await !queue.cancel(second))
    }
}
