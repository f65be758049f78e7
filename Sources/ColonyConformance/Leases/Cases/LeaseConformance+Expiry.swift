import ColonyCore

extension LeaseConformance {
    static let expiryCases: [LeaseCase] = [
        LeaseCase("a lease that has run out is granted again with a greater token", .expiry) { context in
            let name = try context.name()
            let first = try await context.grant(name, to: 1, for: context.scaled(.seconds(10)))
            try await context.pass(.seconds(11))
            let second = try await context.grant(name, to: 2, for: context.ample, on: context.other)
            try expect(second.token > first.token, "token \(second.token) must exceed \(first.token)")
        },
        LeaseCase("a lease is not granted to another before it has run out", .expiry) { context in
            let name = try context.name()
            let duration = context.scaled(.seconds(10))
            let before = context.now
            _ = try await context.grant(name, to: 1, for: duration)
            let next = try await context.grantEventually(
                name, to: 2, for: context.ample, upTo: .seconds(20), on: context.other)
            try expect(
                next.at >= before.advanced(by: duration),
                "another owner got the name \(before.duration(to: next.at).text) after a grant for \(duration.text)")
        },
        LeaseCase("the holder's view of the end is never later than the engine's", .expiry) { context in
            let name = try context.name()
            for number in 1...3 {
                let (lease, _) = try await context.grantEventually(
                    name, to: number, for: context.scaled(.seconds(4)), upTo: .seconds(20))
                let next = try await context.grantEventually(
                    name, to: number + 100, for: context.scaled(.seconds(1)), upTo: .seconds(20), on: context.other)
                try expect(
                    next.at >= lease.expiry,
                    "another owner got the name \(next.at.duration(to: lease.expiry).text) before the holder saw its end"
                )
            }
        },
        LeaseCase("a lease that has run out has no record", .expiry) { context in
            let name = try context.name()
            _ = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            try await context.pass(.seconds(6))
            try expect(try await context.engine.inspect(name) == nil, "a lease that has run out has a record")
            try expect(try await context.other.inspect(name) == nil, "a lease that has run out has a record")
        },
        LeaseCase("the duration of the holder counts, not that of who asks", .expiry) { context in
            let name = try context.name()
            let duration = context.scaled(.seconds(10))
            let before = context.now
            _ = try await context.grant(name, to: 1, for: duration)
            // Asks for the shortest lease all the time, which must not bring the end of the held one nearer.
            let next = try await context.grantEventually(
                name, to: 2, for: LeaseLimits.duration.lowerBound, upTo: .seconds(20), on: context.other)
            try expect(
                next.at >= before.advanced(by: duration),
                "another owner got the name \(before.duration(to: next.at).text) after a grant for \(duration.text)")
        },
    ]
}
