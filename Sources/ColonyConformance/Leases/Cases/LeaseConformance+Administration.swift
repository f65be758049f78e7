import ColonyCore

extension LeaseConformance {
    static let administrationCases: [LeaseCase] = [
        LeaseCase("held leases are listed in byte order, page by page", .administration, requires: [.administration]) {
            context in
            let engine = try context.administration(context.other)
            let texts = [
                "b", "a", "aa", "a/b", "A", "Z", "é", "e\u{301}", "日本", "a b", "a%", "a_", "~", "👩‍👩‍👧", "\u{FFFD}",
                "\u{10FFFD}",
            ]
            var expected: [Lease] = []
            for (number, text) in texts.enumerated() {
                expected.append(try await context.grant(try context.name(text), to: number, for: context.ample))
            }
            expected.sort { $0.name < $1.name }
            for limit in [1, 3, LeaseLimits.batch] {
                var found: [LeaseRecord] = []
                while true {
                    let page = try await engine.records(
                        withPrefix: context.prefix, after: found.last?.name, limit: limit)
                    try expect(page.count <= limit, "a page of \(limit) has \(page.count) records")
                    if page.isEmpty { break }
                    found += page
                    try expect(
                        found.count <= texts.count, "more leases were listed than are held: \(found.map(\.name))")
                }
                try expect(
                    found.map(\.name) == expected.map(\.name),
                    "\(expected.map(\.name)) were expected in pages of \(limit), and \(found.map(\.name)) listed")
                try expect(
                    found.map(\.token) == expected.map(\.token) && found.map(\.owner) == expected.map(\.owner),
                    "the list mixes up owners or tokens")
            }
        },
        LeaseCase(
            "a list holds only what begins with the bytes of the prefix", .administration, requires: [.administration]
        ) {
            context in
            let engine = try context.administration(context.engine)
            for (number, text) in ["a%b", "axb", "a_b", "A%b", "a", "b", "é", "e\u{301}", "a'b", "[a]"].enumerated() {
                _ = try await context.grant(try context.name(text), to: number, for: context.ample)
            }
            let expectations: [(String, [String])] = [
                ("a", ["a", "a%b", "a'b", "a_b", "axb"]), ("a%", ["a%b"]), ("a_", ["a_b"]), ("A", ["A%b"]),
                ("a'", ["a'b"]),
                ("e", ["e\u{301}"]), ("é", ["é"]), ("[a]", ["[a]"]), ("c", []),
            ]
            for (prefix, expected) in expectations {
                let found = try await engine.records(withPrefix: context.prefix + prefix, after: nil, limit: 100)
                try expect(
                    try found.map(\.name) == expected.map { try context.name($0) },
                    "with the prefix \(prefix), \(expected) were expected, and \(found.map(\.name)) listed")
            }
        },
        LeaseCase("what was released or has run out is not listed", .administration, requires: [.administration]) {
            context in
            let engine = try context.administration(context.engine)
            let released = try await context.grant(try context.name("released"), to: 1, for: context.ample)
            _ = try await context.grant(try context.name("expired"), to: 2, for: context.scaled(.seconds(5)))
            let held = try await context.grant(try context.name("held"), to: 3, for: context.ample)
            _ = try await engine.release(released.name, owner: released.owner, token: released.token)
            try await context.pass(.seconds(6))
            let found = try await engine.records(withPrefix: context.prefix, after: nil, limit: 100)
            try expect(
                found.map(\.name) == [held.name], "only \(held.name) is held, and \(found.map(\.name)) were listed")
        },
        LeaseCase("a page of an impossible size is refused", .administration, requires: [.administration]) { context in
            let engine = try context.administration(context.engine)
            for limit in [0, -1, LeaseLimits.batch + 1, .max, .min] {
                try await context.expectRefusal(.invalidRequest, "a page of \(limit)") {
                    _ = try await engine.records(withPrefix: context.prefix, after: nil, limit: limit)
                }
            }
        },
        LeaseCase("the count of held leases follows grants and releases", .administration, requires: [.administration])
        {
            context in
            let engine = try context.administration(context.other)
            var leases: [Lease] = []
            for number in 1...10 {
                leases.append(
                    try await context.grant(try context.name("job-\(number)"), to: number, for: context.ample))
            }
            // Others may use the store as well, so the count has a lower bound only.
            let count = try await engine.heldCount()
            try expect(count >= leases.count, "\(leases.count) leases are held, and \(count) counted")
            for lease in leases { _ = try await engine.release(lease.name, owner: lease.owner, token: lease.token) }
            let listed = try await engine.records(withPrefix: context.prefix, after: nil, limit: 100)
            try expect(listed.isEmpty, "all were released, and \(listed.map(\.name)) are listed")
        },
        LeaseCase(
            "breaking a lease frees the name and tells what was broken", .administration, requires: [.administration]
        ) {
            context in
            let engine = try context.administration(context.other)
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            let broken = try require(try await engine.breakLease(name), "breaking a held lease gave nothing")
            try expect(
                broken.name == name && broken.owner == lease.owner && broken.token == lease.token,
                "\(lease) became \(broken)")
            try expect(try await context.engine.inspect(name) == nil, "a broken lease has a record")
            try expect(try await context.engine.renew(lease, for: context.ample) == nil, "a broken lease was renewed")
            try expect(
                try await !context.engine.release(name, owner: lease.owner, token: lease.token),
                "a broken lease was released")
            let next = try await context.grant(name, to: 2, for: context.ample)
            try expect(next.token > lease.token, "token \(next.token) must exceed \(lease.token)")
        },
        LeaseCase("breaking what nobody holds gives nothing", .administration, requires: [.administration]) { context in
            let engine = try context.administration(context.engine)
            try expect(
                try await engine.breakLease(try context.name("free")) == nil, "a name that nobody holds was broken")
            let name = try context.name("expired")
            _ = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            try await context.pass(.seconds(6))
            try expect(try await engine.breakLease(name) == nil, "a lease that had run out was broken")
        },
        LeaseCase("breaking a lease wakes who waits, on both clients", .administration, requires: [.administration]) {
            context in
            let engine = try context.administration(context.engine)
            try await context.expectWake("breaking the lease") { lease in _ = try await engine.breakLease(lease.name) }
        },
    ]
}

extension LeaseCaseContext {
    func administration(_ engine: any LeaseEngine) throws -> any LeaseAdministration {
        try require(
            engine as? any LeaseAdministration, "the engine lists the power administration and does not have it")
    }

    func batch(_ engine: any LeaseEngine) throws -> any BatchLeaseEngine {
        try require(engine as? any BatchLeaseEngine, "the engine lists the power batch-renewal and does not have it")
    }

    func fair(_ engine: any LeaseEngine) throws -> any FairLeaseEngine {
        try require(engine as? any FairLeaseEngine, "the engine lists the power fairness and does not have it")
    }

    func observation(_ engine: any LeaseEngine) throws -> any LeaseObservation {
        try require(engine as? any LeaseObservation, "the engine lists the power observation and does not have it")
    }
}
