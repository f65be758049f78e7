import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Synchronization
import Testing

/// Schedulers that stand for one process each: they share a file, a host, and nothing else.
private final class Crowd: Sendable {
    let folder: TemporaryFolder
    let clock = ManualClock()
    let wall = ManualWallClock()
    private struct State {
        var members: [(task: Task<Void, any Error>, engine: SQLiteQueueEngine, scheduler: Scheduler)] = []
        var statistics = SchedulerStatistics()
    }
    private let state = Mutex(State())

    init() throws { self.folder = try TemporaryFolder() }

    func process() -> SQLiteQueueEngine {
        SQLiteQueueEngine(
            path: self.folder.store, clock: self.clock, wall: self.wall, boot: BootIdentity("boot-1"),
            registry: StoreRegistry())
    }

    var count: Int { self.state.withLock { $0.members.count } }

    /// Starts a scheduler in a process of its own.
    func join() async throws {
        let engine = self.process()
        let scheduler = Scheduler(engine, clock: self.clock, wall: self.wall)
        let task = Task { try await scheduler.run() }
        let count = self.state.withLock { state in
            state.members.append((task, engine, scheduler))
            return state.members.count
        }
        try await self.clock.waitForSleepers(count)
    }

    /// Ends one of them in the middle of whatever it does.
    func leave(_ index: Int) async throws {
        let member = self.state.withLock { $0.members.remove(at: index) }
        member.task.cancel()
        try await member.task.value
        await member.engine.close()
        self.state.withLock { state in
            state.statistics.published += member.scheduler.statistics.published
            state.statistics.stale += member.scheduler.statistics.stale
        }
    }

    func leaveAll() async throws -> SchedulerStatistics {
        while self.count > 0 { try await self.leave(0) }
        return self.state.withLock { $0.statistics }
    }

    func pass(_ duration: Duration, civil: Duration) async throws {
        self.wall.step(by: civil)
        self.clock.advance(by: duration)
        try await self.clock.waitForSleepers(self.count)
    }
}

@Suite("Many schedulers on one file", .timeLimit(.minutes(3)))
struct ScheduleRaceTests {
    @Test("publish every tick exactly once, while the civil clock steps and processes come and go")
    func exactlyOnce() async throws {
        let crowd = try Crowd()
        let store = crowd.process()
        try await store.declare("q", QueueSettings())
        let start = crowd.wall.now
        let expressions = ["* * * * * *", "*/2 * * * * *", "*/7 * * * * *", "10-40/5 * * * * *", "* * * * *"]
        var schedules: [Schedule] = []
        for (number, text) in expressions.enumerated() {
            let schedule = try Schedule(
                ScheduleName("s\(number)"), cron: CronExpression(text), to: "q", message: ScheduledMessage([]))
            try await store.put(schedule, at: start)
            schedules.append(schedule)
        }
        for _ in 0..<5 { try await crowd.join() }
        var generator = SeededGenerator(seed: Seed(rawValue: 5))
        var latest = start
        for step in 0..<80 {
            let milliseconds = Duration.milliseconds(Int64.random(in: 200...1_500, using: &generator))
            // Now and then the civil clock is set back, or forward by less than the grace.
            let correction =
                generator.happens(withProbability: 0.1) ? Int64.random(in: -8_000...8_000, using: &generator) : 0
            if step % 8 == 3 {
                let index = Int.random(in: 0..<crowd.count, using: &generator)
                // While it has just been woken for ticks.
                crowd.wall.step(by: milliseconds)
                crowd.clock.advance(by: milliseconds)
                try await crowd.leave(index)
                try await crowd.join()
                latest = max(latest, crowd.wall.now)
            }
            try await crowd.pass(milliseconds, civil: milliseconds + .milliseconds(correction))
            latest = max(latest, crowd.wall.now)
        }
        // Whoever was asleep when the clock was furthest looks once more.
        crowd.wall.set(latest)
        try await crowd.pass(.seconds(1), civil: .zero)
        let statistics = try await crowd.leaveAll()

        var found: [String: Int] = [:]
        while true {
            let deliveries = try await store.receive(1_000, from: "q", lease: .seconds(60))
            if deliveries.isEmpty { break }
            for delivery in deliveries {
                let name = try #require(delivery.headers[ScheduledMessage.nameHeader])
                found["\(name) \(try #require(delivery.headers[ScheduledMessage.tickHeader]))", default: 0] += 1
            }
            let outcomes = try await store.settle(deliveries.map { Settlement($0.receipt, .acknowledge) }, in: "q")
            #expect(outcomes.allSatisfy { $0 == .settled })
        }
        var expected: [String: Int] = [:]
        for schedule in schedules {
            var tick = start
            var count = 0
            while let next = schedule.next(after: tick), next <= latest {
                expected["\(schedule.name) \(next.rfc3339)"] = 1
                tick = next
                count += 1
            }
            let record = try #require(try await store.schedule(named: schedule.name))
            #expect(record.taken == count && record.lastTaken == tick)
        }
        #expect(found == expected)
        #expect(expected.count > 100)
        #expect(statistics.published >= expected.count * 9 / 10)
        #expect(statistics.stale > 0, "nobody was ever second, so this was no race")
        await store.close()
    }

    @Test("leave the ticks of an outage to the policy of their schedules, once for all")
    func outage() async throws {
        let crowd = try Crowd()
        let store = crowd.process()
        try await store.declare("q", QueueSettings())
        for (name, missed) in [("skip", .skip), ("once", .once), ("all", .all(limit: 5))]
            as [(ScheduleName, MissedTicks)]
        {
            let schedule = try Schedule(
                name, cron: CronExpression("*/10 * * * *"), to: "q", message: ScheduledMessage([]), missed: missed)
            try await store.put(schedule, at: crowd.wall.now)
        }
        try await crowd.join()
        try await crowd.leave(0)
        // Two hours and five minutes in which none runs, and the store is closed.
        await store.close()
        crowd.wall.step(by: .seconds(7_500))
        crowd.clock.advance(by: .seconds(7_500))
        for _ in 0..<4 { try await crowd.join() }
        _ = try await crowd.leaveAll()
        let after = crowd.process()
        var counts: [String: Int] = [:]
        for delivery in try await after.receive(1_000, from: "q", lease: .seconds(60)) {
            counts[delivery.headers[ScheduledMessage.nameHeader] ?? "", default: 0] += 1
        }
        #expect(counts == ["once": 1, "all": 5])
        for record in try await after.schedules(after: nil, limit: 10) {
            #expect(record.next?.rfc3339 == "2026-01-01T02:10:00.000Z")
        }
        await after.close()
    }
}
