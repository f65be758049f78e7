import ColonyCore
import ColonyResilience

extension RateLimitConformance {
    static let decisionCases: [RateLimitCase] = [
        RateLimitCase("an idle limit grants its burst one by one and then refuses", .decisions) { context in
            let name = try context.name()
            let rule = try context.slow(burst: 5)
            for number in 1...5 {
                let decision = try await context.granted(of: name, rule, on: number == 3 ? context.other : nil)
                try expect(decision.remaining == 5 - number, "after \(number) of 5, \(decision.remaining) remain")
            }
            let refusal = try await context.refused(of: name, rule)
            try expect(refusal.remaining == 0, "a limit that refuses one permit has \(refusal.remaining) left")
            try await context.refused(5, of: name, rule, on: context.other)
        },
        RateLimitCase("a request is granted whole or not at all", .decisions) { context in
            let name = try context.name()
            let rule = try context.slow(burst: 5)
            try await context.granted(3, of: name, rule)
            let refusal = try await context.refused(3, of: name, rule, on: context.other)
            try expect(refusal.remaining == 2, "3 of 5 are taken, and a refusal of 3 left \(refusal.remaining)")
            try await context.granted(2, of: name, rule)
            try await context.refused(1, of: name, rule)
        },
        RateLimitCase("permits come back evenly, and no more than the burst", .decisions) { context in
            let name = try context.name()
            let rule = try context.scaled(2, per: .seconds(10), burst: 4)
            try await context.granted(4, of: name, rule)
            for number in 1...4 {
                try await context.pass(rule.period / 2)
                let decision = try await context.take(0, of: name, rule, on: context.other)
                try expect(decision.remaining >= number, "after \(number) intervals, \(decision.remaining) are back")
            }
            try await context.pass(rule.period * 3)
            let decision = try await context.granted(1, of: name, rule)
            try expect(decision.remaining <= 3, "of a burst of 4, \(decision.remaining) remain after 1 was taken")
            try await context.granted(2, of: name, rule)
        },
        RateLimitCase("after exactly the time it was told, the same request is granted", .retrying) { context in
            let rule = try context.scaled(1, per: .seconds(10), burst: 3)
            for permits in 1...3 {
                let name = try context.name("limit-\(permits)")
                try await context.granted(3, of: name, rule)
                let wait = try await context.refused(permits, of: name, rule).retryAfter
                if context.harness.isExact {
                    try await context.pass(wait - .nanoseconds(1))
                    let early = try await context.refused(permits, of: name, rule, on: context.other)
                    try expect(early.retryAfter == .nanoseconds(1), "a nanosecond is left, not \(early.retryAfter)")
                    try await context.pass(.nanoseconds(1))
                } else {
                    try await context.pass(wait)
                }
                try await context.granted(permits, of: name, rule)
            }
        },
        RateLimitCase(
            "fullBurstRetryAfter: a request for the whole burst waits a finite time, and then passes", .retrying
        ) { context in
            for burst in [1, 2, 7] {
                let name = try context.name("limit-\(burst)")
                let rule = try context.scaled(10, per: .seconds(10), burst: burst)
                try await context.granted(burst, of: name, rule)
                let wait = try await context.refused(burst, of: name, rule).retryAfter
                let fill = Duration.nanoseconds(rule.tolerance)
                try expect(wait <= fill + context.slack(over: fill), "a burst comes back in \(fill), not in \(wait)")
                try await context.pass(wait)
                try await context.granted(burst, of: name, rule, on: context.other)
            }
            // One permit that was taken must not put off the whole burst for more than it takes to come back.
            let name = try context.name()
            let rule = try context.scaled(1, per: .seconds(10), burst: 4)
            try await context.granted(1, of: name, rule)
            try await context.pass(try await context.refused(4, of: name, rule).retryAfter)
            try await context.granted(4, of: name, rule)
        },
        RateLimitCase("the largest and the smallest numbers are counted as they are", .decisions) { context in
            let year = RateLimitRule.longestFill
            let most = RateLimitRule.maximumPermits
            let rules = [
                try RateLimitRule(1, per: year), try RateLimitRule(most, per: year),
                try RateLimitRule(most, per: .seconds(1)),
                try RateLimitRule(1_000, per: .microseconds(1), burst: most), try RateLimitRule(7, per: .seconds(3)),
                try RateLimitRule(999_999_937, per: year, burst: 900_000_001),
                try RateLimitRule(1, per: .microseconds(1), burst: 1),
                try RateLimitRule(3, per: .seconds(1), burst: 90_000_001),
            ]
            for (number, rule) in rules.enumerated() {
                let name = try context.name("limit-\(number)")
                try await context.granted(rule.burst, of: name, rule)
                for permits in [1, rule.burst, (rule.burst + 1) / 2] {
                    try await context.take(permits, of: name, rule, on: context.other)
                }
            }
        },
    ]

