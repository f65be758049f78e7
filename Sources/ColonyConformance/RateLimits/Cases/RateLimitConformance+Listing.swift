import ColonyCore
import ColonyResilience

extension RateLimitCaseContext {
    /// The client as one that lists.
    fileprivate func administration() throws -> any RateLimitAdministration {
        guard let administration = self.other as? any RateLimitAdministration else {
            throw PowerAbsent(reason: "the engine does not list its limits")
        }
        return administration
    }
}

extension RateLimitConformance {
    static let listingCases: [RateLimitCase] = [
        RateLimitCase("limits that are not full are listed in the order of their bytes, page by page", .listing) {
            context in
            let administration = try context.administration()
            let rule = try context.slow(burst: 50)
            let texts = ["b", "a", "B", "é", "a/b", "z", "aa", "%", "日", "\u{FF5E}", "\u{1F600}", "_", "a b"]
            var names = try texts.map { try context.name($0) }
            for (number, name) in names.enumerated() { try await context.granted(number + 1, of: name, rule) }
            // What was only looked at, refused at once, or reset is full.
            try await context.granted(0, of: try context.name("looked-at"), rule)
            let reset = try context.name("was-reset")
            try await context.granted(5, of: reset, rule)
            try await context.reset(reset)
            names.sort()
            for size in [1, 2, 5, 100] {
                var found: [RateLimitRecord] = []
                while true {
                    let page = try await administration.limits(
                        withPrefix: context.prefix, after: found.last?.name, limit: size)
                    try expect(page.count <= size, "a page of \(size) has \(page.count) records")
                    if page.isEmpty { break }
                    found += page
                    try expect(
                        found.count <= names.count, "\(names) owe something, and \(found.map(\.name)) are listed")
                }
                try expect(
                    found.map(\.name) == names,
                    "in pages of \(size), \(names) had to be listed, and \(found.map(\.name)) were")
            }
            let some = try await administration.limits(withPrefix: context.prefix + "a", after: nil, limit: 100)
            let expected = names.filter { $0.rawValue.utf8.starts(with: (context.prefix + "a").utf8) }
            try expect(some.map(\.name) == expected, "with the prefix a, \(some.map(\.name)) were listed")
        },
        RateLimitCase("a record tells the rule and what one permit would be answered", .listing) { context in
            let administration = try context.administration()
            let name = try context.name()
            let (wide, narrow) = (try context.slow(burst: 9), try context.slow(burst: 4))
            try await context.granted(1, of: name, wide)
            try await context.granted(2, of: name, narrow)
            // Neither a look nor a refusal takes permits.
            try await context.granted(0, of: name, wide)
            try await context.refused(9, of: name, wide)
            let records = try await context.observe(name, narrow) {
                try await administration.limits(withPrefix: context.prefix, after: nil, limit: 10)
            }
            let record = try require(records.first, "\(name) owes 3, and is not listed")
            try expect(
                record.name == name && record.rule == narrow,
                "3 of \(narrow) were taken of \(name), and \(record) is listed")
            try expect(
                record.decision.isAllowed && record.decision.remaining == 0,
                "the fourth of 4 would be granted as the last, and the record says \(record.decision)")
            try await context.granted(1, of: name, narrow)
            let latest = try await context.observe(name, narrow) {
                try await administration.limits(withPrefix: context.prefix, after: nil, limit: 10)
            }
            try expect(latest.first?.decision.isAllowed == false, "4 of 4 are taken, and \(latest) is listed")
        },
        RateLimitCase("a limit that is full again is not listed", .listing) { context in
            let administration = try context.administration()
            let name = try context.name()
            let rule = try context.scaled(100, per: .seconds(10), burst: 2)
            try await context.granted(2, of: name, rule)
            try await context.pass(.nanoseconds(rule.tolerance))
            let records = try await administration.limits(withPrefix: context.prefix, after: nil, limit: 10)
            try expect(records.isEmpty, "\(name) is full again, and \(records) are listed")
        },
        RateLimitCase("a page of an impossible size is refused", .listing) { context in
            let administration = try context.administration()
            for size in [0, -1, Int.min, RateLimitLimits.batch + 1, Int.max] {
                do {
                    _ = try await administration.limits(withPrefix: context.prefix, after: nil, limit: size)
                    throw ConformanceFailure("a page of \(size) was not refused")
                } catch let error as ResilienceError {
                    try expect(
                        error.code == .invalidRequest && error.message.contains("\(size)"),
                        "a page of \(size) was refused with \(error)")
                }
            }
        },
    ]
}
