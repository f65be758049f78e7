import ColonyCoordination
import ColonyCore
import Synchronization

extension PermitConformance {
    static let contentionCases: [PermitCase] = [
        PermitCase("of many who ask at once no more are granted than the limit, and no fewer", .limit) { context in
            let name = try context.name()
            let requests = try (1...60).map { try context.request(1, of: name, limit: 5, as: $0) }
            let leases = try await context.all(requests).compactMap(\.lease)
            try expect(leases.count == 5, "\(leases.count) of 60 were granted one of 5 permits")
            let tokens = Set(leases.map(\.token))
            try expect(tokens.count == 5, "5 grants have \(tokens.count) tokens: \(leases.map(\.token))")
            try await context.expectHolders(
                of: name, leases.sorted { $0.token < $1.token }, "after 60 had asked at once")
        },
        PermitCase("of many who ask at once for several no more is granted than the limit", .limit) { context in
            let name = try context.name()
            let requests = try (1...40).map { try context.request(1 + $0 % 4, of: name, limit: 9, as: $0) }
            let answers = try await context.all(requests)
            let held = zip(requests, answers).reduce(0) { $0 + ($1.1.lease == nil ? 0 : $1.0.permits) }
            try expect(held <= 9, "\(held) of 9 permits were granted")
            for (request, answer) in zip(requests, answers) where answer.lease == nil {
                // Nothing was returned meanwhile: what did not fit then does not fit now.
                try expect(
                    held + request.permits > 9, "\(request.permits) were refused, and only \(held) of 9 are held")
            }
        },
        PermitCase("the turns of contending owners stay within the limit", .limit) { context in
            try await context.contend(limit: 3, claiming: nil) { _ in 1 }
        },
        PermitCase("the turns of contending owners of several permits stay within the limit", .limit) { context in
            try await context.contend(limit: 5, claiming: context.ample) { 1 + $0 % 5 }
        },
        PermitCase("one who takes all permits is never beside one who takes a single one", .limit) { context in
            try await context.contend(limit: 1_000_000, claiming: context.ample) {
                $0.isMultiple(of: 4) ? 1_000_000 : 1
            }
        },
        PermitCase("one owner that asks from two clients at once holds one grant", .tokens) { context in
            for round in 1...context.amount(50, atLeast: 10) {
                let name = try context.name("job-\(round)")
                let request = try context.request(2, of: name, limit: 4, as: 1)
                let tokens = try await context.all([request, request, request]).map { $0.lease?.token }
                try expect(
                    Set(tokens).count == 1 && tokens[0] != nil, "one owner that asked three times has \(tokens)")
                let held = try await context.engine.inspectPermits(name).held
                try expect(held == 2, "one owner asked for 2 permits three times, and \(held) are held")
            }
        },
    ]
}

extension CaseContext where Engine == any PermitEngine {
    /// Makes all requests at once, over several clients; answers in their order.
    func all(_ requests: [PermitRequest]) async throws -> [PermitAcquisition] {
        let clients = try await self.clients(4)
        return try await withThrowingTaskGroup(of: (Int, PermitAcquisition).self) { group in
            for (index, request) in requests.enumerated() {
                let client = clients[index % clients.count]
                group.addTask { (index, try await self.patiently { try await client.takePermits(request) }) }
            }
            var answers = [PermitAcquisition?](repeating: nil, count: requests.count)
            for try await (index, answer) in group { answers[index] = answer }
            return answers.compactMap(\.self)
        }
    }

    /// Ten owners take turns over four clients, and count who is inside.
    ///
    /// - Parameters:
    ///   - claim: Whether they keep their places.
    ///   - weight: How many permits an owner takes.
    func contend(limit: Int, claiming claim: Duration?, weight: (Int) -> Int) async throws {
        let name = try self.name()
        let rounds = self.amount(50, atLeast: 4)
        let inside = Tally()
        let tokens = Mutex<[FencingToken]>([])
        let clients = try await self.clients(4)
        let record: @Sendable (FencingToken) -> Void = { token in tokens.withLock { $0.append(token) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...10 {
                let request = try self.request(weight(number), of: name, limit: limit, as: number, claim: claim)
                let client = clients[number % clients.count]
                group.addTask {
                    var last: FencingToken?
                    for _ in 1...rounds {
                        let lease = try await self.acquire(request, on: client)
                        let held = inside.add(request.permits)
                        try expect(held <= limit, "\(held) of \(limit) permits were held at once")
                        if let last { try expect(lease.token > last, "token \(lease.token) must exceed \(last)") }
                        last = lease.token
                        record(lease.token)
                        await Task.yield()
                        inside.add(-request.permits)
                        // One that was not answered may have been made, so only what is left counts.
                        try await self.patiently {
                            _ = try await client.returnPermits(name, owner: lease.owner, token: lease.token)
                        }
                    }
                }
            }
            for try await _ in group {}
        }
        let seen = tokens.withLock { $0 }
        try expect(Set(seen).count == 10 * rounds, "\(10 * rounds) turns were taken with \(Set(seen).count) tokens")
        let rest = try await self.engine.inspectPermits(name)
        try expect(rest.holders.isEmpty && rest.claims.isEmpty, "after all turns there is \(rest)")
    }
}
