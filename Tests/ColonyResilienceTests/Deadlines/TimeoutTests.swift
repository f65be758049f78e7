import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

@Suite("Timeouts")
struct TimeoutTests {
    let clock = ManualClock()

    struct Broken: Error {}

    @Test func `an operation that is quick is left alone, and no timer is set for one that does not suspend`()
        async throws
    {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        #expect(try await timeout.execute { 7 } == 7)
        #expect(self.clock.sleeperCount == 0)
        await #expect(throws: Broken.self) { try await timeout.execute { throw Broken() } }
    }

    @Test
    func `an operation that takes too long is cancelled, and has ended when the call throws: timeoutFreesOrCounts`()
        async throws
    {
        let timeout = try Timeout(.seconds(1), name: "users", clock: self.clock)
        let running = Tally()
        let call = Task {
            try await timeout.execute {
                running.add(1)
                defer { running.add(-1) }
                try await self.clock.sleep(for: .seconds(60))
            }
        }
        try await self.clock.waitForSleepers(2)
        self.clock.advance(by: .seconds(1))
        let error = await #expect(throws: ResilienceError.self) { try await call.value }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("users") == true)
        #expect(error?.cause is CancellationError)
        #expect(running.count == 0)
    }

    @Test func `work that does not listen to cancellation is waited for, so a bulkhead around it counts it`()
        async throws
    {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let release = OneShotSignal()
        let returns = Tally()
        let call = Task {
            defer { returns.add(1) }
            return try await timeout.execute {
                // A task of its own does not hear of the cancellation.
                try? await Task.detached { try await release.wait() }.value
                return 5
            }
        }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(2))
        #expect(returns.count == 0)
        release.fire()
        // It has not failed: a value that is there is better than none.
        #expect(try await call.value == 5)
    }

    @Test func `the operation sees the limit, and an earlier deadline of its caller`() async throws {
        let timeout = try Timeout(.seconds(10), clock: self.clock)
        let seen = try await timeout.execute { Deadline.current?.remaining(on: self.clock) }
        #expect(seen == .seconds(10))
        try await Deadline.within(.seconds(3), on: self.clock) {
            let seen = try await timeout.execute { Deadline.current?.remaining(on: self.clock) }
            #expect(seen == .seconds(3))
            self.clock.advance(by: .seconds(3))
            let runs = Tally()
            let error = await #expect(throws: ResilienceError.self) {
                try await timeout.execute { runs.add(1) }
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(runs.count == 0)
        }
    }

    @Test func `of nested timeouts the earlier one ends the call, also if it is the outer one`() async throws {
        for (outer, inner) in [(2, 1), (1, 2)] {
            let pipeline = try Pipeline {
                try Timeout(.seconds(outer), name: "outer", clock: self.clock)
                try Timeout(.seconds(inner), name: "inner", clock: self.clock)
            }
            let call = Task {
                try await pipeline.execute { try await self.clock.sleep(for: .seconds(60)) }
            }
            try await self.clock.waitForSleepers(3)
            self.clock.advance(by: .seconds(1))
            let error = await #expect(throws: ResilienceError.self) { try await call.value }
            #expect(error?.code == .deadlineExceeded)
        }
    }

    @Test func `a cancelled caller cancels the operation, and hears of that and of no timeout`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let call = Task {
            try await timeout.execute { try await self.clock.sleep(for: .seconds(60)) }
        }
        try await self.clock.waitForSleepers(2)
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        // The timer is gone too.
        #expect(self.clock.sleeperCount == 0)
    }

    @Test func `a call of a task that was cancelled before is not started`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let runs = Tally()
        let call = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await timeout.execute { runs.add(1) }
        }
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(runs.count == 0)
    }

    @Test func `what the operation throws after its time is the cause`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let call = Task {
            try await timeout.execute {
                try? await self.clock.sleep(for: .seconds(60))
                throw Broken()
            }
        }
        try await self.clock.waitForSleepers(2)
        self.clock.advance(by: .seconds(1))
        let error = await #expect(throws: ResilienceError.self) { try await call.value }
        #expect(error?.cause is Broken)
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .seconds(Int64.min)])
    func `a limit that is not positive is refused and quoted`(limit: Duration) {
        let error = #expect(throws: ResilienceError.self) { try Timeout(limit) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\(limit)") == true)
    }

    @Test func `a limit beyond the clock is no limit`() async throws {
        let timeout = try Timeout(.seconds(Int64.max), clock: self.clock)
        #expect(try await timeout.execute { Deadline.current?.instant.nanoseconds } == .max)
    }

    @Test func `ten thousand calls that suspend, some of which end at the limit, all end once`() async throws {
        let timeout = try Timeout(.milliseconds(1))
        let ended = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for round in 0..<1_250 {
                        do {
                            try await timeout.execute {
                                if round % 50 == 0 { try await HostClock().sleep(for: .seconds(5)) }
                                await Task.yield()
                            }
                        } catch {
                            #expect((error as? ResilienceError)?.code == .deadlineExceeded)
                        }
                        ended.add(1)
                    }
                }
            }
        }
        #expect(ended.count == 10_000)
    }
}
