import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

@Suite("A call that was not started for its deadline")
struct NotStartedTests {
    enum Layer: CaseIterable {
        case check, timeout, bulkhead, rateLimiter, sharedRateLimiter, twoTierRateLimiter
    }

    private let clock = ManualClock()

    /// Throws what the layer throws when the deadline has passed.
    private func refuse(_ layer: Layer) async throws {
        let rule = try RateLimitRule(10, per: .seconds(1))
        switch layer {
        case .check:
            try Deadline.check(on: self.clock)
        case .timeout:
            try await Timeout(.seconds(1), clock: self.clock).execute {}
        case .bulkhead:
            let options = try BulkheadOptions(limit: 1, maximumWaiting: 1, maximumWait: .seconds(1))
            let bulkhead = Bulkhead(options, name: "orders", clock: self.clock)
            try await bulkhead.execute { try await bulkhead.execute {} }
        case .rateLimiter:
            try await RateLimiter(rule, clock: self.clock).takeOrWait()
        case .sharedRateLimiter:
            let engine = MemoryRateLimitEngine(clock: self.clock)
            try await SharedRateLimiter("api", rule, on: engine, clock: self.clock).takeOrWait()
        case .twoTierRateLimiter:
            let engine = MemoryRateLimitEngine(clock: self.clock)
            try await TwoTierRateLimiter(
                "api", rule, on: engine, TwoTierOptions(leaseSize: 5), clock: self.clock
            ).take()
        }
    }

    @Test(arguments: Layer.allCases)
    func `it opens no breaker and lowers no adaptive limit`(layer: Layer) async throws {
        let breaker = CircuitBreaker(try CircuitBreakerOptions(window: .calls(5)), name: "orders", clock: self.clock)
        let passed = Deadline(after: .zero, on: self.clock)
        for _ in 0..<10 {
            let error = await #expect(throws: ResilienceError.self) {
                try await Deadline.$current.withValue(passed) {
                    try await breaker.execute { try await self.refuse(layer) }
                }
            }
            let refusal = try #require(error)
            #expect(refusal.code == .deadlineExceeded && refusal.isNotStarted, "\(refusal)")
            #expect(!AdaptiveConcurrencyOptions.isDrop(refusal))
        }
        #expect(breaker.state == .closed)
        #expect(breaker.snapshot.tally == CircuitTally(calls: 0, failures: 0))
    }

    @Test func `one that was started and took too long still counts`() async throws {
        let breaker = CircuitBreaker(try CircuitBreakerOptions(window: .calls(5)), name: "orders", clock: self.clock)
        let late = ResilienceError(.deadlineExceeded, "the operation was cancelled after 1 s")
        #expect(AdaptiveConcurrencyOptions.isDrop(late))
        for _ in 0..<5 {
            _ = try? await breaker.execute { throw late }
        }
        #expect(breaker.state == .open)
    }
}
