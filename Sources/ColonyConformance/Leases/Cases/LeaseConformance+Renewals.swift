import ColonyCore

extension LeaseConformance {
    static let renewalCases: [LeaseCase] = [
        LeaseCase("a renewal keeps the token and is counted", .renewal) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            for number in 1...3 {
                let engine = number.isMultiple(of: 2) ? context.other : context.engine
                let renewed = try require(
                    try await engine.renew(lease, for: context.ample), "a lease that is held could not be renewed")
                try expect(
                    renewed.name == name && renewed.owner == lease.owner && renewed.token == lease.token,
                    "the renewal of \(lease) gave \(renewed)")
            }
            let record = try require(try await context.engine.inspect(name), "a held name has a record")
            try expect(record.renewals == 3, "there were 3 renewals, and the record says \(record.renewals)")
        },
        LeaseCase("a renewal extends the lease", .renewal) { context in
            let name = try context.name()
            let short = context.scaled(.seconds(10))
            let long = context.scaled(.seconds(30))
            let asked = context.now
            let lease = try await context.grant(name, to: 1, for: short)
            let before = context.now
            guard let renewed = try await context.engine.renew(lease, for: long) else {
                try expect(context.now >= asked.advanced(by: short), "a lease that is held could not be renewed")
                throw Inconclusive("the lease ran out before it could be renewed")
            }
            try expect(
                renewed.expiry >= before.advanced(by: long), "the renewed lease ends too early: \(renewed.expiry)")
            let next = try await context.grantEventually(
                name, to: 2, for: context.ample, upTo: .seconds(40), on: context.other)
            try expect(
                next.at >= before.advanced(by: long),
                "another owner got the name \(before.duration(to: next.at).text) after a renewal for \(long.text)")
            try expect(next.lease.token > lease.token, "token \(next.lease.token) must exceed \(lease.token)")
        },
        LeaseCase("a lease that has run out cannot be renewed", .renewal) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            try await context.pass(.seconds(6))
            for engine in [context.engine, context.other] {
                let renewed = try await engine.renew(lease, for: context.ample)
                try expect(renewed == nil, "a lease that had run out was renewed")
            }
            try expect(try await context.engine.inspect(name) == nil, "the refused renewal brought the lease back")
            _ = try await context.grant(name, to: 2, for: context.ample)
        },
        LeaseCase("a renewal after a takeover gives nothing and does not disturb the new holder", .renewal) { context in
            let name = try context.name()
            let old = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            let (new, _) = try await context.grantEventually(
                name, to: 2, for: context.ample, upTo: .seconds(20), on: context.other)
            try expect(
                try await context.engine.renew(old, for: context.ample) == nil, "a lease was renewed after a takeover")
            let record = try require(try await context.engine.inspect(name), "the new holder lost its lease")
            try expect(
                record.owner == new.owner && record.token == new.token, "the new holder was replaced by \(record)")
            try expect(record.renewals == 0, "the refused renewal counts for the new holder")
        },
        LeaseCase("a renewal with another token or owner gives nothing", .renewal) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            func forged(owner: OwnerID, token: UInt64) -> Lease {
                Lease(
                    name: name, owner: owner, token: FencingToken(rawValue: token), duration: context.ample,
                    expiry: lease.expiry)
            }
            let forgeries = [
                forged(owner: try context.owner(2), token: lease.token.rawValue),
                forged(owner: lease.owner, token: lease.token.rawValue - 1),
                forged(owner: lease.owner, token: lease.token.rawValue + 1),
            ]
            for forgery in forgeries {
                let renewed = try await context.engine.renew(forgery, for: context.ample)
                try expect(
                    renewed == nil, "owner \(forgery.owner) renewed with token \(forgery.token) what is \(lease)")
            }
            let record = try require(try await context.engine.inspect(name), "a held name has a record")
            try expect(
                record.owner == lease.owner && record.token == lease.token && record.renewals == 0,
                "the refused renewals left \(record)")
        },
        LeaseCase("a lease of the same owner from before a release cannot be renewed", .renewal) { context in
            let name = try context.name()
            let old = try await context.grant(name, to: 1, for: context.ample)
            _ = try await context.engine.release(name, owner: old.owner, token: old.token)
            try expect(try await context.engine.renew(old, for: context.ample) == nil, "a released lease was renewed")
            try expect(try await context.engine.inspect(name) == nil, "the refused renewal brought the lease back")
            let new = try await context.grant(name, to: 1, for: context.ample)
            try expect(new.token > old.token, "token \(new.token) must exceed \(old.token)")
            try expect(
                try await context.engine.renew(old, for: context.ample) == nil,
                "the former grant of the owner was renewed")
        },
        LeaseCase("renewing keeps a lease alive for many times its duration", .renewal) { context in
            let name = try context.name()
            let duration = context.scaled(.seconds(12))
            var lease = try await context.grant(name, to: 1, for: duration)
            var renewedBy = context.now
            for _ in 1...8 {
                try await context.pass(.seconds(4))
                let asked = context.now
                guard let renewed = try await context.engine.renew(lease, for: duration) else {
                    // The end of the latest renewal lies before `renewedBy` plus the duration.
                    try expect(
                        context.now >= lease.expiry,
                        "a lease could not be renewed \(renewedBy.duration(to: asked).text) after")
                    throw Inconclusive("the lease ran out before it could be renewed")
                }
                lease = renewed
                renewedBy = context.now
            }
        },
    ]
}
