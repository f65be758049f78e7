import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

/// An engine that answers each request in the same way.
private struct ConstantRateLimitEngine: RateLimitEngine {
    private let decision: RateLimitDecision

    init(_ decision: RateLimitDecision) { self.decision = decision }

    var guarantee: Guarantee { Guarantee(reach: .host, survival: .processCrash) }

    func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        requests.map { _ in self.decision }
    }

    func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool { false }
}

@Suite("A limit that is leased in batches", .timeLimit(.minutes(2)))
struct TwoTierRateLimiterTests {
    private let clock = ManualClock()

    private func limiter(
        _ rule: RateLimitRule, on engine: any RateLimitEngine, lease: Int, for duration: Duration = .seconds(1),
        _ store: SharedRateLimiterOptions = SharedRateLimiterOptions()
    ) throws -> TwoTierRateLimiter {
        try TwoTierRateLimiter(
            "api", rule, on: engine, TwoTierOptions(leaseSize: lease, leaseDuration: duration, store: store),
            clock: self.clock)
    }

    @Test(arguments: Seed(0x9).followed(by: 100))
    func `sharedLimitHolds: nodes exceed the rule by no more than they declare`(seed: Seed) async throws {
        var random = SeededGenerator(seed: seed)
        let engine = FlakyRateLimitEngine(MemoryRateLimitEngine(clock: self.clock))
        let rule = try RateLimitRule(
            Int.random(in: 10...200, using: &random), per: .seconds(1), burst: Int.random(in: 8...60, using: &random))
        let lease = Int.random(in: 2...8, using: &random)
        let nodes = try (0..<Int.random(in: 2...6, using: &random)).map { _ in
            try self.limiter(rule, on: engine, lease: lease, for: .milliseconds(500))
        }
        var log = GrantLog()
        for step in 0..<600 {
            if step.isMultiple(of: 50) {
                engine.suffer([.none, .none, .requestLost, .answerLost].randomElement(using: &random) ?? .none)
            }
            let isLong = Int.random(in: 0..<40, using: &random) == 0
            self.clock.advance(
                by: .nanoseconds(Int64.random(in: 0...(rule.interval * (isLong ? 60 : 2)), using: &random)))
            let permits = Int.random(in: 1...lease, using: &random)
            let node = nodes[Int.random(in: 0..<nodes.count, using: &random)]
            let isAllowed: Bool
            do {
                isAllowed = try await node.take(permits).isAllowed
            } catch {
                #expect(error.code == .unavailable)
                isAllowed = false
            }
            if isAllowed { log.add(permits, at: self.clock.now) }
        }
        let bound = nodes[0].overshootBound(limiters: nodes.count)
        #expect(bound == nodes.count * lease)
        if let defect = log.defect(rule, overshoot: bound) { Issue.record("\(seed): \(defect) of \(rule)") }
    }

