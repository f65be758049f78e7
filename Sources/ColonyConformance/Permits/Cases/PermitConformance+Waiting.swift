import ColonyCoordination
import ColonyCore

extension PermitConformance {
    static let waitingCases: [PermitCase] = [
        PermitCase("a wait for what is free ends at once and takes nothing", .waiting) { context in
            let name = try context.name()
            let lease = try await context.take(try context.request(1, of: name, limit: 3, as: 0))
            for engine in [context.engine, context.other] {
                let request = try context.request(2, of: name, limit: 3, as: 1, claim: context.ample)
                let task = context.start { try await engine.waitForPermits(request, upTo: context.ample) }
                let isFree = try await context.promptOutcome(of: task, "the wait for free permits").get()
                try expect(isFree, "the wait for free permits said that they are not")
            }
            try await context.expectHolders(of: name, [lease], "after waits for free permits")
        },
        PermitCase("a wait with a limit of zero or less returns at once", .waiting) { context in
            let name = try context.name()
            try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let request = try context.request(1, of: name, limit: 1, as: 1)
            for limit in [Duration.zero, .seconds(-1)] {
                let engine = context.engine
                let task = context.start { try await engine.waitForPermits(request, upTo: limit) }
                _ = try await context.promptOutcome(of: task, "the wait with a limit of \(limit)").get()
            }
        },
        PermitCase("a wait respects its limit", .waiting) { context in
            let name = try context.name()
            try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let request = try context.request(1, of: name, limit: 1, as: 1)
            let limit = context.scaled(.seconds(5))
            let engine = context.engine
            let task = context.start { () -> Duration in
                // A wait may end early without reason, and then says that something has changed.
                for _ in 1...100 {
                    let before = context.now
                    if try await !engine.waitForPermits(request, upTo: limit) {
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
        PermitCase("a wait makes no claim", .waiting) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 2, as: 0))
            let request = try context.request(2, of: name, limit: 2, as: 1, claim: context.ample)
            let engine = context.other
            let task = context.start {
                while true { try await engine.waitForPermits(request, upTo: context.ample) }
            }
            try await context.harness.settle()
            try await context.expectClaims(of: name, [], "while somebody waits who has not asked")
            let lease = try await context.take(try context.request(1, of: name, limit: 2, as: 2))
            task.cancel()
            try await context.expectCancelled(task, "a cancelled wait")
            try await context.expectHolders(of: name, [held, lease], "after a cancelled wait")
        },
        PermitCase("a cancelled wait throws cancelled promptly and leaves the claim as it was", .waiting) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            for (index, engine) in [context.engine, context.other].enumerated() {
                let request = try context.request(1, of: name, limit: 1, as: index + 1, claim: context.ample)
                try await context.refusal(request)
                let task = context.start {
                    while true { try await engine.waitForPermits(request, upTo: context.ample) }
                }
                try await context.harness.settle()
                task.cancel()
                try await context.expectCancelled(task, "a cancelled wait")
            }
            try await context.expectClaims(of: name, [1, 2], "after two cancelled waits")
            try await context.giveBack(held)
            try await context.take(try context.request(1, of: name, limit: 1, as: 1))
        },
        PermitCase("a wait of a task that is cancelled already throws cancelled", .waiting) { context in
            let name = try context.name()
            try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let request = try context.request(1, of: name, limit: 1, as: 1)
            let engine = context.engine
            let task = context.start {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await engine.waitForPermits(request, upTo: context.ample)
            }
            try await context.expectCancelled(task, "the wait of a cancelled task")
        },
    ]

