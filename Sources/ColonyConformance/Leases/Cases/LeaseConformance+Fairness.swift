import ColonyCore
import Synchronization

extension LeaseConformance {
    static let fairnessCases: [LeaseCase] = [
        LeaseCase("a fair request for a free name is granted at once", .fairness, requires: [.fairness]) { context in
            let name = try context.name()
            for (number, limit) in [Duration.zero, .seconds(-1), context.ample].enumerated() {
                let lease = try await context.queue(for: name, as: number, upTo: limit).lease(within: context)
                try expect(lease.duration == context.ample, "the lease lasts \(lease.duration)")
                let again = try await context.queue(for: name, as: number, upTo: limit).lease(within: context)
                try expect(
                    again.token == lease.token,
                    "the holder asked again and got token \(again.token), not \(lease.token)")
                _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            }
        },
        LeaseCase("a fair request with a limit of zero or less asks once", .fairness, requires: [.fairness]) {
            context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 1, for: context.ample)
            for limit in [Duration.zero, .seconds(-1)] {
                let request = try context.queue(for: name, as: 2, upTo: limit)
                guard case .held(let holder) = try await context.promptOutcome(of: request.task, "asking once").get()
                else { throw ConformanceFailure("a held name was granted to another") }
                try expect(
                    holder.owner == lease.owner && holder.token == lease.token, "the holder is not \(holder.owner)")
            }
            try await context.expectQueue(of: name, [])
        },
        LeaseCase(
            "those who wait are served in the order in which they came, over two clients", .fairness,
            requires: [.fairness]
        ) {
            context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 0, for: context.ample)
            let served = Mutex<[Int]>([])
            let serve: @Sendable (Int) -> Void = { number in served.withLock { $0.append(number) } }
            var tasks: [LeaseCaseTask<Void>] = []
            let count = 8
            for number in 1...count {
                let engine = try context.fair(number.isMultiple(of: 2) ? context.engine : context.other)
                let owner = try context.owner(number)
                tasks.append(
                    context.start {
                        let answer = try await engine.acquire(
                            name, owner: owner, for: context.ample, upTo: context.ample)
                        let lease = try require(answer.lease, "waiter \(number) was not served")
                        serve(number)
                        _ = try await engine.release(name, owner: owner, token: lease.token)
                    })
                // Who came first is only certain once the queue shows it.
                try await context.expectQueue(of: name, Array(1...number))
            }
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            for task in tasks { try await context.outcome(of: task, upTo: .seconds(100), "a waiter's turn").get() }
            let order = served.withLock { $0 }
            try expect(order == Array(1...count), "waiters 1 to \(count) were served in the order \(order)")
            try await context.expectQueue(of: name, [])
        },
        LeaseCase("who does not wait does not overtake those who do", .fairness, requires: [.fairness]) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 0, for: context.ample)
            let first = try context.queue(for: name, as: 1, upTo: context.ample, on: context.other)
            try await context.expectQueue(of: name, [1])
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            for number in 0..<20 {
                try await context.refusal(
                    name, to: 100 + number % 2, on: number.isMultiple(of: 2) ? context.engine : context.other)
            }
            let served = try await first.lease(within: context)
            try expect(served.token > lease.token, "token \(served.token) must exceed \(lease.token)")
            _ = try await context.engine.release(name, owner: served.owner, token: served.token)
            _ = try await context.grant(name, to: 100, for: context.ample)
        },
        LeaseCase("who gives up at its limit leaves the queue", .fairness, requires: [.fairness]) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 0, for: context.ample)
            let limit = context.scaled(.seconds(8))
            let before = context.now
            let request = try context.queue(for: name, as: 1, upTo: limit, on: context.other)
            let answer = try await context.outcome(of: request.task, upTo: .seconds(20), "a request with a limit").get()
            guard case .held(let holder) = answer else {
                throw ConformanceFailure("a held name was granted to another")
            }
            try expect(before.duration(to: context.now) >= limit, "a request for \(limit.text) gave up too early")
            try expect(holder.token == lease.token, "the holder is not the one with token \(holder.token)")
            try await context.expectQueue(of: name, [])
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            _ = try await context.grant(name, to: 2, for: context.ample)
        },
        LeaseCase(
            "a cancelled waiter throws cancelled promptly and does not hold up the next", .fairness,
            requires: [.fairness]
        ) {
            context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 0, for: context.ample)
            let first = try context.queue(for: name, as: 1, upTo: context.ample)
            try await context.expectQueue(of: name, [1])
            let second = try context.queue(for: name, as: 2, upTo: context.ample, on: context.other)
            try await context.expectQueue(of: name, [1, 2])
            first.task.cancel()
            guard
                case .failure(let error as LeaseError) = try await context.promptOutcome(
                    of: first.task, "a cancelled waiter")
            else { throw ConformanceFailure("a cancelled waiter was answered as if nothing had happened") }
            try expect(error.code == .cancelled, "a cancelled waiter threw \(error)")
            _ = try await context.engine.release(name, owner: try context.owner(1), token: nil)
            try await context.expectQueue(of: name, [2])
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            let served = try await second.lease(within: context)
            try expect(served.token > lease.token, "token \(served.token) must exceed \(lease.token)")
        },
        LeaseCase("a release by owner leaves the queue", .fairness, requires: [.fairness]) { context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 0, for: context.ample)
            let first = try context.queue(for: name, as: 1, upTo: context.ample)
            try await context.expectQueue(of: name, [1])
            first.task.cancel()
            _ = try await context.promptOutcome(of: first.task, "a cancelled waiter")
            try expect(
                try await !context.other.release(name, owner: try context.owner(1), token: nil),
                "a waiter released a lease")
            try await context.expectQueue(of: name, [])
            try expect(
                try await context.engine.renew(lease, for: context.ample) != nil,
                "the holder lost its lease to a waiter")
        },
        LeaseCase("a waiter is served when the lease before it runs out", .fairness, requires: [.fairness]) { context in
            let name = try context.name()
            let duration = context.scaled(.seconds(10))
            let before = context.now
            let lease = try await context.grant(name, to: 0, for: duration)
            let served = try await context.queue(for: name, as: 1, upTo: context.ample, on: context.other).lease(
                within: context)
            try expect(context.now >= before.advanced(by: duration), "a waiter was served before the lease had run out")
            try expect(served.token > lease.token, "token \(served.token) must exceed \(lease.token)")
        },
        LeaseCase(
            "a waiter is served when the lease before it is broken", .fairness, requires: [.fairness, .administration]
        ) {
            context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 0, for: context.ample)
            let request = try context.queue(for: name, as: 1, upTo: context.ample, on: context.other)
            try await context.expectQueue(of: name, [1])
            _ = try await context.administration(context.engine).breakLease(name)
            let served = try await request.lease(within: context)
            try expect(served.token > lease.token, "token \(served.token) must exceed \(lease.token)")
        },
        LeaseCase("the duration of a waiter's lease counts from its grant", .fairness, requires: [.fairness]) {
            context in
            let name = try context.name()
            let lease = try await context.grant(name, to: 0, for: context.ample)
            let duration = context.scaled(.seconds(10))
            let request = try context.queue(for: name, as: 1, for: duration, upTo: context.ample, on: context.other)
            try await context.expectQueue(of: name, [1])
            try await context.pass(.seconds(8))
            let released = context.now
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            _ = try await request.lease(within: context)
            let next = try await context.grantEventually(name, to: 2, for: context.ample, upTo: .seconds(60))
            try expect(
                next.at >= released.advanced(by: duration),
                "a waiter's lease of \(duration.text) was over \(released.duration(to: next.at).text) after its grant")
        },
        LeaseCase("the record shows who waits and for how long", .fairness, requires: [.fairness]) { context in
            let name = try context.name()
            _ = try await context.grant(name, to: 0, for: context.ample)
            let before = context.now
            let first = try context.queue(for: name, as: 1, upTo: context.ample, on: context.other)
            defer { first.task.cancel() }
            try await context.expectQueue(of: name, [1])
            let entered = context.now
            try await context.pass(.seconds(4))
            let asked = context.now
            let record = try require(try await context.engine.inspect(name), "a held name has a record")
            let waiter = try require(record.waiters.first, "the waiter is not in the record")
            try expect(
                waiter.age >= entered.duration(to: asked) - .milliseconds(2)
                    && waiter.age <= before.duration(to: context.now) + .milliseconds(2),
                "the waiter waits for about \(before.duration(to: context.now)), and the record says \(waiter.age)")
        },
    ]
}

