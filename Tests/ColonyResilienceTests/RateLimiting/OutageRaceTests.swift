import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

/// What a shared limit does when calls overlap: during an outage, at its end, and while they wait.
@Suite("A shared limit whose calls overlap", .timeLimit(.minutes(2)))
struct OutageRaceTests {
    private let clock = ManualClock()
    /// One permit a second, and ten at once.
    private let rule: RateLimitRule
    private let base: MemoryRateLimitEngine
    private let held: HeldRateLimitEngine
    private let engine: FlakyRateLimitEngine

    init() throws {
        self.rule = try RateLimitRule(10, per: .seconds(10), burst: 10)
        self.base = MemoryRateLimitEngine(clock: self.clock)
        self.held = HeldRateLimitEngine(self.base)
        self.engine = FlakyRateLimitEngine(self.held)
    }

    private func limiter(_ outage: RateLimitOutagePolicy) throws -> SharedRateLimiter {
        try SharedRateLimiter(
            "api", self.rule, on: self.engine, SharedRateLimiterOptions(outage: outage), clock: self.clock)
    }

    private func left() async throws -> Int {
        try await self.base.take(RateLimitRequest("api", permits: 0, rule: self.rule)).remaining
    }

    @Test func `what is granted while the debt is being taken is taken as well`() async throws {
        let limiter = try self.limiter(.failOpen(self.rule))
        self.engine.suffer(.requestLost)
        for _ in 0..<4 { #expect(try await limiter.take().isAllowed) }
        self.engine.suffer(.none)
        self.clock.advance(by: .seconds(1))
        self.held.hold(true)
        let probe = Task { try await limiter.take() }
        try await Polling.until { self.held.count == 1 }
        self.held.hold(false)
        for _ in 0..<2 { #expect(try await limiter.take().isAllowed) }
        #expect(limiter.statistics.grantedLocally == 6)
        self.held.release(0)
        #expect(try await probe.value.isAllowed)
        // Three that were still owed, two meanwhile, and the one that was asked for.
        #expect(try await self.left() == 4)
        #expect(!limiter.statistics.isOut)
        #expect(try await limiter.take().isAllowed)
        #expect(try await self.left() == 3)
    }

    @Test func `an answer that comes late forgives no debt and does not end a probe`() async throws {
        let limiter = try self.limiter(.failOpen(self.rule))
        self.held.hold(true)
        let late = Task { try await limiter.take() }
        try await Polling.until { self.held.count == 1 }
        self.engine.suffer(.requestLost)
        for _ in 0..<4 { #expect(try await limiter.take().isAllowed) }
        self.engine.suffer(.none)
        self.clock.advance(by: .seconds(1))
        let probe = Task { try await limiter.take() }
        try await Polling.until { self.held.count == 2 }
        self.held.release(0)
        #expect(try await late.value.isAllowed)
        // The probe is under way still, so nobody else asks.
        #expect(try await limiter.take().isAllowed)
        #expect(self.held.count == 2)
        #expect(limiter.statistics.grantedLocally == 5)
        self.held.hold(false)
        self.held.release(1)
        #expect(try await probe.value.isAllowed)
        // The late one, three that were still owed, one during the probe, and the probe's own.
        #expect(try await self.left() == 4)
    }

    @Test func `without a probe under way a late answer is a reason to look again, and the debt is taken`() async throws
    {
        let limiter = try self.limiter(.failOpen(self.rule))
        self.held.hold(true)
        let late = Task { try await limiter.take() }
        try await Polling.until { self.held.count == 1 }
        self.engine.suffer(.requestLost)
        for _ in 0..<2 { #expect(try await limiter.take().isAllowed) }
        self.engine.suffer(.none)
        self.held.hold(false)
        self.held.release(0)
        #expect(try await late.value.isAllowed)
        #expect(try await limiter.take().isAllowed)
        #expect(limiter.statistics.granted == 2 && limiter.statistics.grantedLocally == 2)
        // The late one, the two without the store, and the last.
        #expect(try await self.left() == 6)
    }

    @Test func `while a probe is under way the others are not told to come back at once`() async throws {
        let limiter = try self.limiter(.failClosed)
        self.engine.suffer(.requestLost)
        await #expect(throws: ResilienceError.self) { try await limiter.take() }
        self.engine.suffer(.none)
        self.clock.advance(by: .seconds(1))
        self.held.hold(true)
        let probe = Task { try await limiter.take() }
        try await Polling.until { self.held.count == 1 }
        let error = await #expect(throws: ResilienceError.self) { try await limiter.take() }
        #expect(error?.code == .unavailable && error?.retryAfter == .milliseconds(10))
        self.held.release(0)
        #expect(try await probe.value.isAllowed)
    }

    @Test func `a wait that a refusal told goes on in the line, and does not begin at its head`() async throws {
        let limiter = try self.limiter(.failClosed)
        #expect(try await limiter.take(10).isAllowed)
        self.held.hold(true)
        // Both ask while nobody waits, and the second hears last.
        let second = Task { try await limiter.takeOrWait(upTo: .milliseconds(1_900)) }
        try await Polling.until { self.held.count == 1 }
        self.held.hold(false)
        let first = Task { try await limiter.takeOrWait() }
        try await self.clock.waitForSleepers(1)
        self.held.release(0)
        // It sleeps until the end of its wait, behind the first.
        try await self.clock.waitForSleepers(2)
        self.clock.advance(by: .seconds(1))
        #expect(try await first.value == .seconds(1))
        // It asks now, and not in another second, which would be after its end.
        let error = await #expect(throws: ResilienceError.self) { try await second.value }
        #expect(error?.code == .rateLimited && error?.retryAfter == .seconds(1))
    }
}
