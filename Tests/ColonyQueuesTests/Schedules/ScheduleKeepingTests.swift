import ColonyCore
import ColonyQueues
import ColonySimulation
import Testing

/// 2026-01-01T00:00:00Z and so many seconds.
private func at(_ seconds: Int64) -> WallTime {
    WallTime(millisecondsSince1970: 1_767_225_600_000 + seconds * 1_000)
}

private func record(
    _ cron: String, missed: MissedTicks = .once, next: WallTime?, name: ScheduleName = "s"
) throws -> ScheduleRecord {
    let schedule = try Schedule(
        name, cron: CronExpression(cron), to: "q", message: ScheduledMessage([]), missed: missed)
    return ScheduleRecord(schedule: schedule, next: next)
}

@Suite("What a scheduler decides")
struct ScheduleKeepingTests {
    private let start = MonotonicInstant(nanoseconds: 0)

    private func attempt(
        _ cron: String, _ missed: MissedTicks, next: WallTime, at wall: WallTime
    ) throws -> ScheduleKeeping.Attempt? {
        var keeping = ScheduleKeeping(grace: .seconds(60))
        keeping.loaded([try record(cron, missed: missed, next: next)])
        return keeping.due(at: wall, self.start).first
    }

    @Test("a tick is taken when its time has come and not before, up to its grace as if it were not late")
    func onTime() throws {
        for missed in [MissedTicks.skip, .once, .all(limit: 5)] {
            #expect(
                try self.attempt("* * * * *", missed, next: at(60), at: at(60).advanced(by: .milliseconds(-1))) == nil)
            for late in [0, 1, 60] as [Int64] {
                let attempt = try #require(try self.attempt("* * * * *", missed, next: at(60), at: at(60 + late)))
                #expect(attempt.ticks == [at(60)] && attempt.next == at(120) && attempt.passedOver == nil)
            }
        }
    }

    @Test("missed ticks go by their policy")
    func missed() throws {
        // The ticks of 1, 2, … 9 minutes are missed, that of 10 is within its grace.
        let now = at(660)
        let skipped = try #require(try self.attempt("* * * * *", .skip, next: at(60), at: now))
        #expect(skipped.ticks.isEmpty && skipped.next == at(600))
        #expect(skipped.passedOver == .init(from: at(60), before: at(600)))
        let once = try #require(try self.attempt("* * * * *", .once, next: at(60), at: now))
        #expect(once.ticks == [at(540)] && once.next == at(600))
        #expect(once.passedOver == .init(from: at(60), before: at(540)))
        let some = try #require(try self.attempt("* * * * *", .all(limit: 3), next: at(60), at: now))
        #expect(some.ticks == [at(420), at(480), at(540)] && some.next == at(600))
        #expect(some.passedOver == .init(from: at(60), before: at(420)))
        let all = try #require(try self.attempt("* * * * *", .all(limit: 100), next: at(60), at: now))
        #expect(all.ticks == (1...9).map { at($0 * 60) } && all.next == at(600) && all.passedOver == nil)
        let single = try #require(try self.attempt("0 0 * * *", .once, next: at(0), at: now))
        #expect(single.ticks == [at(0)] && single.next == at(86_400) && single.passedOver == nil)
    }

    @Test(
        "ten years of missed seconds take no longer than a moment",
        arguments: [MissedTicks.skip, .once, .all(limit: 1_000)])
    func longOutage(missed: MissedTicks) throws {
        let clock = HostClock()
        let began = clock.now
        let attempt = try #require(
            try self.attempt("* * * * * *", missed, next: at(0), at: at(10 * 365 * 86_400)))
        #expect(began.duration(to: clock.now) < .seconds(5))
        #expect(attempt.next == at(10 * 365 * 86_400 - 60))
        #expect(attempt.passedOver?.from == at(0))
    }

    @Test("a tick that does not fit the rules of its zone any more is taken all the same")
    func changedRules() throws {
        let off = at(61)
        #expect(try self.attempt("* * * * *", .skip, next: off, at: at(62))?.ticks == [off])
        #expect(try self.attempt("0 0 1 1 *", .once, next: off, at: at(1_000))?.ticks == [off])
        #expect(try self.attempt("0 0 1 1 *", .all(limit: 3), next: off, at: at(1_000))?.ticks == [off])
    }

    @Test("paused schedules and those without a tick do nothing")
    func idle() throws {
        var keeping = ScheduleKeeping(grace: .seconds(60))
        var paused = try record("* * * * *", next: at(0), name: "paused")
        paused.schedule = paused.schedule.paused()
        keeping.loaded([paused, try record("* * * * *", next: nil)])
        #expect(keeping.count == 0 && keeping.due(at: at(600), self.start).isEmpty)
        #expect(keeping.pause(at: at(600), self.start, upTo: .seconds(1)) == .seconds(1))
    }

    @Test("it pauses until the earliest tick or the end of a rest, and never longer than said")
    func pauses() throws {
        var keeping = ScheduleKeeping(grace: .seconds(60))
        keeping.loaded([
            try record("* * * * *", next: at(60)), try record("* * * * *", next: at(120), name: "later"),
            try record("* * * * *", next: WallTime(millisecondsSince1970: .max), name: "never"),
        ])
        #expect(keeping.pause(at: at(0), self.start, upTo: .seconds(1)) == .seconds(1))
        #expect(keeping.pause(at: at(0), self.start, upTo: .seconds(100)) == .seconds(60))
        #expect(
            keeping.pause(at: at(59).advanced(by: .milliseconds(999)), self.start, upTo: .seconds(1))
                == .milliseconds(1))
        let attempt = try #require(keeping.due(at: at(61), self.start).first)
        #expect(keeping.failed(attempt) == 1)
        keeping.rest(attempt, until: self.start.advanced(by: .milliseconds(300)))
        #expect(keeping.due(at: at(61), self.start).isEmpty)
        #expect(keeping.pause(at: at(61), self.start, upTo: .seconds(1)) == .milliseconds(300))
        // A reload does not end a rest, unless the tick is another.
        keeping.loaded([try record("* * * * *", next: at(60))])
        #expect(keeping.due(at: at(61), self.start).isEmpty)
        #expect(keeping.failed(attempt) == 2)
        #expect(keeping.due(at: at(61), self.start.advanced(by: .milliseconds(300))) == [attempt])
        keeping.loaded([try record("* * * * *", next: at(0))])
        #expect(keeping.due(at: at(61), self.start).map(\.tick) == [at(0)])
    }

    @Test("what becomes of an attempt decides about the next one")
    func answers() throws {
        var keeping = ScheduleKeeping(grace: .seconds(600))
        let minutely = try record("* * * * *", missed: .all(limit: 10), next: at(0))
        keeping.loaded([minutely])
        var attempt = try #require(keeping.due(at: at(60), self.start).first)
        keeping.taken(attempt, published: 1)
        attempt = try #require(keeping.due(at: at(60), self.start).first)
        #expect(attempt.tick == at(60))
        var other = minutely
        other.next = at(180)
        keeping.stale(attempt, other)
        #expect(keeping.due(at: at(179), self.start).isEmpty)
        attempt = try #require(keeping.due(at: at(180), self.start).first)
        keeping.stale(attempt, nil)
        #expect(keeping.count == 0)
        // Of four missed ticks two found room; the third is the next.
        keeping = ScheduleKeeping(grace: .zero)
        keeping.loaded([minutely])
        attempt = try #require(keeping.due(at: at(200), self.start).first)
        #expect(attempt.ticks == [at(0), at(60), at(120), at(180)])
        keeping.taken(attempt, published: 2)
        #expect(keeping.due(at: at(200), self.start).map(\.ticks) == [[at(120), at(180)]])
    }

    /// A store of one schedule, whose clock runs, stands still, and steps both ways.
    @Test(
        "every tick is published once or passed over once, never early, however the clock steps: 300 seeds of 200 steps"
    )
    func accounting() throws {
        var taken = 0
        for seed in 0..<300 as Range<UInt64> {
            var generator = SeededGenerator(seed: Seed(rawValue: seed))
            let cron = ["* * * * *", "*/7 * * * *", "*/13 * * * * *", "0 * * * *"][Int(seed % 4)]
            let missed: MissedTicks = [.skip, .once, .all(limit: 3)][Int(seed / 4 % 3)]
            let zone = try CivilZone("Europe/Berlin")
            // An hour before clocks go forward, or back.
            var wall = WallTime(millisecondsSince1970: seed % 2 == 0 ? 1_774_742_400_000 : 1_792_886_400_000)
            let schedule = try Schedule(
                "s", cron: CronExpression(cron), zone: zone, to: "q", message: ScheduledMessage([]), missed: missed)
            let first = try #require(schedule.next(after: wall))
            var stored = ScheduleRecord(schedule: schedule, next: first)
            var keeping = ScheduleKeeping(grace: .seconds(60))
            keeping.loaded([stored])
            var expected = first
            for _ in 0..<200 {
                if generator.happens(withProbability: 0.1) {
                    // A restart.
                    keeping = ScheduleKeeping(grace: .seconds(60))
                    keeping.loaded([stored])
                }
                let step: ClosedRange<Int64> =
                    generator.happens(withProbability: 0.05) ? -3_600_000...7_200_000 : 0...90_000
                wall = wall.advanced(by: .milliseconds(Int64.random(in: step, using: &generator)))
                while let attempt = keeping.due(at: wall, self.start).first {
                    guard stored.next == attempt.tick else {
                        keeping.stale(attempt, stored)
                        continue
                    }
                    let room = generator.happens(withProbability: 0.1) ? attempt.ticks.count / 2 : attempt.ticks.count
                    guard let taken = stored.taking(attempt.ticks, published: room, next: attempt.next) else { break }
                    for tick in attempt.ticks.prefix(room) { #expect(tick <= wall, "seed \(seed)") }
                    // Everything up to the next tick is accounted for: what was passed over, then what was published.
                    #expect(attempt.tick == expected, "seed \(seed)")
                    var accounted = expected
                    if let passedOver = attempt.passedOver {
                        #expect(passedOver.from == accounted, "seed \(seed)")
                        #expect(missed != .all(limit: 3) || attempt.ticks.count == 3, "seed \(seed)")
                        accounted = try #require(passedOver.before)
                    }
                    for tick in attempt.ticks.prefix(room) {
                        #expect(tick == accounted, "seed \(seed)")
                        accounted = try #require(schedule.next(after: tick))
                    }
                    expected = accounted
                    #expect(taken.next == expected, "seed \(seed)")
                    stored = taken
                    keeping.taken(attempt, published: room)
                    if generator.happens(withProbability: 0.1), let next = stored.next, next <= wall {
                        // Another scheduler takes one in between.
                        expected = try #require(schedule.next(after: next))
                        stored = try #require(stored.taking([next], published: 1, next: expected))
                    }
                }
            }
            taken += stored.taken
        }
        #expect(taken > 10_000)
    }

    @Test("ticks that another scheduler publishes are kept for a while, and then taken without a message")
    func lettingPass() throws {
        var keeping = ScheduleKeeping(grace: .seconds(60))
        keeping.loaded([try record("*/10 * * * * *", next: at(10))])
        let duty = SchedulerDuty.letsPass(after: .seconds(4))
        #expect(keeping.due(at: at(13), self.start, duty).isEmpty)
        #expect(keeping.pause(at: at(12), self.start, duty, upTo: .seconds(60)) == .seconds(2))
        let passed = try #require(keeping.due(at: at(35), self.start, duty).first)
        #expect(passed.tick == at(10) && passed.ticks.isEmpty && passed.next == at(40) && passed.passedOver == nil)
        keeping.taken(passed, published: 0)
        // It publishes from here on: what was kept is still there.
        #expect(keeping.due(at: at(40), self.start, .publishes(since: at(38))).map(\.ticks) == [[at(40)]])
    }

    @Test("a scheduler that begins to publish makes up for what is left, unless the schedule skips what was missed")
    func beginning() throws {
        func first(_ missed: MissedTicks) throws -> ScheduleKeeping.Attempt? {
            var keeping = ScheduleKeeping(grace: .seconds(60))
            keeping.loaded([try record("*/10 * * * * *", missed: missed, next: at(10))])
            return keeping.due(at: at(21), self.start, .publishes(since: at(20))).first
        }
        #expect(try first(.once)?.ticks == [at(10)])
        #expect(try first(.all(limit: 5))?.ticks == [at(10)])
        let skipped = try #require(try first(.skip))
        #expect(skipped.ticks.isEmpty && skipped.next == at(20))
        #expect(skipped.passedOver == .init(from: at(10), before: at(20)))
    }
}
