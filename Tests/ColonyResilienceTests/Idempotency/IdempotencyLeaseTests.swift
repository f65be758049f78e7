import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

extension ManualClock {
    /// Lets time go by in small steps while a body runs.
    func pumped<Value: Sendable>(_ body: @Sendable () async throws -> Value) async rethrows -> Value {
        let pump = Task {
            while !Task.isCancelled {
                self.advance(by: .milliseconds(1))
                await Task.yield()
            }
        }
        defer { pump.cancel() }
        return try await body()
    }
}

/// How a key is held: renewals, and calls to the store that fail or come late.
@Suite("Idempotency, leases")
struct IdempotencyLeaseTests {
    private let clock = ManualClock()
    private let inner: MemoryIdempotencyStore
    private let store: FaultyStore
    private let payments: Idempotency<Int>

    init() throws {
        self.inner = try MemoryIdempotencyStore(clock: self.clock)
        self.store = FaultyStore(self.inner)
        // No call to the store is given up by its own limit, so that the lease and the deadline are what ends them.
        self.payments = Idempotency(
            "test", on: self.store, codec: .json,
            try IdempotencyOptions(lease: .seconds(24), callLimit: .seconds(3_600)), clock: self.clock,
            generator: SeededGenerator(seed: 1))
    }

    /// Waits until something is so.
    private func wait(until condition: () -> Bool) async throws {
        let end = ContinuousClock.now.advanced(by: .seconds(30))
        while !condition() {
            try #require(ContinuousClock.now < end, "it did not come about")
            await Task.yield()
        }
    }

    @Test func `the lease is renewed while the outcome is being stored, also for a caller that was cancelled`()
        async throws
    {
        let (clock, store, payments) = (self.clock, self.store, self.payments)
        let start = clock.now
        store.fail(.complete, times: 3)
        let finish = OneShotSignal()
        let call = Task {
            try await payments.execute("a") {
                try await finish.wait()
                return 1
            }
        }
        try await self.wait { clock.nextDeadline == start.advanced(by: .seconds(8)) }
        clock.advance(by: .milliseconds(7_500))
        finish.fire()
        try await self.wait { store.count(.complete) == 1 }
        call.cancel()
        // The first pause ends at 8.5 s, and the lease is renewed at 8 s.
        try await self.wait { clock.sleeperCount == 2 }
        clock.advance(by: .milliseconds(500))
        try await self.wait { store.count(.begin) == 2 }
        let others = try await clock.pumped { try await call.value }
        #expect(others == 1)
        #expect(store.count(.complete) == 4)
        #expect(start.duration(to: clock.now) >= .milliseconds(14_500), "after pauses of one, two, and four seconds")
        #expect(payments.statistics.notRecorded == 0)
        #expect(try await payments.execute("a") { 2 } == 1)
    }

    @Test func `a renewal without an answer is given up and made again before the lease runs out`() async throws {
        let (clock, store, payments) = (self.clock, self.store, self.payments)
        let start = clock.now
        let finish = OneShotSignal()
        let call = Task {
            try await payments.execute("a") {
                try await finish.wait()
                return 1
            }
        }
        for seconds in [8, 12, 16] {
            let next = start.advanced(by: .seconds(seconds))
            try await self.wait { clock.nextDeadline == next }
            if seconds == 8 { store.hold(.begin) }
            clock.advance(to: next)
            if seconds == 8 { await store.waitUntilHeld() }
        }
        try await self.wait { store.count(.begin) == 2 }
        // The lease would have run out at 24 s.
        clock.advance(by: .seconds(9))
        let other = IdempotencyRequest("a", owner: .unique(), lease: .seconds(1))
        guard case .inFlight = try await self.inner.begin(other) else {
            Issue.record("the lease has run out")
            return
        }
        finish.fire()
        #expect(try await call.value == 1)
    }

    @Test func `nothing is started after the deadline, however long the store takes`() async throws {
        let (clock, store, payments) = (self.clock, self.store, self.payments)
        let script = Script([nil])
        store.hold(.begin)
        let call = Task {
            try await Deadline.within(.seconds(2), on: clock) { try await payments.execute("a") { try script.run() } }
        }
        await store.waitUntilHeld()
        try await self.wait { clock.sleeperCount == 1 }
        clock.advance(by: .seconds(2))
        store.letGo()
        let error = await #expect(throws: ResilienceError.self) { try await call.value }
        #expect(error?.code == .deadlineExceeded)
        #expect(script.runs == 0)
    }

    @Test func `a key that was taken without an answer is given up`() async throws {
        let (inner, store, payments) = (self.inner, self.store, self.payments)
        store.lose(.begin, times: 1)
        let error = await #expect(throws: ResilienceError.self) { try await payments.execute("a") { 1 } }
        #expect(error?.code == .unavailable)
        try await self.wait { inner.count == 0 && store.count(.abandon) == 1 }
        #expect(try await payments.execute("a") { 2 } == 2)
    }
}
