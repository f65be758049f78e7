import ColonyCore

extension LeaseConformance {
    static let waitingCases: [LeaseCase] = [
        LeaseCase("a wait for a grant that is over ends at once", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            let new = try await context.grant(name, to: 2, for: context.ample)
            for engine in [context.engine, context.other] {
                let task = context.start {
                    try await engine.waitForChange(of: name, from: lease.token, upTo: context.ample)
                }
                let isChanged = try await context.promptOutcome(of: task, "the wait for a grant that is over").get()
                try expect(isChanged, "the wait for a grant that is over said that nothing has changed")
            }
            try expect(
                try await context.engine.release(name, owner: new.owner, token: new.token),
                "the wait ended the present lease")
        },
        LeaseCase("a wait for a name that nobody holds ends at once", .waiting) { context in
            let name = try context.name()
            let engine = context.engine
            let task = context.start {
                try await engine.waitForChange(of: name, from: FencingToken(rawValue: 7), upTo: context.ample)
            }
            let isChanged = try await context.promptOutcome(of: task, "the wait for a name that nobody holds").get()
            try expect(isChanged, "the wait for a name that nobody holds said that nothing has changed")
        },
        LeaseCase("a wait with a limit of zero or less returns at once", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            for limit in [Duration.zero, .seconds(-1)] {
                let engine = context.engine
                let task = context.start { try await engine.waitForChange(of: name, from: lease.token, upTo: limit) }
                _ = try await context.promptOutcome(of: task, "the wait with a limit of \(limit)").get()
            }
        },
        LeaseCase("a release wakes who waits, on both clients", .waiting) { context in
            try await context.expectWake("a release") { lease in
                _ = try await context.engine.release(lease.name, owner: lease.owner, token: lease.token)
            }
        },
        LeaseCase("a release wakes everybody who waits", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            let tasks = (0..<20).map { number in
                let engine = number.isMultiple(of: 2) ? context.engine : context.other
                return context.start { try await context.untilOver(lease, on: engine) }
            }
            try await context.harness.settle()
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            for task in tasks { try await context.outcome(of: task, upTo: .seconds(60), "a wait").get() }
        },
        LeaseCase("a lease that runs out ends the wait, not earlier", .waiting) { context in
            let name = try context.name()
            let duration = context.scaled(.seconds(10))
            let before = context.now
            let lease = try await context.grant(name, to: 1, for: duration)
            let other = context.other
            let task = context.start { () -> MonotonicInstant in
                try await context.untilOver(lease, on: other)
                return context.now
            }
            let end = try await context.outcome(of: task, upTo: .seconds(30), "the wait for a lease to run out").get()
            try expect(end >= before.advanced(by: duration), "the wait said that the lease is over before it was")
            _ = try await context.grant(name, to: 2, for: context.ample)
        },
        LeaseCase("renewals do not end a wait", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            let wakes = Tally()
            let other = context.other
            let task = context.start {
                // A wait may end early without reason, but one that ends with each renewal is a poll in disguise.
                while try await other.inspect(name)?.token == lease.token {
                    _ = try await other.waitForChange(of: name, from: lease.token, upTo: context.ample)
                    wakes.increment()
                }
            }
            try await context.harness.settle()
            let renewals = context.amount(100, atLeast: 20)
            for _ in 1...renewals {
                let renewed = try await context.engine.renew(lease, for: context.ample)
                try expect(renewed != nil, "a lease that is held could not be renewed")
                try await context.harness.settle()
            }
            let early = wakes.value
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            try await context.outcome(of: task, upTo: .seconds(60), "the wait").get()
            try expect(early <= renewals / 4, "\(renewals) renewals woke a waiter \(early) times")
        },
        LeaseCase("a wait sees the end of a lease that was renewed after it began", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.scaled(.seconds(10)))
            let other = context.other
            let task = context.start { () -> MonotonicInstant in
                try await context.untilOver(lease, on: other)
                return context.now
            }
            try await context.harness.settle()
            let before = context.now
            let longer = context.scaled(.seconds(20))
            guard try await context.engine.renew(lease, for: longer) != nil else {
                try expect(context.now >= lease.expiry, "a lease that is held could not be renewed")
                throw Inconclusive("the lease ran out before it could be renewed")
            }
            let end = try await context.outcome(of: task, upTo: .seconds(50), "the wait for a renewed lease").get()
            try expect(end >= before.advanced(by: longer), "the wait said that the lease is over before it was")
        },
        LeaseCase("a wait respects its limit", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            let limit = context.scaled(.seconds(5))
            let engine = context.engine
            let task = context.start { () -> Duration in
                // A wait may end early without reason, and then says that something has changed.
                for _ in 1...100 {
                    let before = context.now
                    if try await !engine.waitForChange(of: name, from: lease.token, upTo: limit) {
                        return before.duration(to: context.now)
                    }
                }
                throw ConformanceFailure("100 waits ended early, though nothing had changed")
            }
            let waited = try await context.outcome(
                of: task, upTo: .seconds(600), "a wait with a limit of \(limit.text)"
            ).get()
            try expect(waited >= limit, "a wait of \(limit.text) gave up after \(waited.text)")
        },
        LeaseCase("a cancelled wait throws cancelled promptly and leaves nothing behind", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            for engine in [context.engine, context.other] {
                let task = context.start {
                    while true {
                        try await context.untilOver(lease, on: engine)
                    }
                }
                try await context.harness.settle()
                task.cancel()
                try await context.expectCancelled(task, "a cancelled wait")
            }
            let record = try require(try await context.engine.inspect(name), "the cancelled wait ended the lease")
            try expect(record.waiters.isEmpty, "the cancelled wait left \(record.waiters) behind")
            try await context.expectWake("a release after a cancelled wait", lease) { lease in
                _ = try await context.engine.release(lease.name, owner: lease.owner, token: lease.token)
            }
        },
        LeaseCase("a wait of a task that is cancelled already throws cancelled", .waiting) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            let engine = context.engine
            let task = context.start {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await engine.waitForChange(of: name, from: lease.token, upTo: context.ample)
            }
            try await context.expectCancelled(task, "the wait of a cancelled task")
        },
    ]
}

extension LeaseCaseContext {
    /// Waits until a lease is over, however often the wait ends early.
    func untilOver(_ lease: Lease, on engine: any LeaseEngine) async throws {
        while true {
            let isChanged = try await engine.waitForChange(of: lease.name, from: lease.token, upTo: self.ample)
            guard isChanged else { continue }
            if try await engine.inspect(lease.name)?.token != lease.token { return }
        }
    }

    /// One waits on each client, and `end` has to wake both.
    func expectWake(
        _ what: String, _ lease: Lease? = nil, by end: (Lease) async throws -> Void
    ) async throws {
        let lease =
            if let lease { lease } else { try await self.grant(try self.name(), to: 1, for: self.ample) }
        let tasks = [self.engine, self.other].map { engine in
            self.start { try await self.untilOver(lease, on: engine) }
        }
        try await self.harness.settle()
        for task in tasks {
            try expect(
                task.outcome == nil, "a wait for a lease that is held ended: \(String(describing: task.outcome))")
        }
        try await end(lease)
        for task in tasks {
            try await self.outcome(of: task, upTo: .seconds(60), "a wait that \(what) has to end").get()
        }
    }
}
