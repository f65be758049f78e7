import ColonyCoordination
import ColonyCore

extension PermitConformance {
    static let grantCases: [PermitCase] = [
        PermitCase("permits are granted to several owners up to the limit, and not beyond", .limit) { context in
            let name = try context.name()
            for number in 1...3 {
                try await context.take(
                    try context.request(1, of: name, limit: 3, as: number),
                    on: number.isMultiple(of: 2) ? context.engine : context.other)
            }
            for number in 4...5 {
                let refusal = try await context.refusal(
                    try context.request(1, of: name, limit: 3, as: number),
                    on: number.isMultiple(of: 2) ? context.engine : context.other)
                try expect(refusal.available == 0, "all permits are held, and \(refusal.available) are free")
            }
            let held = try await context.other.inspectPermits(name).held
            try expect(held == 3, "3 permits were granted, and \(held) are held")
        },
        PermitCase("permits are counted by their number, not by their holders", .limit) { context in
            let name = try context.name()
            let four = try await context.take(try context.request(4, of: name, limit: 7, as: 1))
            try await context.take(try context.request(2, of: name, limit: 7, as: 2), on: context.other)
            let refusal = try await context.refusal(try context.request(2, of: name, limit: 7, as: 3))
            try expect(refusal.available == 1, "1 permit is free, and \(refusal.available) are said to be")
            try await context.take(try context.request(1, of: name, limit: 7, as: 4), on: context.other)
            try await context.refusal(try context.request(1, of: name, limit: 7, as: 3))
            try await context.giveBack(four)
            try await context.refusal(try context.request(5, of: name, limit: 7, as: 3))
            try await context.take(try context.request(4, of: name, limit: 7, as: 3))
        },
        PermitCase("one who takes all permits excludes everybody, and anybody excludes it", .limit) { context in
            let name = try context.name()
            let writer = try context.request(1_000, of: name, limit: 1_000, as: 1)
            let readers = try (2...4).map { try context.request(1, of: name, limit: 1_000, as: $0) }
            let lease = try await context.take(writer)
            for reader in readers { try await context.refusal(reader, on: context.other) }
            try await context.giveBack(lease)
            var leases: [Lease] = []
            for reader in readers { leases.append(try await context.take(reader, on: context.other)) }
            for lease in leases {
                try await context.refusal(writer)
                try await context.giveBack(lease)
            }
            try await context.take(writer)
        },
        PermitCase("a refusal names a holder whose lease ends first", .inspection) { context in
            let name = try context.name()
            let duration = context.ample / 2
            try await context.take(try context.request(1, of: name, limit: 2, as: 1))
            let asked = context.now
            let first = try await context.take(try context.request(1, of: name, limit: 2, as: 2, for: duration))
            let refusal = try await context.refusal(
                try context.request(1, of: name, limit: 2, as: 3), on: context.other)
            try expect(
                refusal.holder.owner == first.owner && refusal.holder.token == first.token,
                "\(first.owner) with token \(first.token) is the first to end, and \(refusal.holder) is named")
            try expect(
                refusal.holder.remaining > .zero && refusal.holder.remaining <= duration + .milliseconds(2),
                "a lease of \(duration) that began \(asked.duration(to: context.now)) ago has \(refusal.holder.remaining)"
            )
        },
        PermitCase("a repeat keeps the token and takes no more permits", .tokens) { context in
            let name = try context.name()
            let request = try context.request(2, of: name, limit: 4, as: 1)
            let first = try await context.take(request)
            try await context.take(try context.request(2, of: name, limit: 4, as: 2))
            for engine in [context.engine, context.other] {
                let again = try await context.take(request, on: engine)
                try expect(
                    again.token == first.token, "a repeat changed token \(first.token) to \(again.token)")
            }
            let held = try await context.engine.inspectPermits(name).held
            try expect(held == 4, "4 permits were granted, and \(held) are held after repeats")
        },
        PermitCase("a holder that asks for another number is refused and keeps what it has", .tokens) { context in
            let name = try context.name()
            let lease = try await context.take(try context.request(2, of: name, limit: 4, as: 1))
            for permits in [1, 3, 4] {
                let request = try context.request(permits, of: name, limit: 4, as: 1, claim: context.ample)
                for engine in [context.engine, context.other] {
                    try await context.expectRefusal(.invalidRequest, "asking for \(permits) while holding 2") {
                        _ = try await engine.takePermits(request)
                    }
                }
            }
            let record = try await context.other.inspectPermits(name)
            try expect(
                record.holders.map(\.token) == [lease.token] && record.held == 2 && record.claims.isEmpty,
                "a refused request for another number changed the record to \(record)")
        },
        PermitCase("tokens rise from grant to grant, over clients, returns, and repeats", .tokens) { context in
            let name = try context.name()
            var last: FencingToken?
            for round in 1...context.amount(10, atLeast: 3) {
                var leases: [Lease] = []
                for number in 1...3 {
                    let request = try context.request(number, of: name, limit: 6, as: number)
                    let engine = (round + number).isMultiple(of: 2) ? context.engine : context.other
                    let lease = try await context.take(request, on: engine)
                    if let last { try expect(lease.token > last, "token \(lease.token) must exceed \(last)") }
                    last = lease.token
                    leases.append(try await context.take(request, on: engine))
                }
                for lease in leases { try await context.giveBack(lease) }
            }
        },
        PermitCase("tokens rise after everything has run out", .tokens) { context in
            let name = try context.name()
            let short = context.scaled(.seconds(5))
            var last: FencingToken?
            for _ in 1...2 {
                for number in 1...2 {
                    let lease = try await context.take(
                        try context.request(1, of: name, limit: 2, as: number, for: short))
                    if let last { try expect(lease.token > last, "token \(lease.token) must exceed \(last)") }
                    last = lease.token
                }
                try await context.pass(.seconds(6))
            }
            let record = try await context.other.inspectPermits(name)
            try expect(record.holders.isEmpty, "everything has run out, and \(record.holders) hold permits")
            let lease = try await context.take(try context.request(2, of: name, limit: 2, as: 9), on: context.other)
            if let last { try expect(lease.token > last, "token \(lease.token) must exceed \(last)") }
        },
        PermitCase("the lease says no more than was granted", .tokens) { context in
            let name = try context.name()
            let before = context.now
            let lease = try await context.take(try context.request(1, of: name, limit: 1, as: 1))
            try expect(
                lease.duration == context.ample, "\(context.ample) were asked for, and \(lease.duration) granted")
            try expect(
                lease.expiry <= context.now.advanced(by: context.ample)
                    && lease.expiry >= before.advanced(by: context.ample),
                "a lease of \(context.ample) asked for at \(before) ends at \(lease.expiry)")
        },
    ]
}
