import ColonyCore
import Synchronization

extension LeaseConformance {
    static let contentionCases: [LeaseCase] = [
        LeaseCase("of 100 owners who ask at once exactly one wins", .exclusivity) { context in
            let name = try context.name()
            let answers = try await withThrowingTaskGroup(of: Acquisition.self) { group in
                for number in 1...100 {
                    let owner = try context.owner(number)
                    let engine = number.isMultiple(of: 2) ? context.engine : context.other
                    group.addTask { try await engine.tryAcquire(name, owner: owner, for: context.ample) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let leases = answers.compactMap(\.lease)
            try expect(leases.count == 1, "\(leases.count) of 100 were granted the same name: \(leases)")
            for case .held(let holder) in answers {
                try expect(
                    holder.owner == leases[0].owner && holder.token == leases[0].token,
                    "the winner is \(leases[0].owner), and a loser was told \(holder.owner)")
            }
        },
        LeaseCase("the turns of ten contending owners exclude each other, and tokens rise", .exclusivity) { context in
            let name = try context.name()
            let rounds = context.amount(100, atLeast: 5)
            let inside = Tally()
            let outside = Tally()
            let tokens = Mutex<[FencingToken]>([])
            let record: @Sendable (FencingToken) -> Void = { token in tokens.withLock { $0.append(token) } }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...10 {
                    let owner = try context.owner(number)
                    let engine = number.isMultiple(of: 2) ? context.engine : context.other
                    group.addTask {
                        for _ in 1...rounds {
                            let lease = try await context.acquire(name, owner: owner, on: engine)
                            let entered = inside.increment()
                            try expect(
                                entered == outside.value + 1,
                                "two owners were inside at once, one with token \(lease.token)")
                            record(lease.token)
                            await Task.yield()
                            outside.increment()
                            try expect(
                                try await engine.release(name, owner: owner, token: lease.token),
                                "a holder lost its lease")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let seen = tokens.withLock { $0 }
            try expect(seen.count == 10 * rounds, "\(seen.count) of \(10 * rounds) turns were taken")
            for (earlier, later) in zip(seen, seen.dropFirst()) {
                try expect(later > earlier, "token \(later) was granted after \(earlier)")
            }
        },
        LeaseCase("a lease is never raised again after its release, however renewals fall", .renewal) { context in
            let name = try context.name()
            for round in 1...context.amount(500, atLeast: 30) {
                let lease = try await context.grant(name, to: 1, for: context.ample)
                let isReleased = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<3 {
                        let engine = number.isMultiple(of: 2) ? context.engine : context.other
                        group.addTask {
                            for _ in 0..<(round + number) % 4 { await Task.yield() }
                            for _ in 1...3 {
                                let wasReleased = isReleased.value > 0
                                let renewed = try await engine.renew(lease, for: context.ample)
                                try expect(
                                    renewed == nil || !wasReleased, "a lease was renewed after its release had returned"
                                )
                            }
                        }
                    }
                    group.addTask {
                        for _ in 0..<round % 7 { await Task.yield() }
                        let released = try await context.engine.release(name, owner: lease.owner, token: lease.token)
                        try expect(released, "the holder could not release its lease in round \(round)")
                        isReleased.increment()
                    }
                    try await group.waitForAll()
                }
                let record = try await context.other.inspect(name)
                try expect(
                    record == nil,
                    "in round \(round) a renewal brought a released lease back: \(String(describing: record))")
            }
        },
        LeaseCase("one owner that asks from two clients at once holds one grant", .tokens) { context in
            for round in 1...context.amount(50, atLeast: 10) {
                let name = try context.name("job-\(round)")
                async let first = context.grant(name, to: 1, for: context.ample)
                async let second = context.grant(name, to: 1, for: context.ample, on: context.other)
                let tokens = try await [first.token, second.token]
                try expect(tokens[0] == tokens[1], "one owner holds two grants of one name: \(tokens)")
            }
        },
        LeaseCase("a lease passes on by running out, again and again, to one owner at a time", .expiry) { context in
            let name = try context.name()
            let rounds = context.amount(20, atLeast: 4)
            var end = context.now
            var last: FencingToken?
            for round in 1...rounds {
                let owners = try (1...5).map { try context.owner(round * 10 + $0) }
                let duration = context.scaled(.seconds(4))
                var granted: Lease?
                while granted == nil {
                    let answers = try await withThrowingTaskGroup(of: Acquisition.self) { group in
                        for (number, owner) in owners.enumerated() {
                            let engine = number.isMultiple(of: 2) ? context.engine : context.other
                            group.addTask { try await engine.tryAcquire(name, owner: owner, for: duration) }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    let answered = context.now
                    let leases = answers.compactMap(\.lease).sorted { $0.token < $1.token }
                    // On a slow machine even this burst may outlast a lease, but never two owners within one lease.
                    for (earlier, later) in zip(leases, leases.dropFirst()) {
                        try expect(
                            later.token > earlier.token && answered >= earlier.expiry,
                            "\(earlier.owner) and \(later.owner) held the name at once")
                    }
                    if let lease = leases.first {
                        try expect(answered >= end, "the name was passed on before its lease had run out")
                        if let last { try expect(lease.token > last, "token \(lease.token) must exceed \(last)") }
                    } else {
                        try await context.pass(.milliseconds(500))
                    }
                    granted = leases.last
                }
                end = granted?.expiry ?? end
                last = granted?.token ?? last
            }
        },
    ]
}

extension LeaseCaseContext {
    /// Asks, waits for a change, and asks again, as everybody does who has nothing but the port.
    func acquire(_ name: LeaseName, owner: OwnerID, on engine: any LeaseEngine) async throws -> Lease {
        while true {
            switch try await engine.tryAcquire(name, owner: owner, for: self.ample) {
            case .granted(let lease):
                return lease
            case .held(let holder):
                _ = try await engine.waitForChange(of: name, from: holder.token, upTo: self.ample)
            }
        }
    }
}
