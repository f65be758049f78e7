import ColonyCoordination
import ColonyCore

extension PermitConformance {
    static let renewalCases: [PermitCase] = [
        PermitCase("a renewal keeps the token and extends the lease", .renewal) { context in
            let name = try context.name()
            let short = context.scaled(.seconds(10))
            let long = context.scaled(.seconds(30))
            let asked = context.now
            let lease = try await context.take(try context.request(1, of: name, limit: 1, as: 1, for: short))
            let before = context.now
            guard let renewed = try await context.other.renewPermits(lease, for: long) else {
                try expect(context.now >= asked.advanced(by: short), "permits that are held could not be renewed")
                throw Inconclusive("the lease ran out before it could be renewed")
            }
            try expect(
                renewed.name == name && renewed.owner == lease.owner && renewed.token == lease.token,
                "the renewal of \(lease) gave \(renewed)")
            try expect(
                renewed.expiry >= before.advanced(by: long), "the renewed lease ends too early: \(renewed.expiry)")
            let next = try await context.takeEventually(
                try context.request(1, of: name, limit: 1, as: 2), upTo: .seconds(40), on: context.other)
            try expect(
                next.at >= before.advanced(by: long),
                "the permit was passed on \(before.duration(to: next.at).text) after a renewal for \(long.text)")
            try expect(next.lease.token > lease.token, "token \(next.lease.token) must exceed \(lease.token)")
        },
        PermitCase("a repeated request extends the lease", .renewal) { context in
            let name = try context.name()
            let asked = context.now
            let short = context.scaled(.seconds(10))
            let lease = try await context.take(try context.request(1, of: name, limit: 1, as: 1, for: short))
            let before = context.now
            let long = context.scaled(.seconds(30))
            let again = try await context.take(
                try context.request(1, of: name, limit: 1, as: 1, for: long), on: context.other)
            if again.token != lease.token {
                try expect(context.now >= asked.advanced(by: short), "a repeat of a held lease changed its token")
                throw Inconclusive("the lease ran out before it could be repeated")
            }
            let next = try await context.takeEventually(
                try context.request(1, of: name, limit: 1, as: 2), upTo: .seconds(40))
            try expect(
                next.at >= before.advanced(by: long),
                "the permit was passed on \(before.duration(to: next.at).text) after a repeat for \(long.text)")
        },
        PermitCase("a renewal extends no lease of others", .renewal) { context in
            let name = try context.name()
            let short = context.scaled(.seconds(8))
            let kept = try await context.take(try context.request(1, of: name, limit: 2, as: 1))
            try await context.take(try context.request(1, of: name, limit: 2, as: 2, for: short))
            try expect(
                try await context.engine.renewPermits(kept, for: context.ample) != nil,
                "permits that are held could not be renewed")
            try await context.pass(.seconds(9))
            try await context.expectHolders(of: name, [kept], "after one of two leases had run out")
        },
        PermitCase("permits that have run out cannot be renewed", .renewal) { context in
            let name = try context.name()
            let lease = try await context.take(
                try context.request(1, of: name, limit: 2, as: 1, for: context.scaled(.seconds(5))))
            try await context.pass(.seconds(6))
            for engine in [context.engine, context.other] {
                try expect(
                    try await engine.renewPermits(lease, for: context.ample) == nil, "what had run out was renewed")
            }
            try await context.expectHolders(of: name, [], "after a refused renewal")
            try await context.take(try context.request(2, of: name, limit: 2, as: 2))
        },
        PermitCase("a renewal of what was returned, or of another grant, gives nothing", .renewal) { context in
            let name = try context.name()
            let request = try context.request(1, of: name, limit: 2, as: 1)
            let old = try await context.take(request)
            try await context.giveBack(old)
            try expect(
                try await context.other.renewPermits(old, for: context.ample) == nil, "what was returned was renewed")
            try await context.expectHolders(of: name, [], "after a refused renewal")
            let new = try await context.take(request)
            try expect(
                try await context.other.renewPermits(old, for: context.ample) == nil, "an earlier grant was renewed")
            let stranger = Lease(
                name: name, owner: try context.owner(2), token: new.token, duration: new.duration, expiry: new.expiry)
            try expect(
                try await context.other.renewPermits(stranger, for: context.ample) == nil,
                "another owner renewed a lease")
            try await context.expectHolders(of: name, [new], "after refused renewals")
        },
        PermitCase("permits are not raised again after their return, however renewals fall", .renewal) { context in
            let name = try context.name()
            for round in 1...context.amount(200, atLeast: 20) {
                let lease = try await context.take(try context.request(1, of: name, limit: 1, as: 1))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for engine in [context.engine, context.other] {
                        group.addTask {
                            for _ in 0..<round % 4 { await Task.yield() }
                            for _ in 1...3 { _ = try await engine.renewPermits(lease, for: context.ample) }
                        }
                    }
                    group.addTask {
                        for _ in 0..<round % 7 { await Task.yield() }
                        try await context.giveBack(lease)
                    }
                    for try await _ in group {}
                }
                try await context.expectHolders(of: name, [], "after the return of round \(round)")
            }
        },
    ]

    static let expiryCases: [PermitCase] = [
        PermitCase("permits that run out are free, and not earlier", .expiry) { context in
            let name = try context.name()
            let duration = context.scaled(.seconds(10))
            let before = context.now
            let lease = try await context.take(try context.request(2, of: name, limit: 2, as: 1, for: duration))
            let next = try await context.takeEventually(
                try context.request(1, of: name, limit: 2, as: 2), upTo: .seconds(20), on: context.other)
            try expect(
                next.at >= before.advanced(by: duration),
                "permits for \(duration.text) were passed on after \(before.duration(to: next.at).text)")
            try await context.expectHolders(of: name, [next.lease], "after \(lease.owner)'s lease had run out")
            try await context.take(try context.request(1, of: name, limit: 2, as: 3))
        },
        PermitCase("each lease runs out by itself", .expiry) { context in
            let name = try context.name()
            let kept = try await context.take(try context.request(1, of: name, limit: 3, as: 1))
            for number in 2...3 {
                try await context.take(
                    try context.request(1, of: name, limit: 3, as: number, for: context.scaled(.seconds(5))))
            }
            try await context.pass(.seconds(6))
            try await context.expectHolders(of: name, [kept], "after two of three leases had run out")
            try await context.refusal(try context.request(3, of: name, limit: 3, as: 4))
            try await context.take(try context.request(2, of: name, limit: 3, as: 4))
        },
        PermitCase("who holds nothing any more asks anew", .expiry) { context in
            let name = try context.name()
            let old = try await context.take(
                try context.request(2, of: name, limit: 2, as: 1, for: context.scaled(.seconds(5))))
            try await context.pass(.seconds(6))
            // Another number is legal now.
            let new = try await context.take(try context.request(1, of: name, limit: 2, as: 1), on: context.other)
            try expect(new.token > old.token, "token \(new.token) must exceed \(old.token)")
            try expect(
                try await !context.engine.returnPermits(name, owner: old.owner, token: old.token),
                "the return of what had run out ended a later grant")
            try await context.expectHolders(of: name, [new], "after the return of an earlier grant")
        },
    ]

    static let returnCases: [PermitCase] = [
        PermitCase("a return frees the permits and is true once", .ownership) { context in
            let name = try context.name()
            let lease = try await context.take(try context.request(3, of: name, limit: 3, as: 1))
            try await context.giveBack(lease, on: context.other)
            for engine in [context.engine, context.other] {
                for token in [lease.token, nil] {
                    try expect(
                        try await !engine.returnPermits(name, owner: lease.owner, token: token),
                        "a return was true twice")
                }
            }
            try await context.expectHolders(of: name, [], "after the return")
            try await context.take(try context.request(3, of: name, limit: 3, as: 2))
        },
        PermitCase("a return by another owner, or of another grant, does nothing", .ownership) { context in
            let name = try context.name()
            let old = try await context.take(try context.request(1, of: name, limit: 2, as: 1))
            try await context.giveBack(old)
            let lease = try await context.take(try context.request(1, of: name, limit: 2, as: 1))
            let second = try await context.take(try context.request(1, of: name, limit: 2, as: 2))
            let stranger = try context.owner(3)
            for (owner, token) in [
                (stranger, lease.token), (stranger, nil), (second.owner, lease.token), (lease.owner, old.token),
                (lease.owner, second.token),
            ] {
                try expect(
                    try await !context.other.returnPermits(name, owner: owner, token: token),
                    "\(owner) returned permits of another with token \(String(describing: token))")
            }
            try await context.expectHolders(of: name, [lease, second], "after returns by others")
        },
        PermitCase("a return by owner ends whatever it holds", .ownership) { context in
            let name = try context.name()
            let kept = try await context.take(try context.request(1, of: name, limit: 3, as: 1))
            let owner = try await context.take(try context.request(2, of: name, limit: 3, as: 2)).owner
            try expect(
                try await context.other.returnPermits(name, owner: owner, token: nil),
                "a return by owner ended nothing")
            try await context.expectHolders(of: name, [kept], "after a return by owner")
        },
        PermitCase("a return of what has run out is false", .ownership) { context in
            let name = try context.name()
            let lease = try await context.take(
                try context.request(1, of: name, limit: 1, as: 1, for: context.scaled(.seconds(5))))
            try await context.pass(.seconds(6))
            for token in [lease.token, nil] {
                try expect(
                    try await !context.engine.returnPermits(name, owner: lease.owner, token: token),
                    "what had run out was returned")
            }
        },
    ]
}
