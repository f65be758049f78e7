import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Logging
import ServiceLifecycle
import Synchronization
import Testing

/// A scheduler on clocks that the test moves.
private final class Bench: Sendable {
    let clock = ManualClock()
    let wall = ManualWallClock()
    let store: MemoryQueueEngine
    let engine: FlakyScheduleEngine
    let queue: QueueName = "q"
    private let events = Mutex<[SchedulerEvent]>([])

    init(capacity: Int = 1_000) async throws {
        self.store = MemoryQueueEngine(clock: self.clock, wallClock: self.wall)
        self.engine = FlakyScheduleEngine(self.store)
        var settings = QueueSettings()
        settings.capacity = capacity
        try await self.store.declare(self.queue, settings)
    }

    func put(_ cron: String, _ name: ScheduleName = "s", missed: MissedTicks = .once) async throws {
        let schedule = try Schedule(
            name, cron: CronExpression(cron), to: self.queue, message: ScheduledMessage([]), missed: missed)
        try await self.store.put(schedule, at: self.wall.now)
    }

    func scheduler(
        grace: Duration = .seconds(60), duty: @escaping @Sendable () -> SchedulerDuty = { .publishes(since: nil) }
    ) -> Scheduler {
        Scheduler(
            self.engine, settings: SchedulerSettings(grace: grace), clock: self.clock, wall: self.wall, duty: duty
        ) { event in
            self.events.withLock { $0.append(event) }
        }
    }

    /// Runs a scheduler while `body` does, and cancels it then.
    func run(_ scheduler: Scheduler, while body: () async throws -> Void) async throws {
        let task = Task { try await scheduler.run() }
        try await self.clock.waitForSleepers()
        try await body()
        task.cancel()
        try await task.value
    }

    /// Lets time pass in steps, after each of which the scheduler has done what it had to.
    func pass(_ steps: Int = 1, each step: Duration = .seconds(1), civil: Duration? = nil) async throws {
        for _ in 0..<steps {
            self.wall.step(by: civil ?? step)
            self.clock.advance(by: step)
            try await self.clock.waitForSleepers()
        }
    }

    /// The ticks of what can be delivered, in seconds since the beginning, acknowledged.
    func delivered() async throws -> [Int64] {
        let deliveries = try await self.store.receive(1_000, from: self.queue, lease: .seconds(60))
        _ = try await self.store.settle(deliveries.map { Settlement($0.receipt, .acknowledge) }, in: self.queue)
        return deliveries.map { delivery in
            (0...100_000).first { second in
                let tick = WallTime(millisecondsSince1970: 1_767_225_600_000 + second * 1_000)
                return tick.rfc3339 == delivery.headers[ScheduledMessage.tickHeader]
            } ?? -1
        }
    }

    var reported: [String] {
        self.events.withLock { events in
            events.map { event in
                func second(_ time: WallTime) -> Int64 { (time.millisecondsSince1970 - 1_767_225_600_000) / 1_000 }
                return switch event {
                case .published(let name, let tick, let ids, let lateness):
                    "\(name) \(second(tick)): \(ids.count), late by \(lateness.text)"
                case .passedOver(let name, let from, let before):
                    "\(name) passed over from \(second(from)) before \(before.map { second($0) } ?? -1)"
                case .queueFull(let name, let tick): "\(name) \(second(tick)): full"
                case .failed(let name, let tick, let error): "\(name) \(second(tick)): \(error.code)"
                case .unreadable(let error): "unreadable: \(error.code)"
                }
            }
        }
    }
}

@Suite("A scheduler", .timeLimit(.minutes(1)))
struct SchedulerTests {
    @Test("publishes each tick when its time has come")
    func publishes() async throws {
        let bench = try await Bench()
        try await bench.put("*/20 * * * * *")
        let scheduler = bench.scheduler()
        try await bench.run(scheduler) {
            try await bench.pass(19)
            #expect(try await bench.delivered() == [])
            try await bench.pass()
            #expect(try await bench.delivered() == [20])
            try await bench.pass(60)
            #expect(try await bench.delivered() == [40, 60, 80])
        }
        #expect(bench.reported.first == "s 20: 1, late by 0 ms")
        #expect(scheduler.statistics.published == 4 && scheduler.statistics.schedules == 1)
    }

    @Test("sleeps until the tick, and not until the next full second")
    func precise() async throws {
        let bench = try await Bench()
        try await bench.put("*/5 * * * * *")
        bench.wall.step(by: .milliseconds(4_700))
        try await bench.run(bench.scheduler()) {
            #expect(bench.clock.nextDeadline == bench.clock.now.advanced(by: .milliseconds(300)))
            try await bench.pass(each: .milliseconds(300))
            #expect(try await bench.delivered() == [5])
        }
    }

    @Test("hears within a second of schedules that are put, changed, paused, and removed")
    func hears() async throws {
        let bench = try await Bench()
        try await bench.run(bench.scheduler()) {
            try await bench.pass(3)
            try await bench.put("* * * * * *", "new")
            try await bench.pass(3)
            #expect(try await bench.delivered() == [4, 5, 6])
            try await bench.put("*/3 * * * * *", "new")
            try await bench.pass(6)
            #expect(try await bench.delivered() == [9, 12])
            let record = try #require(try await bench.store.schedule(named: "new"))
            try await bench.store.put(record.schedule.paused(), at: bench.wall.now)
            try await bench.pass(6)
            #expect(try await bench.delivered() == [])
            try await bench.store.put(record.schedule, at: bench.wall.now)
            try await bench.pass(3)
            #expect(try await bench.delivered() == [21])
            try await bench.store.removeSchedule("new")
            try await bench.pass(6)
            #expect(try await bench.delivered() == [])
        }
    }

