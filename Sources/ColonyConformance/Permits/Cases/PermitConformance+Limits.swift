import ColonyCoordination
import ColonyCore

extension PermitConformance {
    private static let illegalDurations: [Duration] = [
        .zero, .seconds(-1), .milliseconds(9), .seconds(86_400) + .nanoseconds(1), .seconds(Int64.max),
    ]

    static let limitCases: [PermitCase] = [
        PermitCase("an impossible request is refused and does nothing", .limits) { context in
            let name = try context.name()
            let counts = [
                (0, 1), (-1, 1), (2, 1), (4, 3), (1, 0), (1, -1), (0, 0), (1, PermitLimits.permits + 1), (1, Int.max),
                (Int.max, Int.max), (Int.min, 1),
            ]
            for (permits, limit) in counts {
                let request = try context.request(permits, of: name, limit: limit, as: 1, claim: context.ample)
                try await context.expectRefusal(.invalidRequest, "\(permits) permits of \(limit)") {
                    _ = try await context.engine.takePermits(request)
                }
            }
            for duration in Self.illegalDurations {
                let request = try context.request(1, of: name, limit: 1, as: 1, for: duration)
                try await context.expectRefusal(.invalidRequest, "permits for \(duration)") {
                    _ = try await context.engine.takePermits(request)
                }
            }
            try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            for duration in Self.illegalDurations {
                let request = try context.request(1, of: name, limit: 1, as: 1, claim: duration)
                try await context.expectRefusal(.invalidRequest, "a claim of \(duration)") {
                    _ = try await context.engine.takePermits(request)
                }
            }
            try await context.expectClaims(of: name, [], "after impossible requests")
        },
        PermitCase("an impossible wait is refused", .limits) { context in
            let name = try context.name()
            for (permits, limit) in [(0, 1), (2, 1), (1, PermitLimits.permits + 1)] {
                let request = try context.request(permits, of: name, limit: limit, as: 1)
                try await context.expectRefusal(.invalidRequest, "waiting for \(permits) permits of \(limit)") {
                    _ = try await context.engine.waitForPermits(request, upTo: .zero)
                }
            }
        },
        PermitCase("a renewal for an impossible duration is refused and does nothing", .limits) { context in
            let name = try context.name()
            let lease = try await context.take(try context.request(1, of: name, limit: 1, as: 1))
            for duration in Self.illegalDurations {
                try await context.expectRefusal(.invalidRequest, "a renewal for \(duration)") {
                    _ = try await context.engine.renewPermits(lease, for: duration)
                }
            }
            try await context.expectHolders(of: name, [lease], "after impossible renewals")
        },
        PermitCase("the largest limit and the shortest and longest durations are possible", .limits) { context in
            let (limits, longest) = (LeaseLimits.duration, context.harness.longestLease)
            for (number, duration) in [limits.lowerBound, longest, limits.upperBound].enumerated() {
                let name = try context.name("job-\(number)")
                let request = try context.request(
                    PermitLimits.permits, of: name, limit: PermitLimits.permits, as: 1, for: duration, claim: duration)
                let lease = try await context.take(request)
                try expect(
                    lease.duration == min(duration, longest),
                    "the lease lasts \(lease.duration); asked were \(duration), and \(longest) are the longest")
                try await context.engine.returnPermits(name, owner: lease.owner, token: lease.token)
            }
        },
        PermitCase("each request is judged by the limit that it brings", .limits) { context in
            let name = try context.name()
            try await context.take(try context.request(2, of: name, limit: 2, as: 1))
            try await context.refusal(try context.request(1, of: name, limit: 2, as: 2))
            let lease = try await context.take(try context.request(1, of: name, limit: 3, as: 3), on: context.other)
            let refusal = try await context.refusal(try context.request(1, of: name, limit: 1, as: 2))
            try expect(refusal.available == 0, "3 are held of a limit of 1, and \(refusal.available) are available")
            try await context.giveBack(lease)
        },
    ]

