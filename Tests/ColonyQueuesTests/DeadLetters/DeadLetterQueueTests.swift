import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Synchronization
import Testing

@Suite("Dead letters of a queue", .timeLimit(.minutes(1)))
struct DeadLetterQueueTests {
    private let clock = ManualClock()
    private let engine: MemoryQueueEngine

    init() { self.engine = MemoryQueueEngine(clock: self.clock) }

    /// Makes so many dead letters, parked or in the queue that dead letters are moved to.
    private func kill(_ count: Int, in queue: QueueName, movedTo target: QueueName? = nil) async throws -> [MessageID] {
        var settings = QueueSettings()
        settings.deadLetterQueue = target
        if let target { try await self.engine.declare(target, QueueSettings()) }
        try await self.engine.declare(queue, settings)
        var ids: [MessageID] = []
        for start in stride(from: 0, to: count, by: MessageLimits.batch) {
            let part = min(MessageLimits.batch, count - start)
            let messages = (0..<part).map { OutgoingMessage(Array("\(start + $0)".utf8), headers: ["h": "v"]) }
            _ = try await self.engine.publish(messages, to: queue)
            let deliveries = try await self.engine.receive(part, from: queue, lease: .seconds(60))
            let settlements = deliveries.map { Settlement($0.receipt, .deadLetter(reason: "broken")) }
            _ = try await self.engine.settle(settlements, in: queue)
            ids += deliveries.map(\.id)
        }
        return ids
    }

    private func everyLetter(_ dead: DeadLetterQueue, limit: Int) async throws -> [DeadLetter] {
        var letters: [DeadLetter] = []
        var next: MessageID?
        repeat {
            let page = try await dead.letters(after: next, limit: limit)
            #expect(page.letters.count <= limit)
            letters += page.letters
            next = page.next
        } while next != nil
        return letters
    }

    @Test("are listed page by page, whether they are parked or were moved", arguments: [1, 3, 7, 100], [false, true])
    func pages(limit: Int, isMoved: Bool) async throws {
        let ids = try await self.kill(20, in: "orders", movedTo: isMoved ? "dead" : nil)
        let home: QueueName = isMoved ? "dead" : "orders"
        // Messages that never died stand between and behind them.
        _ = try await self.engine.publish(Array(repeating: OutgoingMessage([1]), count: 30), to: home)
        let dead = DeadLetterQueue(of: home, on: self.engine)
        let letters = try await self.everyLetter(dead, limit: limit)
        #expect(letters.map(\.id) == ids)
        #expect(letters.allSatisfy { $0.origin == "orders" && $0.reason == "broken" && $0.attempts == 1 })
        #expect(letters.allSatisfy { $0.message.headers == ["h": "v"] })
        #expect(letters.allSatisfy { $0.history.map(\.reason) == ["broken"] && $0.history.map(\.attempt) == [1] })
    }

