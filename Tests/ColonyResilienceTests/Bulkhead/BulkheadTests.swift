import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

/// Numbers that tasks share.
final class SharedNumbers: Sendable {
    private let numbers = Mutex<[Int]>([])

    func append(_ number: Int) { self.numbers.withLock { $0.append(number) } }

    var all: [Int] { self.numbers.withLock { $0 } }
}

/// How many are somewhere at once, and how many were at most.
final class Crowd: Sendable {
    private let counts = Mutex((present: 0, greatest: 0))

    func enter() {
        self.counts.withLock { counts in
            counts.present += 1
            counts.greatest = max(counts.greatest, counts.present)
        }
    }

    func leave() { self.counts.withLock { $0.present -= 1 } }

    var greatest: Int { self.counts.withLock(\.greatest) }
}

@Suite("A bulkhead")
struct BulkheadTests {
    let clock = ManualClock()

    func makeBulkhead(limit: Int = 1, waiting: Int = 0, wait: Duration = .seconds(5)) throws -> Bulkhead {
        Bulkhead(
            try BulkheadOptions(limit: limit, maximumWaiting: waiting, maximumWait: wait), name: "reports",
            clock: self.clock)
    }

    /// Waits until so many stand in line, however busy the machine is.
    func waitForLine(_ count: Int, of bulkhead: Bulkhead) async throws {
        let limit = HostClock().now.advanced(by: .seconds(30))
        while bulkhead.snapshot.waiting != count {
            try #require(HostClock().now < limit, "\(bulkhead.snapshot.waiting) wait, and \(count) were expected")
            await Task.yield()
        }
    }

    @Test func `it lets in as many as its limit and refuses the next`() async throws {
        let bulkhead = try self.makeBulkhead(limit: 2)
        let first = try await bulkhead.acquire()
        try await bulkhead.execute {
            let error = await #expect(throws: ResilienceError.self) { try await bulkhead.execute {} }
            #expect(error?.code == .bulkheadFull)
            #expect(error?.message.contains("reports") == true)
        }
        first.release()
        #expect(bulkhead.snapshot.running == 0)
        #expect(bulkhead.snapshot.totalRefusals == 1)
    }

    @Test func `permitReleasedOnce: on success, error, cancellation and drop`() async throws {
        let bulkhead = try self.makeBulkhead()
        for _ in 0..<100 {
            #expect(try await bulkhead.execute { bulkhead.snapshot.running } == 1)
            await #expect(throws: Broken.self) { try await bulkhead.execute { throw Broken() } }
            await #expect(throws: CancellationError.self) { try await bulkhead.execute { throw CancellationError() } }
            try await bulkhead.acquire().release()
            _ = try await bulkhead.acquire()
        }
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test func `those who wait are served first in, first out, and nobody overtakes them`() async throws {
        let bulkhead = try self.makeBulkhead(waiting: 10)
        let order = SharedNumbers()
        let holder = try await bulkhead.acquire()
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<10 {
            tasks.append(Task { try await bulkhead.execute { order.append(number) } })
            try await self.waitForLine(number + 1, of: bulkhead)
        }
        let error = await #expect(throws: ResilienceError.self) { try await bulkhead.execute {} }
        #expect(error?.code == .bulkheadFull)
        // A place that is free between two calls of the line would be taken by one of these.
        let overtaker = Task {
            while bulkhead.snapshot.waiting > 1 {
                if bulkhead.tryAcquire() != nil, bulkhead.snapshot.waiting > 1 { order.append(-1) }
                await Task.yield()
            }
        }
        holder.release()
        for task in tasks {
            try await task.value
        }
        await overtaker.value
        #expect(order.all == Array(0..<10))
        #expect(bulkhead.snapshot.running == 0)
        #expect(bulkhead.snapshot.totalWaits == 10)
    }

    @Test func `a wait ends with its longest time`() async throws {
        let bulkhead = try self.makeBulkhead(waiting: 1)
        let holder = try await bulkhead.acquire()
        let late = Task { try await bulkhead.execute {} }
        try await self.clock.waitForSleepers(1)
        #expect(bulkhead.snapshot.waiting == 1)
        self.clock.advance(by: .seconds(3))
        #expect(bulkhead.snapshot.longestWait == .seconds(3))
        self.clock.advance(by: .seconds(2))
        let error = await #expect(throws: ResilienceError.self) { try await late.value }
        #expect(error?.code == .bulkheadFull)
        #expect(bulkhead.snapshot.waiting == 0)
        holder.release()
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test func `a wait never goes beyond the deadline of the task`() async throws {
        let bulkhead = try self.makeBulkhead(waiting: 1)
        let holder = try await bulkhead.acquire()
        let deadline = Deadline(after: .seconds(2), on: self.clock)
        let waiter = Task {
            try await Deadline.$current.withValue(deadline) { try await bulkhead.execute {} }
        }
        try await self.clock.waitForSleepers(1)
        #expect(self.clock.nextDeadline == deadline.instant)
        self.clock.advance(by: .seconds(2))
        let error = await #expect(throws: ResilienceError.self) { try await waiter.value }
        #expect(error?.code == .deadlineExceeded)
        let atOnce = await #expect(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(deadline) { try await bulkhead.execute {} }
        }
        #expect(atOnce?.code == .deadlineExceeded)
        holder.release()
        #expect(bulkhead.snapshot == (try self.emptied(bulkhead)))
    }

    func emptied(_ bulkhead: Bulkhead) throws -> BulkheadSnapshot {
        let snapshot = bulkhead.snapshot
        #expect(snapshot.running == 0)
        #expect(snapshot.waiting == 0)
        return snapshot
    }

    @Test func `cancellation in line leaves nothing`() async throws {
        let bulkhead = try self.makeBulkhead(waiting: 3)
        let holder = try await bulkhead.acquire()
        let tasks = (0..<3).map { _ in Task { try await bulkhead.execute {} } }
        try await self.waitForLine(3, of: bulkhead)
        tasks[1].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[1].value }
        #expect(bulkhead.snapshot.waiting == 2)
        holder.release()
        try await tasks[0].value
        try await tasks[2].value
        #expect(bulkhead.snapshot.running == 0)
        #expect(bulkhead.snapshot.waiting == 0)
    }

