import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

@Suite("A limit that processes share", .timeLimit(.minutes(2)))
struct SharedRateLimiterTests {
    private let clock = ManualClock()

    @Test(arguments: Seed(0x5).followed(by: 50))
    func `sharedLimitHolds: all nodes together are within the rule in every window`(seed: Seed) async throws {
        var random = SeededGenerator(seed: seed)
        let engine = MemoryRateLimitEngine(clock: self.clock)
        let rule = try RateLimitRule(
            Int.random(in: 1...50, using: &random), per: .seconds(1), burst: Int.random(in: 2...30, using: &random))
        let nodes = try (0..<Int.random(in: 2...6, using: &random)).map { _ in
            try SharedRateLimiter("api", rule, on: engine, clock: self.clock)
        }
        var log = GrantLog()
        for _ in 0..<600 {
            self.clock.advance(by: .nanoseconds(Int64.random(in: 0...rule.interval, using: &random)))
            let permits = Int.random(in: 1...min(3, rule.burst), using: &random)
            let node = nodes[Int.random(in: 0..<nodes.count, using: &random)]
            if try await node.take(permits).isAllowed { log.add(permits, at: self.clock.now) }
        }
        #expect(log.total > rule.burst)
        if let defect = log.defect(rule, overshoot: 0) { Issue.record("\(seed): \(defect) of \(rule)") }
    }

    @Test(arguments: [FlakyRateLimitEngine.Fault.requestLost, .answerLost])
    func `storeOutagePolicy: failing closed grants nothing and does not ask all the time`(
        fault: FlakyRateLimitEngine.Fault
    ) async throws {
        let engine = FlakyRateLimitEngine(MemoryRateLimitEngine(clock: self.clock))
        let limiter = try SharedRateLimiter(
            "api", RateLimitRule(10, per: .seconds(1)), on: engine, clock: self.clock)
        #expect(try await limiter.take().isAllowed)
        engine.suffer(fault)
        for _ in 0..<20 {
            let error = await #expect(throws: ResilienceError.self) { try await limiter.take() }
            #expect(error?.code == .unavailable && error?.retryAfter == .seconds(1))
        }
        #expect(engine.calls == 2)
        #expect(limiter.statistics.isOut && limiter.statistics.missed == 1)
        self.clock.advance(by: .seconds(1))
        await #expect(throws: ResilienceError.self) { try await limiter.take() }
        #expect(engine.calls == 3)
        engine.suffer(.none)
        self.clock.advance(by: .seconds(1))
        #expect(try await limiter.take().isAllowed)
        #expect(!limiter.statistics.isOut)
    }

    @Test(arguments: Seed(0x7).followed(by: 50))
    func `storeOutagePolicy: failing open grants no more than was asked for, and recovers without a burst`(
        seed: Seed
    ) async throws {
        var random = SeededGenerator(seed: seed)
        let engine = FlakyRateLimitEngine(MemoryRateLimitEngine(clock: self.clock))
        let rule = try RateLimitRule(20, per: .seconds(1), burst: 20)
        let local = try RateLimitRule(4, per: .seconds(1), burst: 4)
        let nodes = try (0..<4).map { _ in
            try SharedRateLimiter(
                "api", rule, on: engine, SharedRateLimiterOptions(outage: .failOpen(local)), clock: self.clock)
        }
        var (log, alone) = (GrantLog(), Array(repeating: GrantLog(), count: nodes.count))
        for step in 0..<800 {
            if step.isMultiple(of: 100) {
                engine.suffer([.none, .requestLost, .answerLost].randomElement(using: &random) ?? .none)
            }
            self.clock.advance(by: .nanoseconds(Int64.random(in: 0...rule.interval / 2, using: &random)))
            let index = Int.random(in: 0..<nodes.count, using: &random)
            let before = nodes[index].statistics.grantedLocally
            if try await nodes[index].take().isAllowed {
                log.add(1, at: self.clock.now)
                if nodes[index].statistics.grantedLocally > before { alone[index].add(1, at: self.clock.now) }
            }
        }
        for log in alone {
            if let defect = log.defect(local, overshoot: 0) { Issue.record("\(seed): alone \(defect) of \(local)") }
        }
        #expect(log.total > 100)
    }

