import ColonyCoordination
import ColonyCore

extension PermitConformance {
    static let nameCases: [PermitCase] = [
        PermitCase("names differ by their bytes, whatever they hold", .names) { context in
            let room = 255 - context.prefix.utf8.count
            let stem = String(repeating: "n", count: room - 1)
            let texts = [
                "caf\u{E9}", "cafe\u{301}", "A", "a", "a ", " a", "\u{212B}", "\u{C5}", "a'b", "a\"b", "a\\b", "%",
                "%25",
                "%2F", "/", "//", "a/b", "a%2Fb", "../x", "x/..", "..", ".", "?", "#", "a:b", "{a}", "*", "_", "a_b",
                "日本語", "👩‍👩‍👧‍👦", "\u{10FFFD}", stem, stem + "a", stem + "b",
                String(repeating: "é", count: room / 2),
            ]
            var leases: [Lease] = []
            for (number, text) in texts.enumerated() {
                let request = try context.request(1, of: try context.name(text), limit: 1, as: number)
                leases.append(
                    try await context.take(
                        request, on: number.isMultiple(of: 2) ? context.engine : context.other))
            }
            for lease in leases {
                try await context.expectHolders(of: lease.name, [lease], "after \(texts.count) names were taken")
            }
            for lease in leases {
                try await context.giveBack(lease)
                try await context.expectHolders(of: lease.name, [], "after the return of \(lease.name)")
            }
        },
        PermitCase("owners differ by their bytes, whatever they hold", .names) { context in
            let name = try context.name()
            let texts = ["caf\u{E9}", "cafe\u{301}", "a", "A", "a/b", "a%2Fb", "..", ".", "a:b", "日本語"]
            let owners = try texts.map { try OwnerID(context.prefix + $0) }
            var leases: [Lease] = []
            for owner in owners {
                let request = PermitRequest(1, of: name, limit: 10, owner: owner, for: context.ample)
                leases.append(try await context.take(request))
            }
            try await context.expectHolders(of: name, leases, "after \(texts.count) owners had asked")
            for lease in leases { try await context.giveBack(lease, on: context.other) }
        },
        PermitCase("permits and leases of one name do not meet", .names) { context in
            let name = try context.name()
            let permits = try await context.take(try context.request(1, of: name, limit: 1, as: 1))
            try expect(try await context.other.inspect(name) == nil, "permits of \(name) are shown as a lease")
            let answer = try await context.other.tryAcquire(name, owner: try context.owner(2), for: context.ample)
            let lease = try require(answer.lease, "permits of \(name) stand in the way of a lease of it")
            for token in [permits.token, nil] {
                try expect(
                    try await !context.engine.release(name, owner: permits.owner, token: token),
                    "permits were released as a lease")
            }
            try await context.expectHolders(of: name, [permits], "after releases of leases")
            let record = try require(try await context.engine.inspect(name), "a lease of \(name) is gone")
            try expect(record.token == lease.token, "the lease is \(lease), and the record \(record)")
            try expect(
                try await !context.engine.returnPermits(name, owner: lease.owner, token: nil),
                "a lease was returned as permits")
            if permits.token != lease.token {
                try expect(
                    try await context.engine.renew(permits, for: context.ample) == nil,
                    "permits were renewed as a lease")
                try expect(
                    try await context.engine.renewPermits(lease, for: context.ample) == nil,
                    "a lease was renewed as permits")
            }
            if let administration = context.engine as? any LeaseAdministration {
                let listed = try await administration.records(withPrefix: context.prefix, after: nil, limit: 10)
                try expect(listed.map(\.token) == [lease.token], "one lease is held, and \(listed) are listed")
                _ = try await administration.breakLease(name)
                try await context.expectHolders(of: name, [permits], "after the lease was broken")
            }
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            try await context.giveBack(permits)
        },
    ]
}
