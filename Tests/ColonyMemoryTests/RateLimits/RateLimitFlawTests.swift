import ColonyConformance
import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

/// The suite is only worth something if it fails engines that break their promises.
@Suite("The conformance suite of shared limits finds flaws", .timeLimit(.minutes(2)))
struct RateLimitFlawTests {
    private struct Harness: RateLimitHarness {
        let manualClock: ManualClock
        let engine: FlawedRateLimitEngine
        var effort: Double { 0.3 }
        var clock: any MonotonicClock { self.manualClock }
        var timeScale: Double { 1 }
        var resolution: Duration { .zero }

        init(_ flaw: FlawedRateLimitEngine.Flaw?) {
            self.manualClock = ManualClock(now: MonotonicInstant(nanoseconds: 10_000_000_000_000))
            self.engine = FlawedRateLimitEngine(flaw, clock: self.manualClock)
        }

        func makeEngine() async throws -> any RateLimitEngine { self.engine }
        func makeSkewedEngine(by offset: Duration) async throws -> (any RateLimitEngine)? {
            self.engine.skewed(by: offset)
        }
        func reopen() async throws -> any RateLimitEngine { self.engine.reopened() }
        func advance(by duration: Duration) async throws { self.manualClock.advance(by: duration) }
    }

    @Test(arguments: RateLimitConformance.cases)
    func `an engine without a flaw passes`(check: RateLimitCase) async {
        let outcome = await check.run(on: Harness(nil))
        #expect(outcome == .passed)
    }

    @Test(arguments: FlawedRateLimitEngine.Flaw.allCases)
    func `an engine with a flaw fails`(flaw: FlawedRateLimitEngine.Flaw) async {
        for check in RateLimitConformance.cases {
            if case .failed = await check.run(on: Harness(flaw), limit: .seconds(20)) { return }
        }
        Issue.record("no case has found that the engine \(flaw)")
    }

    /// A store on real time is judged within bounds, which must not be so wide that everything lies within them.
    @Test(arguments: FlawedRateLimitEngine.Flaw.allCases.filter { $0 != .roundsWaits && $0 != .forgetsOnReopen })
    func `an engine with a flaw fails on real time, too`(flaw: FlawedRateLimitEngine.Flaw) async {
        let engine = FlawedRateLimitEngine(flaw, clock: HostClock())
        let harness = LiveRateLimitHarness(
            timeScale: 0.01, effort: 0.3, connectSkewed: { engine.skewed(by: $0) }, connect: { engine })
        for check in RateLimitConformance.cases {
            if case .failed = await check.run(on: harness, limit: .seconds(20)) { return }
        }
        Issue.record("no case has found that the engine \(flaw)")
    }
}