/// A request that stands in a queue of the store.
struct QueuedRequest: Sendable {
    let name: LeaseName
    let task: LeaseCaseTask<Acquisition>

    func lease(within context: LeaseCaseContext) async throws -> Lease {
        let answer = try await context.outcome(of: self.task, upTo: .seconds(100), "a waiter's turn for \(self.name)")
            .get()
        return try require(answer.lease, "a waiter whose turn it was got \(answer)")
    }
}

extension LeaseCaseContext {
    /// Asks in the queue, in a task of its own.
    func queue(
        for name: LeaseName, as number: Int, for duration: Duration? = nil, upTo limit: Duration,
        on engine: (any LeaseEngine)? = nil
    ) throws -> QueuedRequest {
        let engine = try self.fair(engine ?? self.engine)
        let owner = try self.owner(number)
        let duration = duration ?? self.ample
        return QueuedRequest(
            name: name,
            task: self.start { try await engine.acquire(name, owner: owner, for: duration, upTo: limit) })
    }

    /// Waits until exactly these owners stand in the queue of a held name, in this order.
    func expectQueue(of name: LeaseName, _ numbers: [Int]) async throws {
        let expected = try numbers.map { try self.owner($0) }
        let last = Mutex<[OwnerID]>([])
        do {
            try await self.eventually("the queue of \(name)") {
                let found = try await self.engine.inspect(name)?.waiters.map(\.owner) ?? []
                last.withLock { $0 = found }
                return found == expected
            }
        } catch let failure as ConformanceFailure {
            throw ConformanceFailure("\(failure.message): \(expected) were expected, and \(last.withLock { $0 }) wait")
        }
    }
}
