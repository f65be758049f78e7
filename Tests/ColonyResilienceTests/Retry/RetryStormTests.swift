import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

/// Fifty clients and ten servers at three quarters of their capacity, of which six fail for ten seconds.
@Suite("Retry storms")
struct RetryStormTests {
    private static let seeds = Seed(rawValue: 2_015).followed(by: 3)

    private func settings(budget: (() throws -> RetryBudget)? = nil, hasBreakers: Bool = false) throws -> Fleet.Settings
    {
        let delays = try RetryDelays(from: .milliseconds(20), upTo: .milliseconds(500), jitter: .full)
        let options = try RetryOptions(attempts: 4, delays: delays, retriesUnknownOutcomes: true, budget: nil)
        var settings = Fleet.Settings(options: options, budget: budget)
        if hasBreakers { settings.breaker = { try Self.breaker(on: $0, $1) } }
        return settings
    }

    /// For about one call a second: a client that calls a server so seldom learns from few calls.
    private static func breaker(on clock: any MonotonicClock, _ seed: Seed) throws -> CircuitBreaker {
        CircuitBreaker(
            try CircuitBreakerOptions(
                window: .calls(10), failureRate: 0.5, minimumCalls: 4,
                wait: CircuitBreakerOptions.Wait(.seconds(2), jitter: 0.5), probes: 1),
            clock: clock, generator: SeededGenerator(seed: seed))
    }

    private func run(_ settings: Fleet.Settings, _ seed: Seed, _ title: String) throws -> Fleet {
        var fleet = try Fleet(settings, seed: seed)
        fleet.run()
        for (name, range) in [("before", 2..<10), ("during", 10..<20), ("after", 25..<40)] {
            let (amplification, success) = fleet.summary(range)
            print(
                "retry storm, seed \(seed), \(title), \(name): \(amplification) attempts a call, \(success) succeeded")
        }
        return fleet
    }

    @Test(arguments: seeds)
    func `without a budget the storm outlives its cause`(seed: Seed) throws {
        let fleet = try self.run(self.settings(), seed, "without budget")
        #expect(fleet.summary(2..<10).success > 0.99)
        #expect(fleet.summary(25..<40).amplification > 2.5)
        #expect(fleet.summary(25..<40).success < 0.5)
    }

    @Test(arguments: seeds)
    func `with a budget of a tenth there is no storm, and all is well when the servers are back`(seed: Seed) throws {
        let settings = try self.settings { try RetryBudget(ratio: 0.1, minimumPerSecond: 0.5) }
        let fleet = try self.run(settings, seed, "with budget")
        // A tenth of the calls, and half a retry a second for each client that makes twelve calls.
        let bound = 1 + 0.1 + 0.5 / 12 + 0.02
        for range in [2..<10, 10..<20, 25..<40] { #expect(fleet.summary(range).amplification < bound) }
        #expect(fleet.summary(25..<40).success > 0.99)
    }

    @Test(arguments: seeds)
    func `breakers alone dampen the storm, and with a budget it does not happen`(seed: Seed) throws {
        let alone = try self.run(self.settings(hasBreakers: true), seed, "with breakers")
        #expect(alone.summary(10..<20).amplification < 1.5)
        #expect(alone.summary(25..<40).amplification < 2)
        let settings = try self.settings(
            budget: { try RetryBudget(ratio: 0.1, minimumPerSecond: 0.5) }, hasBreakers: true)
        let both = try self.run(settings, seed, "with budget and breakers")
        for range in [2..<10, 10..<20, 25..<40] { #expect(both.summary(range).amplification < 1.1) }
        // Some breakers are still closing, one probe after the other.
        #expect(both.summary(25..<40).success > 0.9)
        // Whoever steers all calls to the four servers that are left gives them more than they can do.
        #expect(both.summary(10..<20).success < 0.3)
    }
}