    static let wakingCases: [PermitCase] = [
        PermitCase("a return wakes who waits, on both clients", .waiting) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(2, of: name, limit: 2, as: 0))
            let tasks = try [context.engine, context.other].enumerated().map { index, engine in
                let request = try context.request(1, of: name, limit: 2, as: index + 1)
                return context.start { try await context.acquire(request, on: engine) }
            }
            try await context.expectAsleep(tasks)
            try await context.giveBack(held)
            for task in tasks {
                _ = try await context.promptOutcome(of: task, "a wait that a return has to end").get()
            }
        },
        PermitCase("a return wakes the first of those who claim, and its return the next", .waiting) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            var tasks: [LeaseCaseTask<Lease>] = []
            for number in 1...4 {
                let engine = number.isMultiple(of: 2) ? context.engine : context.other
                let request = try context.request(1, of: name, limit: 1, as: number, claim: context.ample)
                try await context.refusal(request, on: engine)
                tasks.append(context.start { try await context.acquire(request, on: engine) })
            }
            try await context.expectAsleep(tasks)
            var last = held
            for (index, task) in tasks.enumerated() {
                try await context.giveBack(last)
                last = try await context.promptOutcome(of: task, "the turn of claim \(index + 1)").get()
                try expect(
                    tasks[(index + 1)...].allSatisfy { $0.outcome == nil }, "claim \(index + 1) was overtaken")
            }
        },
        PermitCase("a wait ends when enough is free for its request", .waiting) { context in
            let name = try context.name()
            var held: [Lease] = []
            for number in 1...3 {
                held.append(try await context.take(try context.request(1, of: name, limit: 3, as: number)))
            }
            let request = try context.request(3, of: name, limit: 3, as: 9, claim: context.ample)
            let engine = context.other
            let task = context.start { try await context.acquire(request, on: engine) }
            for lease in held {
                try await context.expectAsleep([task])
                try await context.giveBack(lease)
            }
            let lease = try await context.promptOutcome(of: task, "the wait for all permits").get()
            try await context.expectHolders(of: name, [lease], "after all were returned")
        },
        PermitCase("permits that run out end the wait, not earlier", .waiting) { context in
            let name = try context.name()
            let duration = context.scaled(.seconds(10))
            let before = context.now
            try await context.take(try context.request(1, of: name, limit: 1, as: 0, for: duration))
            let request = try context.request(1, of: name, limit: 1, as: 1, claim: context.ample)
            let engine = context.other
            let task = context.start { () -> MonotonicInstant in
                _ = try await context.acquire(request, on: engine)
                return context.now
            }
            let end = try await context.outcome(of: task, upTo: .seconds(20), "the wait for permits to run out").get()
            try expect(end >= before.advanced(by: duration), "permits were passed on before they had run out")
        },
        PermitCase("a wait sees the end of permits that were renewed after it began", .waiting) { context in
            let name = try context.name()
            let lease = try await context.take(
                try context.request(1, of: name, limit: 1, as: 0, for: context.scaled(.seconds(10))))
            let request = try context.request(1, of: name, limit: 1, as: 1)
            let engine = context.other
            let task = context.start { () -> MonotonicInstant in
                _ = try await context.acquire(request, on: engine)
                return context.now
            }
            try await context.harness.settle()
            let before = context.now
            let longer = context.scaled(.seconds(20))
            guard try await context.engine.renewPermits(lease, for: longer) != nil else {
                try expect(context.now >= lease.expiry, "permits that are held could not be renewed")
                throw Inconclusive("the permits ran out before they could be renewed")
            }
            let end = try await context.outcome(of: task, upTo: .seconds(40), "the wait for renewed permits").get()
            try expect(end >= before.advanced(by: longer), "permits were passed on before they had run out")
        },
        PermitCase("the end of a claim by return wakes who waits behind it", .waiting) { context in
            let name = try context.name()
            try await context.take(try context.request(1, of: name, limit: 2, as: 0))
            try await context.refusal(try context.request(2, of: name, limit: 2, as: 1, claim: context.ample))
            let request = try context.request(1, of: name, limit: 2, as: 2, claim: context.ample)
            let engine = context.other
            let task = context.start { try await context.acquire(request, on: engine) }
            try await context.expectAsleep([task])
            try await context.engine.returnPermits(name, owner: try context.owner(1), token: nil)
            _ = try await context.promptOutcome(of: task, "the wait behind a claim that was given up").get()
        },
        PermitCase("the end of a claim by time wakes who waits behind it", .waiting) { context in
            let name = try context.name()
            try await context.take(try context.request(1, of: name, limit: 2, as: 0))
            let claim = context.scaled(.seconds(10))
            let before = context.now
            try await context.refusal(try context.request(2, of: name, limit: 2, as: 1, claim: claim))
            let request = try context.request(1, of: name, limit: 2, as: 2, claim: context.ample)
            let engine = context.other
            let task = context.start { () -> MonotonicInstant in
                _ = try await context.acquire(request, on: engine)
                return context.now
            }
            let end = try await context.outcome(of: task, upTo: .seconds(20), "the wait behind a claim of the dead")
                .get()
            try expect(end >= before.advanced(by: claim), "a claim was passed over before it had run out")
        },
        PermitCase("the end of a claim by its grant wakes who fits beside it", .waiting) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(2, of: name, limit: 2, as: 0))
            let first = try context.request(1, of: name, limit: 2, as: 1, claim: context.ample)
            try await context.refusal(first)
            let request = try context.request(1, of: name, limit: 2, as: 2, claim: context.ample)
            let engine = context.other
            let task = context.start { try await context.acquire(request, on: engine) }
            try await context.expectAsleep([task])
            try await context.giveBack(held)
            try await context.expectAsleep([task])
            try await context.take(first)
            _ = try await context.promptOutcome(of: task, "the wait behind a claim that was granted").get()
        },
    ]
}

extension CaseContext where Engine == any PermitEngine {
    /// Fails if a task that has to wait has ended.
    func expectAsleep(_ tasks: [LeaseCaseTask<Lease>]) async throws {
        try await self.harness.settle()
        for task in tasks {
            try expect(task.outcome == nil, "a wait ended too early: \(String(describing: task.outcome))")
        }
    }
}
