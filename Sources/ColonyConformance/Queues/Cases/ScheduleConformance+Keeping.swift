import ColonyCore
import ColonyQueues

extension ScheduleConformance {
    static let keepingCases: [QueueCase] = [
        QueueCase("a schedule comes back as it was put, on every client", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let message = ScheduledMessage([0, 255, 10], key: "k,:é", priority: 9, headers: ["a": "1:x,", "é": ""])
            let schedules = [
                try bench.schedule("a", cron: "*/5 30 2 L * ?", zone: "Europe/Berlin", message, missed: .skip),
                try bench.schedule("b", cron: "@daily", zone: "Asia/Kolkata", ScheduledMessage([]), missed: .once),
                try bench.schedule("c", cron: "0 0 13 * FRI#2", missed: .all(limit: 1_000)),
                try bench.schedule("d").paused(),
            ]
            for schedule in schedules {
                let next = schedule.isPaused ? nil : ScheduleBench.minute(7)
                try expect(try await bench.engine.put(schedule, next: next), "\(schedule.name) was there before")
                try await bench.expectRecord(of: schedule, next: next, lastTaken: nil, taken: 0, "after it was put,")
            }
        },
        QueueCase("putting an equal schedule again changes nothing, another one replaces it", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let schedule = try await bench.put()
            let changes = try await bench.other.scheduleChanges()
            try expect(
                try await !bench.other.put(schedule, next: ScheduleBench.minute(5)),
                "an equal schedule changed something")
            try await bench.expectRecord(
                of: schedule, next: ScheduleBench.minute(0), lastTaken: nil, taken: 0, "after the repetition")
            try expect(
                try await bench.engine.scheduleChanges() == changes, "a repetition is counted as a change")
            let changed = try bench.schedule(cron: "*/5 * * * *")
            try expect(
                try await bench.other.put(changed, next: ScheduleBench.minute(5)), "another schedule changed nothing")
            try await bench.expectRecord(
                of: changed, next: ScheduleBench.minute(5), lastTaken: nil, taken: 0, "after it was replaced,")
            try expect(try await bench.engine.scheduleChanges() != changes, "a change is not counted")
        },
        QueueCase("changes are told by a number, which taking ticks leaves as it is", .schedules) { context in
            let bench = try await ScheduleBench(context)
            var seen = try await bench.other.scheduleChanges()
            let schedule = try await bench.put()
            var now = try await bench.other.scheduleChanges()
            try expect(now != seen, "putting a schedule left the number at \(now)")
            seen = now
            try await bench.take(
                ScheduleBench.minute(0), of: schedule, publishing: [ScheduleBench.minute(0)],
                next: ScheduleBench.minute(1), expecting: 1)
            now = try await bench.other.scheduleChanges()
            try expect(now == seen, "taking a tick took the number from \(seen) to \(now)")
            try expect(try await bench.engine.removeSchedule(schedule.name), "the schedule was not there")
            now = try await bench.other.scheduleChanges()
            try expect(now != seen, "removing a schedule left the number at \(now)")
            try expect(try await !bench.engine.removeSchedule(schedule.name), "a removed schedule was removed again")
            try expect(
                try await bench.other.scheduleChanges() == now, "removing nothing is counted as a change")
        },
        QueueCase("a schedule needs a queue", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let schedule = try bench.schedule(to: context.name("nowhere"))
            try await context.expectRefusal(.unknownQueue, what: "a schedule of a queue that is not there") {
                try await bench.engine.put(schedule, next: ScheduleBench.minute(0))
            }
            try expect(
                try await bench.engine.schedule(named: schedule.name) == nil, "a schedule that was refused is there")
        },
        QueueCase("pages of schedules are in the order of the bytes of their names", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let texts = ["a", "aa", "b", "Z", "é", "e\u{301}", "z"]
            for text in texts { try await bench.engine.put(try bench.schedule(text), next: ScheduleBench.minute(0)) }
            let expected = try texts.map { try context.scheduleName($0) }.sorted()
            var found: [ScheduleName] = []
            var last = try ScheduleName(context.prefix)
            while true {
                let page = try await bench.other.schedules(after: last, limit: 3)
                try expect(page.count <= 3, "a page of 3 had \(page.count) rows")
                let names = page.map(\.schedule.name).filter { $0.rawValue.hasPrefix(context.prefix) }
                found += names
                guard names.count == 3, let end = names.last else { break }
                last = end
            }
            try expect(found == expected, "the pages have \(found), and not \(expected)")
            for limit in [0, -1, MessageLimits.batch + 1] {
                try await context.expectRefusal(.invalidRequest, what: "a page of \(limit)") {
                    _ = try await bench.engine.schedules(after: nil, limit: limit)
                }
            }
        },
        QueueCase("a schedule that is changed goes on after the last tick that was taken", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let schedule = try await bench.put()
            try await bench.take(
                ScheduleBench.minute(0), of: schedule, publishing: [ScheduleBench.minute(0)],
                next: ScheduleBench.minute(1), expecting: 1)
            let changed = try bench.schedule(missed: .skip)
            for next in [ScheduleBench.minute(-1), ScheduleBench.minute(0)] {
                try await context.expectRefusal(.conflict, what: "a first tick that was taken") {
                    try await bench.other.put(changed, next: next)
                }
            }
            try await bench.expectRecord(
                of: schedule, next: ScheduleBench.minute(1), lastTaken: ScheduleBench.minute(0), taken: 1,
                "after the refusal")
            // The clock of whoever changes it was set back by ten minutes.
            try expect(try await bench.other.put(changed, at: ScheduleBench.minute(-10)), "nothing was changed")
            try await bench.expectRecord(
                of: changed, next: ScheduleBench.minute(1), lastTaken: ScheduleBench.minute(0), taken: 1,
                "after the change")
            try expect(try await bench.other.put(changed.paused(), at: ScheduleBench.minute(3)), "nothing was changed")
            try await bench.expectRecord(
                of: changed.paused(), next: nil, lastTaken: ScheduleBench.minute(0), taken: 1, "while it is paused,")
            try expect(try await bench.other.put(changed, at: ScheduleBench.minute(9)), "nothing was changed")
            try await bench.expectRecord(
                of: changed, next: ScheduleBench.minute(10), lastTaken: ScheduleBench.minute(0), taken: 1,
                "after the pause")
            try expect(try await bench.engine.removeSchedule(schedule.name), "the schedule was not there")
            try expect(
                try await bench.engine.put(schedule, next: ScheduleBench.minute(0)), "it was there after its removal")
            try await bench.expectRecord(
                of: schedule, next: ScheduleBench.minute(0), lastTaken: nil, taken: 0, "made anew,")
        },
    ]
}