    static let lookingCases: [RateLimitCase] = [
        RateLimitCase("asking for no permits tells how things are and changes nothing", .looking) { context in
            let name = try context.name()
            let rule = try context.slow(burst: 3)
            for _ in 1...5 {
                let look = try await context.granted(0, of: name, rule)
                try expect(
                    look.remaining == 3 && look.resetAfter == .zero, "nobody has taken of \(rule), and it is \(look)")
            }
            try expect(try await !context.reset(name), "a limit that was only looked at owes something")
            try await context.granted(2, of: name, rule)
            for _ in 1...5 {
                let look = try await context.granted(0, of: name, rule, on: context.other)
                try expect(look.remaining == 1, "2 of 3 are taken, and a look found \(look)")
            }
            try await context.granted(1, of: name, rule)
            try await context.granted(0, of: name, rule)
            try await context.refused(1, of: name, rule)
        },
        RateLimitCase("a look under another rule changes nothing", .looking) { context in
            let name = try context.name()
            let wide = try context.slow(burst: 100)
            try await context.granted(60, of: name, wide)
            let look = try await context.granted(0, of: name, try context.slow(burst: 5), on: context.other)
            try expect(look.remaining == 0, "60 are owed, and a burst of 5 was said to have \(look.remaining) left")
            let after = try await context.granted(0, of: name, wide)
            try expect(
                after.remaining == 40, "60 of 100 are taken, and after a narrower look \(after.remaining) remain")
        },
    ]

    static let batchCases: [RateLimitCase] = [
        RateLimitCase("a batch is decided in its order, also about one limit several times", .batches) { context in
            let (first, second) = (try context.name("first"), try context.name("second"))
            let rule = try context.slow(burst: 3)
            let decisions = try await context.take([
                RateLimitRequest(first, permits: 2, rule: rule), RateLimitRequest(second, permits: 3, rule: rule),
                RateLimitRequest(first, permits: 2, rule: rule), RateLimitRequest(first, permits: 1, rule: rule),
                RateLimitRequest(second, permits: 0, rule: rule), RateLimitRequest(second, permits: 1, rule: rule),
            ])
            let allowed = decisions.map(\.isAllowed)
            try expect(allowed == [true, true, false, true, true, false], "in order, \(allowed) were granted")
            try expect(decisions.map(\.remaining) == [1, 0, 1, 0, 0, 0], "they left \(decisions.map(\.remaining))")
        },
        RateLimitCase("a batch may be as long as it is allowed to be", .batches) { context in
            let names = try (0..<40).map { try context.name("limit-\($0)") }
            let rule = try context.slow(burst: 20)
            let requests = (0..<RateLimitLimits.batch).map {
                RateLimitRequest(names[$0 * 7 % names.count], permits: 1, rule: rule)
            }
            let decisions = try await context.take(requests)
            let granted = decisions.count(where: \.isAllowed)
            try expect(granted == 800, "40 limits have a burst of 20, and \(granted) were granted")
        },
        RateLimitCase("each request of a batch is judged by its own rule", .batches) { context in
            let name = try context.name()
            let (wide, narrow) = (try context.slow(burst: 10), try context.slow(burst: 2))
            let decisions = try await context.take(
                [wide, narrow, wide, narrow].map { RateLimitRequest(name, permits: 2, rule: $0) })
            let allowed = decisions.map(\.isAllowed)
            try expect(allowed == [true, false, true, false], "2 of 10, of 2, of 10, of 2 were granted as \(allowed)")
        },
    ]
}
