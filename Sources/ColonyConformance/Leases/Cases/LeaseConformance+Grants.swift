import ColonyCore

extension LeaseConformance {
    static let grantCases: [LeaseCase] = [
        LeaseCase("a free name is granted", .exclusivity) { context in
            let name = try context.name()
            let before = context.now
            let lease = try await context.grant(name, to: 1, for: context.ample)
            try expect(
                lease.duration == context.ample, "the lease lasts \(lease.duration), and \(context.ample) was asked")
            try expect(
                lease.expiry <= context.now.advanced(by: context.ample),
                "the lease ends later than its duration after the answer")
            try expect(
                lease.expiry >= before.advanced(by: context.ample),
                "the lease ends earlier than its duration after the request was made")
        },
        LeaseCase("a held name is refused to others, and the answer names the holder and its token", .exclusivity) {
            context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            for engine in [context.engine, context.other] {
                let holder = try await context.refusal(name, to: 2, on: engine)
                try expect(
                    holder.owner == lease.owner, "the holder is \(lease.owner), and the answer names \(holder.owner)")
                try expect(
                    holder.token == lease.token, "the token is \(lease.token), and the answer says \(holder.token)")
                try expect(
                    holder.remaining > .zero && holder.remaining <= context.ample,
                    "the answer says that \(holder.remaining) of \(context.ample) remain")
            }
        },
        LeaseCase("names do not stand in each other's way", .exclusivity) { context in
            for number in 1...20 {
                _ = try await context.grant(try context.name("job-\(number)"), to: number, for: context.ample)
            }
        },
        LeaseCase("the same owner asks again, keeps its token, and has renewed", .renewal) { context in
            let name = try context.name()
            let first = try await context.grant(name, to: 1, for: context.ample)
            let second = try await context.grant(name, to: 1, for: context.ample)
            let third = try await context.grant(name, to: 1, for: context.ample, on: context.other)
            try expect(
                first.token == second.token && second.token == third.token,
                "one owner was given the tokens \(first.token), \(second.token), \(third.token) for one grant")
            let record = try require(try await context.engine.inspect(name), "a held name has a record")
            try expect(
                record.renewals == 2, "two repeated requests are two renewals, and the record says \(record.renewals)")
        },
        LeaseCase("a repeated request extends the lease", .renewal) { context in
            let name = try context.name()
            _ = try await context.grant(name, to: 1, for: context.scaled(.seconds(10)))
            let before = context.now
            let long = context.scaled(.seconds(30))
            // If the first lease has run out already this is a new grant, for which the same must hold.
            _ = try await context.grant(name, to: 1, for: long)
            let next = try await context.grantEventually(name, to: 2, for: context.ample, upTo: .seconds(40))
            try expect(
                next.at >= before.advanced(by: long),
                "another owner got the name \(before.duration(to: next.at).text) after a request for \(long.text)")
        },
        LeaseCase("tokens rise from grant to grant after a release, on two clients", .tokens) { context in
            let name = try context.name()
            var last: FencingToken?
            for number in 1...20 {
                let engine = number.isMultiple(of: 2) ? context.engine : context.other
                let lease = try await context.grant(name, to: number % 3, for: context.ample, on: engine)
                if let last { try expect(lease.token > last, "token \(lease.token) must exceed \(last)") }
                last = lease.token
                try expect(
                    try await engine.release(name, owner: lease.owner, token: lease.token),
                    "the holder could not release")
            }
        },
        LeaseCase("tokens rise after a lease has run out", .tokens) { context in
            let name = try context.name()
            var last: FencingToken?
            for number in 1...3 {
                let engine = number.isMultiple(of: 2) ? context.engine : context.other
                let (lease, _) = try await context.grantEventually(
                    name, to: number, for: context.scaled(.seconds(3)), upTo: .seconds(30), on: engine)
                if let last { try expect(lease.token > last, "token \(lease.token) must exceed \(last)") }
                last = lease.token
            }
        },
        LeaseCase("an owner that comes back after its lease ran out gets a greater token", .tokens) { context in
            let name = try context.name()
            let first = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            try await context.pass(.seconds(6))
            let second = try await context.grant(name, to: 1, for: context.ample)
            try expect(second.token > first.token, "token \(second.token) must exceed \(first.token)")
        },
        LeaseCase("an owner is told apart from others by its bytes", .ownership) { context in
            let name = try context.name()
            let composed = try OwnerID(context.prefix + "caf\u{E9}")
            let decomposed = try OwnerID(context.prefix + "cafe\u{301}")
            _ = try await context.engine.tryAcquire(name, owner: composed, for: context.ample)
            let answer = try await context.engine.tryAcquire(name, owner: decomposed, for: context.ample)
            try expect(answer.lease == nil, "an owner with other bytes was taken for the holder")
            try expect(
                try await !context.engine.release(name, owner: decomposed, token: nil),
                "an owner with other bytes released the lease")
            guard case .held(let holder) = answer else { return }
            try expect(holder.owner == composed, "the holder's owner came back as \(holder.owner)")
        },
        LeaseCase("owners come back as they were given", .ownership) { context in
            let texts = ["it's", "a\"b", "50 %", "%2F", "a b ", "日本語", "👩‍👩‍👧", "a\\b", "'; DROP TABLE lease; --"]
            for (index, text) in texts.enumerated() {
                let name = try context.name("job-\(index)")
                let owner = try OwnerID(text)
                let answer = try await context.engine.tryAcquire(name, owner: owner, for: context.ample)
                try expect(answer.lease?.owner == owner, "the owner \(text) came back as \(String(describing: answer))")
                let record = try require(try await context.other.inspect(name), "a held name has a record")
                try expect(record.owner == owner, "the owner \(text) is recorded as \(record.owner)")
                try expect(
                    try await context.engine.release(name, owner: owner, token: nil),
                    "the owner \(text) could not release")
            }
            let name = try context.name("unique")
            let unique = OwnerID.unique()
            _ = try await context.engine.tryAcquire(name, owner: unique, for: context.ample)
            let record = try require(try await context.other.inspect(name), "a held name has a record")
            try expect(record.owner == unique, "the owner \(unique) is recorded as \(record.owner)")
        },
    ]
}