    @Test func `storeOutagePolicy: what was granted without the store is taken from it afterwards`() async throws {
        let base = MemoryRateLimitEngine(clock: self.clock)
        let engine = FlakyRateLimitEngine(base)
        let rule = try RateLimitRule(10, per: .seconds(10), burst: 10)
        let limiter = try SharedRateLimiter(
            "api", rule, on: engine, SharedRateLimiterOptions(outage: .failOpen(rule)), clock: self.clock)
        engine.suffer(.requestLost)
        for _ in 0..<10 { #expect(try await limiter.take().isAllowed) }
        #expect(try await !limiter.take().isAllowed)
        engine.suffer(.none)
        self.clock.advance(by: .seconds(1))
        // The store knows of nothing and is full, and yet only what came back in a second is granted.
        #expect(try await limiter.take().isAllowed)
        #expect(try await !limiter.take().isAllowed)
        #expect(try await base.take(RateLimitRequest("api", permits: 0, rule: rule)).remaining == 0)
    }

    @Test func `storeOutagePolicy: a debt that the store has no room for is waited for`() async throws {
        let base = MemoryRateLimitEngine(clock: self.clock)
        let engine = FlakyRateLimitEngine(base)
        let rule = try RateLimitRule(10, per: .seconds(10), burst: 10)
        let limiter = try SharedRateLimiter(
            "api", rule, on: engine, SharedRateLimiterOptions(outage: .failOpen(rule)), clock: self.clock)
        engine.suffer(.requestLost)
        for _ in 0..<4 { #expect(try await limiter.take().isAllowed) }
        self.clock.advance(by: .seconds(1))
        #expect(try await base.take(RateLimitRequest("api", permits: 10, rule: rule)).isAllowed)
        engine.suffer(.none)
        let refusal = try await limiter.take()
        #expect(!refusal.isAllowed && refusal.retryAfter > .zero)
        let calls = engine.calls
        #expect(try await !limiter.take().isAllowed)
        #expect(engine.calls == calls)
        for _ in 0..<20 where try await !limiter.take().isAllowed { self.clock.advance(by: .seconds(1)) }
        #expect(limiter.statistics.granted > 0)
    }

    @Test func `permits that can never be taken and settings that cannot work are refused and quoted`() async throws {
        let engine = MemoryRateLimitEngine(clock: self.clock)
        let rule = try RateLimitRule(5, per: .seconds(1))
        let limiter = try SharedRateLimiter("api", rule, on: engine, clock: self.clock)
        for permits in [-1, 6, Int.max, Int.min] {
            let error = await #expect(throws: ResilienceError.self) { try await limiter.take(permits) }
            #expect(error?.code == .invalidRequest && error?.message.contains("\(permits)") == true)
        }
        let settings: [(SharedRateLimiterOptions, String)] = [
            (SharedRateLimiterOptions(probeInterval: .zero), "0.0 seconds"),
            (SharedRateLimiterOptions(maximumWait: .seconds(-1)), "-1.0 seconds"),
            (SharedRateLimiterOptions(maximumWaiting: -2), "-2"),
        ]
        for (options, quoted) in settings {
            let error = #expect(throws: ResilienceError.self) {
                try SharedRateLimiter("api", rule, on: engine, options, clock: self.clock)
            }
            #expect(error?.code == .invalidConfiguration && error?.message.contains(quoted) == true)
        }
    }

    @Test func `it waits as long as the store says, and no longer than it may`() async throws {
        let limiter = try SharedRateLimiter(
            "api", RateLimitRule(1, per: .seconds(1)), on: MemoryRateLimitEngine(clock: self.clock), clock: self.clock)
        #expect(try await limiter.takeOrWait() == .zero)
        let late = await #expect(throws: ResilienceError.self) {
            try await limiter.takeOrWait(upTo: .milliseconds(999))
        }
        #expect(late?.code == .rateLimited && late?.retryAfter == .seconds(1))
        let deadline = await #expect(throws: ResilienceError.self) {
            try await Deadline.within(.milliseconds(999), on: self.clock) { try await limiter.takeOrWait() }
        }
        #expect(deadline?.code == .rateLimited)
        let waiter = Task { try await limiter.takeOrWait() }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(1))
        #expect(try await waiter.value == .seconds(1))
        let cancelled = Task { try await limiter.takeOrWait() }
        try await self.clock.waitForSleepers(1)
        cancelled.cancel()
        let error = await #expect(throws: ResilienceError.self) { try await cancelled.value }
        #expect(error?.code == .cancelled)
        self.clock.advance(by: .seconds(1))
        #expect(try await limiter.execute { 7 } == 7)
        let refused = await #expect(throws: ResilienceError.self) { try await limiter.execute { 8 } }
        #expect(refused?.code == .rateLimited)
    }
}
