import ColonyCore

extension LeaseConformance {
    static let releaseCases: [LeaseCase] = [
        LeaseCase("a release frees the name", .ownership) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            try expect(
                try await context.other.release(name, owner: lease.owner, token: lease.token),
                "the holder could not release")
            try expect(try await context.engine.inspect(name) == nil, "a released name has a record")
            _ = try await context.grant(name, to: 2, for: context.ample)
        },
        LeaseCase("only the owner releases", .ownership) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            for token in [lease.token, nil] {
                for engine in [context.engine, context.other] {
                    try expect(
                        try await !engine.release(name, owner: try context.owner(2), token: token),
                        "another owner released the lease")
                }
            }
            let record = try require(
                try await context.engine.inspect(name), "a release by another owner ended the lease")
            try expect(record.token == lease.token, "a release by another owner changed the token to \(record.token)")
            try expect(
                try await context.engine.renew(lease, for: context.ample) != nil,
                "after a release by another owner the holder could not renew")
        },
        LeaseCase("a delayed release of a former grant does not end the present one", .ownership) { context in
            let name = try context.name()
            let old = try await context.grant(name, to: 1, for: context.ample)
            _ = try await context.engine.release(name, owner: old.owner, token: old.token)
            let new = try await context.grant(name, to: 1, for: context.ample)
            try expect(
                try await !context.engine.release(name, owner: old.owner, token: old.token),
                "the token of a former grant ended the present one")
            let record = try require(try await context.engine.inspect(name), "the present grant was ended")
            try expect(record.token == new.token, "the token changed from \(new.token) to \(record.token)")
        },
        LeaseCase("a release without a token ends whatever the owner holds", .ownership) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            try expect(
                try await context.engine.release(name, owner: lease.owner, token: nil), "a release by owner gave false")
            try expect(try await context.engine.inspect(name) == nil, "a released name has a record")
        },
        LeaseCase("a repeated release gives false", .ownership) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            for token in [lease.token, nil] {
                try expect(
                    try await !context.engine.release(name, owner: lease.owner, token: token),
                    "a repeated release gave true")
            }
        },
        LeaseCase("a release of a name that nobody holds gives false", .ownership) { context in
            for token in [FencingToken(rawValue: 1), nil] {
                try expect(
                    try await !context.engine.release(try context.name(), owner: try context.owner(1), token: token),
                    "a name that nobody holds was released")
            }
        },
        LeaseCase("a release after the lease has run out gives false", .ownership) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            try await context.pass(.seconds(6))
            try expect(
                try await !context.engine.release(name, owner: lease.owner, token: lease.token),
                "a lease that had run out was released")
        },
        LeaseCase("a release that comes after a takeover is harmless", .ownership) { context in
            let name = try context.name()
            let old = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            let (new, _) = try await context.grantEventually(
                name, to: 2, for: context.ample, upTo: .seconds(20), on: context.other)
            for token in [old.token, nil] {
                try expect(
                    try await !context.engine.release(name, owner: old.owner, token: token),
                    "a former holder released the lease of the present one")
            }
            let record = try require(try await context.engine.inspect(name), "a former holder ended the present lease")
            try expect(record.token == new.token, "the token changed from \(new.token) to \(record.token)")
        },
    ]
}