    @Test func `it asks the store for each batch, not for each permit`() async throws {
        let engine = FlakyRateLimitEngine(MemoryRateLimitEngine(clock: self.clock))
        let limiter = try self.limiter(RateLimitRule(100, per: .seconds(1)), on: engine, lease: 20)
        for number in 1...100 {
            #expect(try await limiter.take().isAllowed)
            #expect(engine.calls == (number + 9) / 10)
        }
        let refusal = try await limiter.take()
        #expect(!refusal.isAllowed && refusal.retryAfter == .milliseconds(10))
        self.clock.advance(by: .milliseconds(30))
        // There is less than a batch in the store, and that is taken.
        for _ in 0..<3 { #expect(try await limiter.take().isAllowed) }
        #expect(try await !limiter.take().isAllowed)
    }

    @Test func `permits that were not used in time are not used`() async throws {
        let limiter = try self.limiter(
            RateLimitRule(100, per: .seconds(1)), on: MemoryRateLimitEngine(clock: self.clock), lease: 20)
        #expect(!limiter.tryTake())
        #expect(try await limiter.take().isAllowed)
        #expect(limiter.tryTake())
        self.clock.advance(by: .nanoseconds(999_999_999))
        #expect(limiter.tryTake())
        self.clock.advance(by: .nanoseconds(1))
        #expect(!limiter.tryTake())
        #expect(limiter.store.statistics.granted == 10)
    }

    @Test func `while it runs the next batch is fetched before the present one is used up`() async throws {
        let engine = FlakyRateLimitEngine(MemoryRateLimitEngine(clock: self.clock))
        let limiter = try self.limiter(RateLimitRule(1_000, per: .seconds(1)), on: engine, lease: 20)
        let running = Task { try await limiter.run() }
        try await Polling.until { limiter.isRunning }
        #expect(try await limiter.take().isAllowed)
        for batch in 2...20 {
            var taken = 0
            while engine.calls < batch {
                if taken < 9, limiter.tryTake() { taken += 1 }
                await Task.yield()
            }
            #expect(taken <= 10)
            // The store was asked; what it gave comes a moment later.
            while limiter.heldCount <= 10 { await Task.yield() }
            while limiter.heldCount > 10, limiter.tryTake() {}
        }
        let second = await #expect(throws: ResilienceError.self) { try await limiter.run() }
        #expect(second?.code == .invalidRequest)
        running.cancel()
        try await running.value
        #expect(!limiter.isRunning)
    }

    @Test func `without its store it does what it was told`() async throws {
        let engine = FlakyRateLimitEngine(MemoryRateLimitEngine(clock: self.clock))
        let rule = try RateLimitRule(100, per: .seconds(1))
        engine.suffer(.requestLost)
        let closed = try self.limiter(rule, on: engine, lease: 20)
        let error = await #expect(throws: ResilienceError.self) { try await closed.take() }
        #expect(error?.code == .unavailable)
        let local = try RateLimitRule(3, per: .seconds(1))
        let open = try self.limiter(rule, on: engine, lease: 20, SharedRateLimiterOptions(outage: .failOpen(local)))
        for _ in 0..<3 { #expect(try await open.take().isAllowed) }
        #expect(try await !open.take().isAllowed)
    }

    @Test func `settings that cannot work are refused and quoted`() throws {
        let engine = MemoryRateLimitEngine(clock: self.clock)
        let rule = try RateLimitRule(10, per: .seconds(1))
        for (lease, duration, quoted) in [
            (1, Duration.seconds(1), "1"), (-5, .seconds(1), "-5"), (11, .seconds(1), "11"), (4, .zero, "0.0 seconds"),
            (4, .seconds(3_601), "\(Duration.seconds(3_601))"),
        ] {
            let error = #expect(throws: ResilienceError.self) {
                try self.limiter(rule, on: engine, lease: lease, for: duration)
            }
            #expect(error?.code == .invalidConfiguration && error?.message.contains(quoted) == true)
        }
    }

    @Test func `threads that lease together get no more than the store gave`() async throws {
        let engine = MemoryRateLimitEngine()
        let rule = try RateLimitRule(10_000, per: .seconds(3_600))
        let limiter = try TwoTierRateLimiter(
            "api", rule, on: engine, TwoTierOptions(leaseSize: 100, leaseDuration: .seconds(60)))
        let granted = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var granted = 0
                    for _ in 0..<4_000 where try await limiter.take().isAllowed { granted += 1 }
                    return granted
                }
            }
            return try await group.reduce(0, +)
        }
        #expect((10_000...10_200).contains(granted))
        #expect(limiter.store.statistics.granted >= UInt64(granted))
    }

    @Test func `a refusal that is not the rule's own is waited for as long as it says`() async throws {
        // As a daemon's switch has it: the wait has nothing to do with how much was asked for.
        let wait = Duration.seconds(1)
        let switched = RateLimitDecision(isAllowed: false, remaining: 0, retryAfter: wait, resetAfter: wait)
        let limiter = try self.limiter(
            RateLimitRule(20, per: .seconds(20)), on: ConstantRateLimitEngine(switched), lease: 10)
        #expect(try await limiter.take().retryAfter == wait)
        #expect(try await limiter.take(5).retryAfter == wait)
    }
}
