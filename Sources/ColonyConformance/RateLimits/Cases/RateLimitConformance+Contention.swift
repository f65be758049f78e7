import ColonyCore
import ColonyResilience

extension RateLimitConformance {
    /// What many clients were answered.
    private struct Tally {
        var permits = 0
        var refusals = 0
        /// Answers that were lost; their permits may have been taken.
        var lost = 0

        static func += (total: inout Self, part: Self) {
            total.permits += part.permits
            total.refusals += part.refusals
            total.lost += part.lost
        }
    }

    /// Sixteen tasks ask at once, each so many times.
    private static func crowd(
        _ context: RateLimitCaseContext, rounds: Int, permits: @escaping @Sendable (_ round: Int) -> Int,
        name: RateLimitName, rule: RateLimitRule
    ) async throws -> Tally {
        try await withThrowingTaskGroup(of: Tally.self) { group in
            for task in 0..<16 {
                let engine = task.isMultiple(of: 2) ? context.engine : context.other
                group.addTask {
                    var tally = Tally()
                    for round in 0..<rounds {
                        let count = permits(task + round)
                        do {
                            let request = RateLimitRequest(name, permits: count, rule: rule)
                            let decision = try require(try await engine.take([request]).first, "no answer")
                            tally.permits += decision.isAllowed ? count : 0
                            tally.refusals += decision.isAllowed ? 0 : 1
                        } catch let error as ResilienceError where error.code == .unavailable {
                            // A store that many write to at once on a busy machine is entitled to it.
                            tally.lost += 1
                        }
                    }
                    return tally
                }
            }
            return try await group.reduce(into: Tally()) { $0 += $1 }
        }
    }

    static let contentionCases: [RateLimitCase] = [
        RateLimitCase("many who ask at once get the burst, and not one more", .contention) { context in
            let name = try context.name()
            let burst = context.amount(500, atLeast: 40)
            let tally = try await Self.crowd(
                context, rounds: burst / 8, permits: { _ in 1 }, name: name, rule: try context.slow(burst: burst))
            try expect(tally.permits <= burst, "of a burst of \(burst), \(tally.permits) were granted")
            if tally.lost == 0 {
                try expect(tally.permits == burst, "\(tally.refusals) were refused after \(tally.permits) of \(burst)")
            }
        },
        RateLimitCase("many who ask at once for several get no more than burst and rate allow", .contention) {
            context in
            let name = try context.name()
            let rule = try RateLimitRule(2_000, per: .seconds(1), burst: 50)
            let before = context.now
            let tally = try await Self.crowd(
                context, rounds: context.amount(200, atLeast: 20), permits: { 1 + $0 % 7 }, name: name, rule: rule)
            let elapsed = before.duration(to: context.now)
            let allowed = rule.tolerance + (elapsed + context.slack(over: elapsed)).clampedNanoseconds
            let taken = Int64(tally.permits) * rule.interval
            try expect(
                taken <= allowed,
                "\(tally.permits) permits in \(elapsed) are more than a burst of 50 and 2000 in a second allow")
            try expect(tally.permits >= 44 || tally.lost > 0, "only \(tally.permits) of a burst of 50 were granted")
        },
        RateLimitCase("cancelled requests lose permits at worst", .cancellation) { context in
            let name = try context.name()
            let rounds = context.amount(100, atLeast: 10)
            let rule = try context.slow(burst: rounds * 6)
            var granted = 0
            var unknown = 0
            for round in 0..<rounds {
                let tasks = (0..<4).map { task in
                    let engine = task.isMultiple(of: 2) ? context.engine : context.other
                    return Task {
                        try await engine.take([RateLimitRequest(name, permits: 1, rule: rule)]).first?.isAllowed
                    }
                }
                for _ in 0..<round % 5 { await Task.yield() }
                tasks[0].cancel()
                tasks[round % 4].cancel()
                for task in tasks {
                    switch await task.result {
                    case .success(let isAllowed):
                        try expect(isAllowed == true, "one of \(rounds * 6) permits was refused after \(granted)")
                        granted += 1
                    case .failure(let error):
                        let code = (error as? ResilienceError)?.code
                        try expect(
                            code == .cancelled || code == .unavailable, "a cancelled request failed with \(error)")
                        unknown += 1
                    }
                }
            }
            let look = try require(
                try await context.engine.take([RateLimitRequest(name, permits: 0, rule: rule)]).first, "no answer")
            let taken = rule.burst - look.remaining
            try expect(
                (granted...(granted + unknown)).contains(taken),
                "\(granted) were granted and \(unknown) are unknown, and \(taken) are taken")
        },
    ]

    static let clockCases: [RateLimitCase] = [
        RateLimitCase("storeClockRules: the clocks of clients change nothing", .clocks) { context in
            let rule = try context.scaled(1, per: .seconds(10), burst: 3)
            for offset in [Duration.seconds(3_600), .seconds(-3_600), rule.period, .zero - rule.period] {
                guard let skewed = try await context.harness.makeSkewedEngine(by: offset) else {
                    throw PowerAbsent(reason: "the clients of this store have no clocks that could be wrong")
                }
                let name = try context.name("limit-\(offset.clampedMilliseconds)")
                try await context.granted(2, of: name, rule)
                try await context.granted(1, of: name, rule, on: skewed)
                try await context.refused(1, of: name, rule)
                let wait = try await context.refused(2, of: name, rule, on: skewed).retryAfter
                try await context.pass(wait)
                try await context.granted(2, of: name, rule, on: skewed)
                try await context.take(1, of: name, rule)
            }
        }
    ]
}