    static let inspectionCases: [PermitCase] = [
        PermitCase("a name of which nobody holds or claims permits has an empty record", .inspection) { context in
            let name = try context.name()
            let record = try await context.engine.inspectPermits(name)
            try expect(
                record == PermitRecord(name: name, holders: [], claims: []),
                "nobody holds \(name), and there is \(record)")
        },
        PermitCase("a record shows who holds how many, in the order of tokens, and for how long", .inspection) {
            context in
            let name = try context.name()
            let before = context.now
            var leases: [Lease] = []
            for number in [3, 1, 2] {
                leases.append(
                    try await context.take(
                        try context.request(
                            number, of: name, limit: 6, as: number, for: context.ample - .seconds(number))))
            }
            let granted = context.now
            try await context.pass(.seconds(4))
            let asked = context.now
            let record = try await context.other.inspectPermits(name)
            let answered = context.now
            try expect(record.name == name, "\(name) was inspected, and the record is of \(record.name)")
            try await context.expectHolders(of: name, leases, "after three grants")
            try expect(record.holders.map(\.permits) == [3, 1, 2] && record.held == 6, "3, 1, and 2 became \(record)")
            // A store may keep whole milliseconds.
            let slack = Duration.milliseconds(2)
            for (holder, lease) in zip(record.holders, leases) {
                try expect(
                    holder.age >= granted.duration(to: asked) - slack
                        && holder.age <= before.duration(to: answered) + slack,
                    "the age is about \(before.duration(to: answered)), and the record says \(holder.age)")
                try expect(
                    holder.remaining <= lease.duration - granted.duration(to: asked) + slack
                        && holder.remaining >= lease.duration - before.duration(to: answered) - slack,
                    "about \(lease.duration - before.duration(to: answered)) remain, and the record says "
                        + "\(holder.remaining)")
            }
        },
        PermitCase("a renewal changes what remains, not the age or the order", .inspection) { context in
            let name = try context.name()
            let first = try await context.take(try context.request(1, of: name, limit: 2, as: 1))
            let granted = context.now
            let second = try await context.take(try context.request(1, of: name, limit: 2, as: 2))
            try await context.pass(.seconds(2))
            try expect(
                try await context.engine.renewPermits(first, for: context.ample * 2) != nil,
                "permits that are held could not be renewed")
            let asked = context.now
            let record = try await context.other.inspectPermits(name)
            try await context.expectHolders(of: name, [first, second], "after a renewal of the first")
            let holder = try require(record.holders.first, "nobody holds permits")
            try expect(
                holder.age >= granted.duration(to: asked) - .milliseconds(2), "a renewal set the age to \(holder.age)")
            try expect(
                holder.remaining > context.ample && holder.remaining <= context.ample * 2,
                "\(holder.remaining) remain after a renewal for \(context.ample * 2)")
        },
        PermitCase("a record shows who claims how many, the earliest first, and since when", .inspection) { context in
            let name = try context.name()
            try await context.take(try context.request(5, of: name, limit: 5, as: 0))
            let before = context.now
            for number in [3, 1, 2] {
                try await context.refusal(
                    try context.request(number, of: name, limit: 5, as: number, claim: context.ample))
            }
            let claimed = context.now
            try await context.pass(.seconds(4))
            // A repeat does not begin the wait anew.
            try await context.refusal(try context.request(3, of: name, limit: 5, as: 3, claim: context.ample))
            let asked = context.now
            let claims = try await context.other.inspectPermits(name).claims
            let answered = context.now
            try await context.expectClaims(of: name, [3, 1, 2], "after three claims")
            try expect(claims.map(\.permits) == [3, 1, 2], "claims of 3, 1, and 2 became \(claims)")
            for claim in claims {
                try expect(
                    claim.age >= claimed.duration(to: asked) - .milliseconds(2)
                        && claim.age <= before.duration(to: answered) + .milliseconds(2),
                    "the claim is about \(before.duration(to: answered)) old, and the record says \(claim.age)")
            }
        },
    ]
}