    @Test("both kinds in one queue come in the order of publishing")
    func bothKinds() async throws {
        let moved = try await self.kill(3, in: "orders", movedTo: "dead")
        let parked = try await self.kill(2, in: "dead")
        // The two were taken out of three, the earliest first, and the fifth is still where it was moved to.
        let dead = DeadLetterQueue(of: "dead", on: self.engine)
        let letters = try await self.everyLetter(dead, limit: 2)
        #expect(
            letters.map(\.id)
                == (moved + parked.filter { !moved.contains($0) }).sorted().prefix(letters.count).map { $0 })
        #expect(Set(letters.map(\.origin)) == ["orders", "dead"])
    }

    @Test(
        "are redriven to where they came from, or to another queue", arguments: [false, true],
        [nil, "other"] as [QueueName?])
    func redrive(isMoved: Bool, target: QueueName?) async throws {
        let ids = try await self.kill(5, in: "orders", movedTo: isMoved ? "dead" : nil)
        if let target { try await self.engine.declare(target, QueueSettings()) }
        let dead = DeadLetterQueue(of: isMoved ? "dead" : "orders", on: self.engine)
        let absent = MessageID(rawValue: 999_999)
        #expect(try await dead.redrive([ids[1], absent, ids[3]], to: target) == 2)
        #expect(try await self.everyLetter(dead, limit: 100).map(\.id) == [ids[0], ids[2], ids[4]])
        let home = target ?? "orders"
        let deliveries = try await self.engine.receive(10, from: home, lease: .seconds(60))
        #expect(deliveries.map(\.id) == [ids[1], ids[3]])
        #expect(deliveries.allSatisfy { $0.attempt == 1 && $0.headers == ["h": "v"] })
    }

    @Test("all of them are redriven, however many, and each once", arguments: [false, true])
    func redriveAll(isMoved: Bool) async throws {
        let ids = try await self.kill(1_234, in: "orders", movedTo: isMoved ? "dead" : nil)
        let dead = DeadLetterQueue(of: isMoved ? "dead" : "orders", on: self.engine)
        var reported: [Int] = []
        #expect(try await dead.redriveAll { reported.append($0) } == 1_234)
        #expect(reported.last == 1_234)
        #expect(reported == reported.sorted())
        #expect(try await self.everyLetter(dead, limit: 100).isEmpty)
        #expect(try await self.engine.inspect("orders")?.statistics.ready == ids.count)
        #expect(try await dead.redriveAll() == 0)
    }

    @Test("what dies again while all are redriven is not redriven a second time")
    func redriveEnds() async throws {
        _ = try await self.kill(250, in: "orders")
        let dead = DeadLetterQueue(of: "orders", on: self.engine)
        let engine = self.engine
        let moved = try await dead.redriveAll { _ in
            // Consumers that give up at once whatever they get, and a publisher of more of the same.
            let done = OneShotSignal()
            Task {
                _ = try? await engine.publish([OutgoingMessage([1])], to: "orders")
                let found = (try? await engine.receive(1_000, from: "orders", lease: .seconds(60))) ?? []
                _ = try? await engine.settle(
                    found.map { Settlement($0.receipt, .deadLetter(reason: "again")) }, in: "orders")
                done.fire()
            }
        }
        #expect((240...250).contains(moved), "\(moved)")
    }

    @Test("a rate is kept to: one at a time when it is low, and no burst after a pause")
    func rate() async throws {
        let ids = try await self.kill(6, in: "orders")
        let dead = DeadLetterQueue(of: "orders", on: self.engine, clock: self.clock)
        let progress = Mutex<[(Int, MonotonicInstant)]>([])
        let clock = self.clock
        let start = clock.now
        let redrive = Task {
            try await dead.redrive(ids, rate: 2) { moved in progress.withLock { $0.append((moved, clock.now)) } }
        }
        for _ in 1...5 {
            try await self.clock.waitForSleepers()
            self.clock.advance(by: .milliseconds(500))
        }
        #expect(try await redrive.value == 6)
        let times = progress.withLock { $0 }
        #expect(times.map(\.0) == [1, 2, 3, 4, 5, 6])
        #expect(times.map { start.duration(to: $0.1) } == (0..<6).map { .milliseconds(500 * $0) })
    }

    @Test("a high rate goes in steps of a tenth of a second")
    func highRate() async throws {
        _ = try await self.kill(250, in: "orders")
        let dead = DeadLetterQueue(of: "orders", on: self.engine, clock: self.clock)
        let progress = Mutex<[Int]>([])
        let redrive = Task { try await dead.redriveAll(rate: 500) { moved in progress.withLock { $0.append(moved) } } }
        for _ in 1...4 {
            try await self.clock.waitForSleepers()
            self.clock.advance(by: .milliseconds(100))
        }
        #expect(try await redrive.value == 250)
        #expect(progress.withLock { $0 } == [50, 100, 150, 200, 250])
    }

    @Test("a redrive that is cancelled leaves the rest where it was")
    func cancelled() async throws {
        let ids = try await self.kill(6, in: "orders")
        let dead = DeadLetterQueue(of: "orders", on: self.engine, clock: self.clock)
        let redrive = Task { try await dead.redriveAll(rate: 1) }
        try await self.clock.waitForSleepers()
        redrive.cancel()
        let error = await #expect(throws: QueueError.self) { try await redrive.value }
        #expect(error?.code == .cancelled)
        #expect(try await self.everyLetter(dead, limit: 100).map(\.id) == Array(ids.dropFirst()))
    }

    @Test("are dropped, and messages that never died are not", arguments: [false, true])
    func drop(isMoved: Bool) async throws {
        let ids = try await self.kill(5, in: "orders", movedTo: isMoved ? "dead" : nil)
        let home: QueueName = isMoved ? "dead" : "orders"
        let outcome = try await self.engine.publish([OutgoingMessage([1])], to: home)
        guard case .stored(let alive) = outcome.first else { return #expect(Bool(false)) }
        let dead = DeadLetterQueue(of: home, on: self.engine)
        #expect(try await dead.drop([ids[0], alive, ids[2]]) == 2)
        #expect(try await self.everyLetter(dead, limit: 100).map(\.id) == [ids[1], ids[3], ids[4]])
        #expect(try await dead.dropAll() == 3)
        #expect(try await self.engine.messages(of: home, after: nil, limit: 10).map(\.id) == [alive])
    }

    @Test("of a queue that is not there, and at rates that cannot be, are refused")
    func refused() async throws {
        let dead = DeadLetterQueue(of: "nowhere", on: self.engine)
        for operation in [
            { _ = try await dead.letters() }, { _ = try await dead.redriveAll() }, { _ = try await dead.dropAll() },
            { _ = try await dead.redrive([MessageID(rawValue: 1)]) },
            { _ = try await dead.drop([MessageID(rawValue: 1)]) },
        ] as [@Sendable () async throws -> Void] {
            let error = await #expect(throws: QueueError.self) { try await operation() }
            #expect(error?.code == .unknownQueue)
        }
        for rate in [0, -1, .infinity, .nan] {
            let error = await #expect(throws: QueueError.self) { try await dead.redrive([], rate: rate) }
            #expect(error?.code == .invalidRequest)
        }
    }
}
