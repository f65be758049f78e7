import ColonyCore
import ColonyQueues

extension ScheduleConformance {
    static let takingCases: [QueueCase] = [
        QueueCase("a tick is taken with its message, which says of whom and of when it is", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let message = ScheduledMessage(
                Array("body".utf8), key: "k", priority: 7, headers: ["a": "1", ScheduledMessage.tickHeader: "mine"])
            let schedule = try bench.schedule("schedule", message)
            try await bench.engine.put(schedule, next: ScheduleBench.minute(0))
            let outcome = try await bench.other.take(
                ScheduleBench.minute(0), of: schedule.name, publishing: [ScheduleBench.minute(0)],
                next: ScheduleBench.minute(1))
            let deliveries = try await context.receive(from: bench.queue)
            guard deliveries.count == 1 else { throw ConformanceFailure("\(deliveries.count) messages came") }
            try expect(outcome == .taken([deliveries[0].id]), "the answer was \(outcome)")
            try expect(
                deliveries[0].body == message.body && deliveries[0].key == "k" && deliveries[0].priority == 7,
                "the message is another: \(deliveries[0])")
            let headers = [
                "a": "1", ScheduledMessage.nameHeader: schedule.name.rawValue,
                ScheduledMessage.tickHeader: "2026-01-01T00:00:00.000Z",
            ]
            try expect(deliveries[0].headers == headers, "the headers are \(deliveries[0].headers)")
            try await bench.expectRecord(
                of: schedule, next: ScheduleBench.minute(1), lastTaken: ScheduleBench.minute(0), taken: 1,
                "after the tick")
        },
        QueueCase("a tick that was taken is stale, and the answer says how the schedule stands", .schedules) {
            context in
            let bench = try await ScheduleBench(context)
            let schedule = try await bench.put()
            try await bench.take(
                ScheduleBench.minute(0), of: schedule, publishing: [ScheduleBench.minute(0)],
                next: ScheduleBench.minute(1), expecting: 1)
            let record = try await bench.record(of: schedule)
            for minute in [0, 2, -1] as [Int64] {
                let tick = ScheduleBench.minute(minute)
                let outcome = try await bench.other.take(
                    tick, of: schedule.name, publishing: [tick], next: ScheduleBench.minute(minute + 1))
                try expect(outcome == .stale(record), "the tick of minute \(minute) was answered with \(outcome)")
            }
            let ticks = try await bench.deliveredTicks()
            try expect(ticks.count == 1, "\(ticks) were published")
            try expect(try await bench.engine.put(schedule.paused(), next: nil), "pausing changed nothing")
            let paused = try await bench.record(of: schedule)
            try expect(
                try await bench.other.take(
                    ScheduleBench.minute(1), of: schedule.name, publishing: [], next: nil) == .stale(paused),
                "a tick of a paused schedule is not stale")
            try await bench.engine.removeSchedule(schedule.name)
            let gone = try await bench.other.take(
                ScheduleBench.minute(1), of: schedule.name, publishing: [ScheduleBench.minute(1)], next: nil)
            try expect(gone == .stale(nil), "a tick of a removed schedule was answered with \(gone)")
        },
        QueueCase("of many who take a tick at once exactly one does", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let schedule = try await bench.put()
            let rounds = Int64(context.amount(50, atLeast: 5))
            for minute in 0..<rounds {
                let tick = ScheduleBench.minute(minute)
                let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<8 {
                        let engine = number % 2 == 0 ? bench.engine : bench.other
                        group.addTask {
                            let outcome = try await engine.take(
                                tick, of: schedule.name, publishing: [tick], next: ScheduleBench.minute(minute + 1))
                            if case .taken = outcome { return true }
                            return false
                        }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                try expect(winners == 1, "\(winners) of 8 took the tick of minute \(minute)")
            }
            let ticks = try await bench.deliveredTicks()
            try expect(
                ticks == (0..<rounds).map { ScheduleBench.minute($0).rfc3339 },
                "\(ticks.count) messages for \(rounds) ticks: \(ticks)")
        },
        QueueCase("ticks that were missed are published together, each with its own time, or passed over", .schedules) {
            context in
            let bench = try await ScheduleBench(context)
            let schedule = try await bench.put()
            let ticks = [1, 3, 4].map { ScheduleBench.minute($0) }
            try await bench.take(
                ScheduleBench.minute(0), of: schedule, publishing: ticks, next: ScheduleBench.minute(6), expecting: 3)
            try await bench.expectRecord(
                of: schedule, next: ScheduleBench.minute(6), lastTaken: ScheduleBench.minute(4), taken: 3,
                "after three ticks")
            try await bench.take(
                ScheduleBench.minute(6), of: schedule, publishing: [], next: ScheduleBench.minute(9), expecting: 0)
            try await bench.expectRecord(
                of: schedule, next: ScheduleBench.minute(9), lastTaken: ScheduleBench.minute(4), taken: 3,
                "after a tick was passed over,")
            try await bench.take(
                ScheduleBench.minute(9), of: schedule, publishing: [ScheduleBench.minute(9)], next: nil, expecting: 1)
            try await bench.expectRecord(
                of: schedule, next: nil, lastTaken: ScheduleBench.minute(9), taken: 4, "after its last tick")
            let found = try await bench.deliveredTicks()
            let expected = (ticks + [ScheduleBench.minute(9)]).map(\.rfc3339)
            try expect(found == expected, "\(found) were published, and not \(expected)")
        },
        QueueCase("a full queue leaves the tick to be taken", .schedules) { context in
            let bench = try await ScheduleBench(context) { $0.capacity = 2 }
            let schedule = try await bench.put()
            let ticks = (0..<3).map { ScheduleBench.minute(Int64($0)) }
            try await bench.take(
                ticks[0], of: schedule, publishing: ticks, next: ScheduleBench.minute(3), expecting: 2)
            try await bench.expectRecord(
                of: schedule, next: ticks[2], lastTaken: ticks[1], taken: 2, "after two of three found room,")
            for engine in [bench.engine, bench.other] {
                let outcome = try await engine.take(
                    ticks[2], of: schedule.name, publishing: [ticks[2]], next: ScheduleBench.minute(3))
                try expect(outcome == .full, "without room the answer was \(outcome)")
            }
            try await bench.expectRecord(
                of: schedule, next: ticks[2], lastTaken: ticks[1], taken: 2, "after there was no room,")
            try await context.settle(try await context.receive(from: bench.queue), .acknowledge, in: bench.queue)
            try await bench.take(
                ticks[2], of: schedule, publishing: [ticks[2]], next: ScheduleBench.minute(3), expecting: 1)
            let found = try await bench.deliveredTicks()
            try expect(found == [ticks[2].rfc3339], "with room \(found) were published")
        },
        QueueCase("a schedule that was changed is not taken by its former tick", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let schedule = try await bench.put()
            let target = try await context.queue("target")
            let changed = try bench.schedule(cron: "*/5 * * * *", to: target)
            try await bench.other.put(changed, next: ScheduleBench.minute(5))
            let outcome = try await bench.engine.take(
                ScheduleBench.minute(0), of: schedule.name, publishing: [ScheduleBench.minute(0)],
                next: ScheduleBench.minute(1))
            let record = try await bench.record(of: schedule)
            try expect(outcome == .stale(record), "the former tick was answered with \(outcome)")
            try await bench.take(
                ScheduleBench.minute(5), of: schedule, publishing: [ScheduleBench.minute(5)],
                next: ScheduleBench.minute(10), expecting: 1)
            try await context.expectDelivery([], from: bench.queue, "from the former queue")
            try await context.expectDelivery(["body"], from: target, "from the present queue")
        },
        QueueCase("a tick whose queue is gone stays to be taken", .schedules) { context in
            let bench = try await ScheduleBench(context)
            guard let administration = context.administration else { return }
            let schedule = try await bench.put()
            try expect(try await administration.delete(bench.queue), "the queue was not there")
            for _ in 1...2 {
                try await context.expectRefusal(.unknownQueue, what: "a tick whose queue is gone") {
                    _ = try await bench.other.take(
                        ScheduleBench.minute(0), of: schedule.name, publishing: [ScheduleBench.minute(0)],
                        next: ScheduleBench.minute(1))
                }
            }
            try await bench.expectRecord(
                of: schedule, next: ScheduleBench.minute(0), lastTaken: nil, taken: 0, "after the refusal")
        },
        QueueCase("ticks that do not rise from the one that is taken are refused", .schedules) { context in
            let bench = try await ScheduleBench(context)
            let schedule = try await bench.put()
            let minute = ScheduleBench.minute
            for (ticks, next) in [
                ([minute(-1)], minute(1)), ([minute(0), minute(0)], minute(1)), ([minute(1), minute(0)], minute(2)),
                ([minute(0), minute(1)], minute(1)), ([minute(0)], minute(0)), ([], minute(0)), ([], minute(-1)),
                ((0...Int64(MessageLimits.batch)).map(minute), minute(5_000)),
            ] {
                try await context.expectRefusal(.invalidRequest, what: "\(ticks.count) ticks before \(next)") {
                    _ = try await bench.engine.take(minute(0), of: schedule.name, publishing: ticks, next: next)
                }
            }
            try await bench.expectRecord(
                of: schedule, next: minute(0), lastTaken: nil, taken: 0, "after the refusals")
            let ticks = try await bench.deliveredTicks()
            try expect(ticks.isEmpty, "\(ticks) were published")
        },
    ]
}
