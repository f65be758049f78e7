import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

@Suite("The memory engine of shared limits keeps no more than it may")
struct MemoryRateLimitEngineTests {
    private let clock = ManualClock()

    @Test func `full limits are forgotten as new ones come`() async throws {
        let engine = MemoryRateLimitEngine(capacity: 100, clock: self.clock)
        let rule = try RateLimitRule(1, per: .seconds(1), burst: 3)
        for number in 0..<10_000 {
            let name = try RateLimitName("limit-\(number)")
            #expect(try await engine.take(RateLimitRequest(name, permits: 1 + number % 3, rule: rule)).isAllowed)
            self.clock.advance(by: .milliseconds(100))
            #expect(engine.keptCount <= 32)
        }
    }

    @Test func `a limit that owes is not forgotten for another, and nothing of the batch is taken`() async throws {
        let engine = MemoryRateLimitEngine(capacity: 2, clock: self.clock)
        let rule = try RateLimitRule(1, per: .seconds(1), burst: 2)
        #expect(try await engine.take(RateLimitRequest("a", rule: rule)).isAllowed)
        let error = await #expect(throws: ResilienceError.self) {
            try await engine.take([
                RateLimitRequest("a", rule: rule), RateLimitRequest("b", rule: rule), RateLimitRequest("c", rule: rule),
            ])
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("2 limits") == true)
        #expect(try await engine.take(RateLimitRequest("a", permits: 0, rule: rule)).remaining == 1)
        #expect(try await engine.take(RateLimitRequest("b", rule: rule)).isAllowed)
        #expect(engine.keptCount == 2)
        // A look needs no room.
        #expect(try await engine.take(RateLimitRequest("c", permits: 0, rule: rule)).remaining == 2)
        self.clock.advance(by: .seconds(1))
        #expect(try await engine.take(RateLimitRequest("c", rule: rule)).isAllowed)
        #expect(engine.keptCount <= 2)
    }

    @Test func `a limit that is reset again and again keeps one place`() async throws {
        let engine = MemoryRateLimitEngine(capacity: 1, clock: self.clock)
        let rule = try RateLimitRule(1, per: .seconds(3_600), burst: 2)
        for _ in 0..<1_000 {
            #expect(try await engine.take(RateLimitRequest("a", permits: 2, rule: rule)).isAllowed)
            #expect(try await engine.reset("a"))
            #expect(engine.keptCount == 0)
        }
    }
}
