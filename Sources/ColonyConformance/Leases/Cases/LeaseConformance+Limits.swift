import ColonyCore

extension LeaseConformance {
    private static let illegalDurations: [Duration] = [
        .zero, .seconds(-1), .milliseconds(9), .nanoseconds(1), .seconds(86_400) + .nanoseconds(1), .seconds(90_000),
        .seconds(Int64.max),
    ]

    static let limitCases: [LeaseCase] = [
        LeaseCase("a request for an impossible duration is refused and does nothing", .limits) { context in
            let name = try context.name()
            let owner = try context.owner(1)
            for duration in Self.illegalDurations {
                try await context.expectRefusal(.invalidRequest, "a lease of \(duration)") {
                    _ = try await context.engine.tryAcquire(name, owner: owner, for: duration)
                }
            }
            try expect(try await context.engine.inspect(name) == nil, "a refused request left a lease")
        },
        LeaseCase("a renewal for an impossible duration is refused and does nothing", .limits) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            for duration in Self.illegalDurations {
                try await context.expectRefusal(.invalidRequest, "a renewal for \(duration)") {
                    _ = try await context.engine.renew(lease, for: duration)
                }
            }
            let record = try require(try await context.engine.inspect(name), "a refused renewal ended the lease")
            try expect(record.renewals == 0, "a refused renewal was counted")
        },
        LeaseCase("the shortest and the longest durations are possible", .limits) { context in
            let (limits, longest) = (LeaseLimits.duration, context.harness.longestLease)
            for (number, duration) in [limits.lowerBound, longest, limits.upperBound].enumerated() {
                let name = try context.name("job-\(number)")
                let lease = try await context.grant(name, to: 1, for: duration)
                try expect(
                    lease.duration == min(duration, longest),
                    "the lease lasts \(lease.duration); asked were \(duration), and \(longest) are the longest")
                _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            }
        },
        LeaseCase(
            "a fair request for an impossible duration is refused and does nothing", .limits, requires: [.fairness]
        ) {
            context in
            let name = try context.name()
            let owner = try context.owner(1)
            let engine = try context.fair(context.engine)
            for duration in Self.illegalDurations {
                try await context.expectRefusal(.invalidRequest, "a lease of \(duration)") {
                    _ = try await engine.acquire(name, owner: owner, for: duration, upTo: .seconds(1))
                }
            }
            try expect(try await engine.inspect(name) == nil, "a refused request left a lease")
        },
    ]

    static let inspectionCases: [LeaseCase] = [
        LeaseCase("a name that nobody holds has no record", .inspection) { context in
            try expect(
                try await context.engine.inspect(try context.name()) == nil, "a name that nobody holds has a record")
        },
        LeaseCase("a record shows owner, token, duration, remaining time, age, and renewals", .inspection) { context in
            let name = try context.name()
            let duration = context.ample
            let before = context.now
            let lease = try await context.grant(name, to: 1, for: duration)
            let granted = context.now
            try await context.pass(.seconds(2))
            let asked = context.now
            let record = try require(try await context.other.inspect(name), "a held name has a record")
            let answered = context.now
            try expect(
                record.name == name && record.owner == lease.owner && record.token == lease.token,
                "\(lease) became \(record)")
            try expect(
                record.duration == duration, "the duration is \(duration), and the record says \(record.duration)")
            // A store may keep whole milliseconds.
            let slack = Duration.milliseconds(2)
            try expect(
                record.age >= granted.duration(to: asked) - slack
                    && record.age <= before.duration(to: answered) + slack,
                "the age is about \(before.duration(to: answered)), and the record says \(record.age)")
            try expect(
                record.remaining <= duration - granted.duration(to: asked) + slack
                    && record.remaining >= duration - before.duration(to: answered) - slack,
                "about \(duration - before.duration(to: answered)) remain, and the record says \(record.remaining)")
            try expect(record.renewals == 0, "there were no renewals, and the record says \(record.renewals)")
            try expect(record.waiters.isEmpty, "nobody waits, and the record says \(record.waiters)")
        },
        LeaseCase("the age counts from the grant, also after renewals and changed durations", .inspection) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            let granted = context.now
            try await context.pass(.seconds(2))
            let longer = context.ample * 2
            _ = try await context.engine.renew(lease, for: longer)
            let asked = context.now
            let record = try require(try await context.engine.inspect(name), "a held name has a record")
            try expect(
                record.age >= granted.duration(to: asked) - .milliseconds(2),
                "the grant is \(granted.duration(to: asked)) old, and the record says \(record.age)")
            try expect(
                record.duration == longer, "the latest duration is \(longer), and the record says \(record.duration)")
            try expect(
                record.remaining > context.ample && record.remaining <= longer,
                "\(record.remaining) remain after a renewal for \(longer)")
        },
    ]
}
