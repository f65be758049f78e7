import ColonyCore
import ColonyResilience

extension RateLimitConformance {
    static let ruleCases: [RateLimitCase] = [
        RateLimitCase("a narrower rule owes no more than its own burst", .rules) { context in
            let name = try context.name()
            try await context.granted(100, of: name, try context.slow(burst: 100))
            let narrow = try context.scaled(1, per: .seconds(10), burst: 2)
            let refusal = try await context.refused(1, of: name, narrow, on: context.other)
            let interval = Duration.nanoseconds(narrow.interval)
            try expect(
                refusal.retryAfter <= interval + context.slack(over: interval),
                "an empty limit of \(narrow) has a permit in \(interval), and not in \(refusal.retryAfter)")
            // The answer must be true: what the wide rule owed is not owed any more.
            try await context.pass(refusal.retryAfter)
            try await context.granted(1, of: name, narrow)
        },
        RateLimitCase("a wider rule gives what it has beyond what is owed", .rules) { context in
            let name = try context.name()
            try await context.granted(2, of: name, try context.slow(burst: 2))
            try await context.refused(1, of: name, try context.slow(burst: 2))
            let wide = try context.slow(burst: 5)
            let decision = try await context.granted(3, of: name, wide, on: context.other)
            try expect(decision.remaining == 0, "5 of 5 are taken, and \(decision.remaining) remain")
            try await context.refused(1, of: name, wide)
        },
        RateLimitCase("what is owed is owed in time, also under a faster rule", .rules) { context in
            let name = try context.name()
            try await context.granted(1, of: name, try context.slow(burst: 4))
            // One permit in ten minutes is owed: of one permit a minute that is ten.
            let fast = try RateLimitRule(1, per: .seconds(60), burst: 12)
            try await context.refused(3, of: name, fast, on: context.other)
            try await context.granted(2, of: name, fast)
        },
    ]

    static let resetCases: [RateLimitCase] = [
        RateLimitCase("a limit that was reset is full, and no other one is", .reset) { context in
            let (first, second) = (try context.name("first"), try context.name("second"))
            let rule = try context.slow(burst: 3)
            for name in [first, second] { try await context.granted(3, of: name, rule) }
            try expect(try await context.reset(first, on: context.other), "3 were owed, and nothing was reset")
            try await context.granted(3, of: first, rule)
            try await context.refused(1, of: second, rule)
        },
        RateLimitCase("a reset of what owes nothing says so", .reset) { context in
            let name = try context.name()
            try expect(try await !context.reset(name), "a limit that nobody has used was reset")
            let rule = try context.scaled(100, per: .seconds(10), burst: 2)
            try await context.granted(2, of: name, rule)
            try await context.pass(.nanoseconds(rule.tolerance))
            try expect(try await !context.reset(name, on: context.other), "a limit that was full again was reset")
            try await context.granted(2, of: name, try context.slow(burst: 2))
            try expect(try await context.reset(name), "2 were owed, and nothing was reset")
            try expect(try await !context.reset(name), "a limit was reset twice")
        },
        RateLimitCase("what was taken stays taken when the store is opened anew", .survival) { context in
            let name = try context.name()
            let rule = try context.slow(burst: 3)
            try await context.granted(2, of: name, rule)
            let engine = try await context.harness.reopen()
            try await context.granted(1, of: name, rule, on: engine)
            try await context.refused(1, of: name, rule, on: engine)
            try await engine.reset(name)
        },
    ]

    static let nameCases: [RateLimitCase] = [
        RateLimitCase("names differ by their bytes, whatever they hold", .names) { context in
            let room = 255 - context.prefix.utf8.count
            let stem = String(repeating: "n", count: room - 1)
            let texts = [
                "caf\u{E9}", "cafe\u{301}", "A", "a", "a ", " a", "\u{212B}", "\u{C5}", "a'b", "a\"b", "a\\b", "%",
                "%25", "%2F", "/", "//", "a/b", "a%2Fb", "../x", "x/..", "..", ".", "?", "#", "a:b", "{a}", "*", "_",
                "a_b", "日本語", "👩‍👩‍👧‍👦", "\u{10FFFD}", stem, stem + "a", stem + "b",
                String(repeating: "é", count: room / 2),
            ]
            let rule = try context.slow(burst: texts.count)
            let names = try texts.map { try context.name($0) }
            for (number, name) in names.enumerated() {
                let engine = number.isMultiple(of: 2) ? context.engine : context.other
                try await context.granted(number + 1, of: name, rule, on: engine)
            }
            let looks = try await context.take(names.map { RateLimitRequest($0, permits: 0, rule: rule) })
            for (number, look) in looks.enumerated() {
                try expect(
                    look.remaining == texts.count - number - 1,
                    "of \(names[number]), \(number + 1) are taken of \(texts.count), and \(look.remaining) remain")
            }
            for name in names { try expect(try await context.reset(name), "\(name) was full") }
        }
    ]

    static let limitCases: [RateLimitCase] = [
        RateLimitCase("impossible requests are refused, and nothing is taken", .limits) { context in
            let (name, bystander) = (try context.name(), try context.name("bystander"))
            let rule = try context.slow(burst: 5)
            for permits in [-1, 6, Int.max, Int.min, Int(Int64.max / rule.interval) + 1] {
                let bad = RateLimitRequest(name, permits: permits, rule: rule)
                try await context.expectRefusal(.invalidRequest, [bad], "a request for \(permits) of 5")
                let good = RateLimitRequest(bystander, permits: 1, rule: rule)
                for batch in [[good, bad], [bad, good], [good, bad, good]] {
                    try await context.expectRefusal(.invalidRequest, batch, "a batch with \(permits) of 5")
                }
            }
            for name in [name, bystander] {
                let look = try await context.granted(0, of: name, rule, on: context.other)
                try expect(look.remaining == 5, "after impossible requests \(look.remaining) of 5 remain of \(name)")
            }
        },
        RateLimitCase("a refusal quotes the number and the limit", .limits) { context in
            let name = try context.name()
            do {
                _ = try await context.take(123_456, of: name, try context.slow(burst: 5))
                throw ConformanceFailure("123456 permits of a burst of 5 were not refused")
            } catch let error as ResilienceError {
                try expect(
                    error.message.contains("123456") && error.message.contains(name.rawValue),
                    "the message does not quote what was asked: \(error.message)")
            }
        },
        RateLimitCase("an empty batch and one that is too long are refused", .limits) { context in
            let name = try context.name()
            let rule = try context.slow(burst: 5)
            try await context.expectRefusal(.invalidRequest, [], "an empty batch")
            let request = RateLimitRequest(name, permits: 1, rule: rule)
            let long = Array(repeating: request, count: RateLimitLimits.batch + 1)
            try await context.expectRefusal(.invalidRequest, long, "a batch of \(long.count)")
            let look = try await context.granted(0, of: name, rule)
            try expect(look.remaining == 5, "after refused batches \(look.remaining) of 5 remain")
        },
    ]
}