    @Test("applies the policy to ticks that were missed while none was running")
    func missed() async throws {
        for (missed, expected) in [
            (MissedTicks.skip, [600, 660]), (.once, [540, 600, 660]), (.all(limit: 3), [420, 480, 540, 600, 660]),
        ] as [(MissedTicks, [Int64])] {
            let bench = try await Bench()
            try await bench.put("* * * * *", missed: missed)
            bench.wall.step(by: .seconds(660))
            try await bench.run(bench.scheduler()) {}
            #expect(try await bench.delivered() == expected)
            #expect(bench.reported.first == "s passed over from 60 before \(expected[0])")
        }
    }

    @Test("tries again when a queue is full, and skips nothing silently")
    func full() async throws {
        let bench = try await Bench(capacity: 2)
        try await bench.put("*/10 * * * * *")
        let scheduler = bench.scheduler()
        try await bench.run(scheduler) {
            try await bench.pass(45)
            #expect(scheduler.statistics.full > 0)
            #expect(bench.reported.contains("s 30: full"))
            #expect(try await bench.delivered() == [10, 20])
            // The rest after so many failures is ten seconds at the most.
            try await bench.pass(10)
            #expect(try await bench.delivered() == [30, 40])
            try await bench.pass(10)
            #expect(try await bench.delivered().first == 50)
        }
        #expect(scheduler.statistics.passedOver == 0)
    }

    @Test(
        "publishes once when requests and answers are lost",
        arguments: [
            [FlakyScheduleEngine.Fault.requestLost], [.answerLost],
            [.answerLost, .answerLost, .requestLost, .answerLost],
        ])
    func unavailable(faults: [FlakyScheduleEngine.Fault]) async throws {
        let bench = try await Bench()
        try await bench.put("*/10 * * * * *")
        let scheduler = bench.scheduler()
        try await bench.run(scheduler) {
            try await bench.pass(9)
            bench.engine.fail(faults)
            try await bench.pass(31)
            #expect(bench.engine.remainingFaults == 0)
            #expect(try await bench.delivered() == [10, 20, 30, 40])
        }
        #expect(scheduler.statistics.failures == faults.count)
    }

    @Test("goes on with what it knows when the schedules cannot be read")
    func unreadable() async throws {
        let bench = try await Bench()
        bench.engine.fail([.requestLost, .answerLost, .requestLost])
        try await bench.put("*/10 * * * * *")
        try await bench.run(bench.scheduler()) {
            try await bench.pass(10)
            #expect(try await bench.delivered() == [10])
        }
        #expect(bench.reported.prefix(3).allSatisfy { $0 == "unreadable: unavailable" })
    }

    @Test("takes no tick twice and none early when the civil clock steps")
    func steps() async throws {
        let bench = try await Bench()
        try await bench.put("*/10 * * * * *")
        try await bench.run(bench.scheduler()) {
            try await bench.pass(25)
            #expect(try await bench.delivered() == [10, 20])
            bench.wall.step(by: .seconds(-20))
            try await bench.pass(24)
            #expect(try await bench.delivered() == [])
            try await bench.pass()
            #expect(try await bench.delivered() == [30])
            // An hour forward: all but the last minute are missed, and the last of them is made up for.
            bench.wall.step(by: .seconds(3_600))
            try await bench.pass()
            #expect(try await bench.delivered() == [3_570, 3_580, 3_590, 3_600, 3_610, 3_620, 3_630])
        }
    }

    @Test("leaves ticks to another one as long as it is told to, and goes on where that one stopped")
    func duty() async throws {
        let bench = try await Bench()
        try await bench.put("*/10 * * * * *")
        let leads = Mutex(false)
        let scheduler = bench.scheduler(duty: {
            leads.withLock { $0 } ? .publishes(since: nil) : .letsPass(after: .seconds(4))
        })
        try await bench.run(scheduler) {
            try await bench.pass(33)
            #expect(try await bench.delivered() == [])
            #expect(scheduler.statistics.letPass == 2)
            // The other one fails before its tick is too old to be published here.
            leads.withLock { $0 = true }
            try await bench.pass(8)
            #expect(try await bench.delivered() == [30, 40])
            leads.withLock { $0 = false }
            try await bench.pass(14)
            #expect(try await bench.delivered() == [])
        }
        #expect(scheduler.statistics.letPass == 3 && scheduler.statistics.published == 2)
    }

    @Test("ends by graceful shutdown, by cancellation, and when the store is closed")
    func ends() async throws {
        let bench = try await Bench()
        let group = ServiceGroup(
            services: [bench.scheduler()], gracefulShutdownSignals: [], logger: .init(label: "test"))
        let running = Task { try await group.run() }
        try await bench.clock.waitForSleepers()
        await group.triggerGracefulShutdown()
        try await running.value
        try await bench.run(bench.scheduler()) {}
        bench.engine.fail([.requestLost], with: .closed)
        let error = await #expect(throws: QueueError.self) { try await bench.scheduler().run() }
        #expect(error?.code == .closed)
        #expect(bench.clock.sleeperCount == 0)
    }

    @Test(
        "refuses settings that cannot work",
        arguments: [
            SchedulerSettings(grace: .seconds(-1)), SchedulerSettings(grace: .seconds(86_401)),
            SchedulerSettings(look: .zero), SchedulerSettings(look: .seconds(61)),
        ])
    func settings(settings: SchedulerSettings) async throws {
        let error = await #expect(throws: QueueError.self) {
            try await Scheduler(MemoryQueueEngine(), settings: settings).run()
        }
        #expect(error?.code == .invalidConfiguration)
    }
}