    @Test func `a task that was cancelled before it came holds nothing`() async throws {
        let bulkhead = try self.makeBulkhead(waiting: 3)
        let holder = try await bulkhead.acquire()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await bulkhead.execute {}
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        holder.release()
        #expect(bulkhead.snapshot.running == 0)
        #expect(bulkhead.snapshot.waiting == 0)
    }

    @Test func `under random cancellations, time-outs and resizing no place is lost and none is lent twice`()
        async throws
    {
        let bulkhead = Bulkhead(try BulkheadOptions(limit: 3, maximumWaiting: 20, maximumWait: .milliseconds(2)))
        let crowd = Crowd()
        let calls = SharedNumbers()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<16 {
                group.addTask {
                    var random = SeededGenerator(seed: Seed(rawValue: UInt64(worker)))
                    for _ in 0..<300 {
                        let pause = Int.random(in: 0...200, using: &random)
                        let task = Task {
                            try await bulkhead.execute {
                                crowd.enter()
                                try? await HostClock().sleep(for: .microseconds(pause))
                                crowd.leave()
                            }
                        }
                        if random.happens(withProbability: 0.3) { task.cancel() }
                        if worker == 0 { try? bulkhead.resize(to: Int.random(in: 1...3, using: &random)) }
                        _ = await task.result
                    }
                    calls.append(worker)
                }
            }
        }
        #expect(calls.all.count == 16)
        #expect(crowd.greatest <= 3)
        #expect(bulkhead.snapshot.running == 0)
        #expect(bulkhead.snapshot.waiting == 0)
        try bulkhead.resize(to: 1)
        try await bulkhead.execute {}
    }

    @Test func `a greater limit lets in those who wait, a lower one ends nobody`() async throws {
        let bulkhead = try self.makeBulkhead(waiting: 5)
        let holder = try await bulkhead.acquire()
        let second = Task { try await bulkhead.execute { bulkhead.snapshot.running } }
        try await self.waitForLine(1, of: bulkhead)
        try bulkhead.resize(to: 2)
        #expect(try await second.value == 2)
        let third = try await bulkhead.acquire()
        try bulkhead.resize(to: 1)
        #expect(bulkhead.snapshot.running == 2)
        #expect(bulkhead.snapshot.utilisation == 2)
        let waiter = Task { try await bulkhead.execute {} }
        try await self.waitForLine(1, of: bulkhead)
        third.release()
        #expect(bulkhead.snapshot.waiting == 1)
        holder.release()
        try await waiter.value
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test func `a call inside a call of the same bulkhead waits only as long as allowed`() async throws {
        let bulkhead = try self.makeBulkhead(waiting: 1)
        let call = Task { try await bulkhead.execute { try await bulkhead.execute {} } }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(5))
        let error = await #expect(throws: ResilienceError.self) { try await call.value }
        #expect(error?.code == .bulkheadFull)
        #expect(bulkhead.snapshot.running == 0)
    }

    @Test(arguments: [
        (0, 0, Duration.zero, "0"), (-1, 0, .zero, "-1"), (.max, 0, .zero, "\(Int.max)"), (1, -7, .zero, "-7"),
        (1, .max, .zero, "\(Int.max)"), (1, 1, .seconds(-1), "-1.0"), (1, 1, .seconds(86_401), "86401.0"),
    ])
    func `numbers that cannot work are refused and quoted`(
        limit: Int, waiting: Int, wait: Duration, quoted: String
    ) throws {
        let error = #expect(throws: ResilienceError.self) {
            try BulkheadOptions(limit: limit, maximumWaiting: waiting, maximumWait: wait)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(quoted) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [0, -1, Int.max])
    func `a limit that cannot work is refused while it runs, and the old one stays`(limit: Int) throws {
        let bulkhead = try self.makeBulkhead(limit: 4)
        let error = #expect(throws: ResilienceError.self) { try bulkhead.resize(to: limit) }
        #expect(error?.message.contains("\(limit)") == true)
        #expect(bulkhead.limit == 4)
    }
}
