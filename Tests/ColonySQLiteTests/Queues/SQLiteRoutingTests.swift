import ColonyConformance
import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Testing

@Suite("Exchanges and topics of the embedded engine", .timeLimit(.minutes(3)))
struct SQLiteRoutingTests {
    private static func engine(
        _ folder: TemporaryFolder, _ clock: ManualClock, _ wall: ManualWallClock, boot: String = "boot-1"
    ) -> SQLiteQueueEngine {
        SQLiteQueueEngine(
            path: folder.store, clock: clock, wall: wall, boot: BootIdentity(boot), registry: StoreRegistry())
    }

    @Test("agree with a naive router over 20 seeds of 200 steps, on one file")
    func exchangesModel() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine(path: folder.store)
        for seed in 0..<20 as Range<UInt64> {
            do {
                try await ExchangeModelRun.run(
                    steps: 200, on: engine, prefix: "\(seed)/", using: SeededGenerator(seed: Seed(rawValue: seed)))
            } catch let failure as ConformanceFailure {
                Issue.record("seed \(seed), \(failure.message)")
            }
        }
        await engine.close()
    }

    @Test("agree with a naive log over 20 seeds of 200 steps, on one file")
    func topicsModel() async throws {
        let folder = try TemporaryFolder()
        let (clock, wall) = (ManualClock(now: MonotonicInstant(nanoseconds: 0)), ManualWallClock())
        let engine = Self.engine(folder, clock, wall)
        for seed in 0..<20 as Range<UInt64> {
            let start = clock.now.nanoseconds
            do {
                try await TopicModelRun.run(
                    steps: 200, on: engine, prefix: "t\(seed)",
                    setTime: { clock.advance(to: MonotonicInstant(nanoseconds: start + $0 * 1_000_000)) },
                    using: SeededGenerator(seed: Seed(rawValue: seed)))
            } catch let failure as ConformanceFailure {
                Issue.record("seed \(seed), \(failure.message)")
            }
        }
        await engine.close()
    }

    @Test("what is declared, bound, and published is there when the file is opened again")
    func reopening() async throws {
        let folder = try TemporaryFolder()
        let (clock, wall) = (ManualClock(), ManualWallClock())
        let first = Self.engine(folder, clock, wall)
        try await first.declare("q", QueueSettings())
        try await first.declareExchange("e", .headers, alternate: "rest")
        let bindings = [
            Binding(to: .queue("q"), where: .allHeaders(["a": "1", "é": ""])),
            Binding(to: .exchange(.topics), where: .anyHeader([:])),
        ]
        for binding in bindings { try await first.bind("e", binding) }
        try await first.bind(.topics, Binding(to: .queue("q"), where: .pattern("x.*")))
        try await first.retain("x.#", TopicRetention(.seconds(100), upTo: 1_000))
        guard case .stored(let offset) = try await first.publish([TopicMessage("x.y", [1])])[0] else {
            Issue.record("it was not stored")
            return
        }
        await first.close()
        let second = Self.engine(folder, clock, wall)
        #expect(
            try await second.exchanges() == [
                ExchangeRecord(
                    name: .topics, kind: .topic, alternate: nil,
                    bindings: [Binding(to: .queue("q"), where: .pattern("x.*"))]),
                ExchangeRecord(name: "e", kind: .headers, alternate: "rest", bindings: bindings),
            ])
        let page = try await second.read("#", after: TopicOffset(rawValue: 0), limit: 10)
        #expect(page.messages.map(\.offset) == [offset])
        #expect(try await second.retentions().map(\.messages) == [1])
        let outcome = try await second.publish([TopicMessage("x.z", [2])])
        guard case .stored(let later) = outcome[0] else {
            Issue.record("it was not stored")
            return
        }
        #expect(later > offset)
        #expect(try await second.receive(10, from: "q", lease: .seconds(1)).map(\.body) == [[1], [2]])
        await second.close()
    }

    @Test("what is kept stays for its time over a restart of the host, whose clock begins anew")
    func hostRestart() async throws {
        let folder = try TemporaryFolder()
        let wall = ManualWallClock()
        wall.set(SystemWallClock().now)
        let old = ManualClock(now: MonotonicInstant(nanoseconds: 900_000_000_000_000))
        let first = Self.engine(folder, old, wall)
        try await first.retain("x", TopicRetention(.seconds(100_000)))
        try await first.retain("y", TopicRetention(.seconds(1_000_000)))
        _ = try await first.publish([TopicMessage("x", [1]), TopicMessage("y", [2])])
        await first.close()
        // The new boot is taken over with the clocks of the host, of which this one begins where they are.
        let clock = ManualClock(now: HostClock().now)
        let second = Self.engine(folder, clock, wall, boot: "boot-2")
        let start = TopicOffset(rawValue: 0)
        #expect(try await second.read("#", after: start, limit: 10).messages.map(\.message.body) == [[1], [2]])
        clock.advance(by: .seconds(99_000))
        _ = try await second.publish([TopicMessage("x", [3])])
        #expect(try await second.read("#", after: start, limit: 10).messages.map(\.message.body) == [[1], [2], [3]])
        clock.advance(by: .seconds(1_100))
        let page = try await second.read("#", after: start, limit: 10)
        #expect(page.messages.map(\.message.body) == [[2], [3]])
        #expect(page.isIncomplete)
        await second.close()
    }

    @Test("what is kept long enough leaves the file when somebody reads, although nobody publishes")
    func trimmingWithoutPublishers() async throws {
        let folder = try TemporaryFolder()
        let (clock, wall) = (ManualClock(), ManualWallClock())
        let engine = Self.engine(folder, clock, wall)
        try await engine.retain("x", TopicRetention(.seconds(10)))
        _ = try await engine.publish((0..<1_000).map { _ in TopicMessage("x", [1, 2, 3]) })
        #expect(try await engine.retentions().map(\.bytes) == [3_000])
        clock.advance(by: .seconds(10))
        let end = try await engine.offset(of: .end)
        _ = try await engine.read("other", after: end, limit: 1)
        try await eventually("an empty log") {
            try await engine.offset(of: .beginning) == end
        }
        await engine.close()
    }

    @Test("the last of a batch that deletes a queue is announced like any other")
    func deletionAndNews() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine(path: folder.store)
        try await engine.declare("kept", QueueSettings())
        for round in 0..<30 {
            let doomed = try QueueName("doomed-\(round)")
            try await engine.declare(doomed, QueueSettings())
            let seen = try await engine.waitForChange(of: "kept", since: 0, upTo: .zero)
            let wait = Task { try await engine.waitForChange(of: "kept", since: seen, upTo: .seconds(60)) }
            async let deleted = engine.delete(doomed)
            async let published = engine.publish([OutgoingMessage([1])], to: "kept")
            _ = try await (deleted, published)
            #expect(try await wait.value != seen)
        }
        await engine.close()
    }
}
