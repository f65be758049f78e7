import ColonyConformance
import ColonyCore
import ColonyQueues
import ColonySimulation
import Testing

/// The suite is only worth something if it fails engines that break their promises.
@Suite("The conformance suite of queues finds flaws", .timeLimit(.minutes(3)))
struct QueueFlawTests {
    private struct Harness: QueueHarness {
        private let manualClock = ManualClock()
        private let wallClock = ManualWallClock()
        private let engine: FlawedQueueEngine
        let effort: Double

        init(_ flaw: FlawedQueueEngine.Flaw?, effort: Double, patience: Duration = .seconds(20)) {
            self.patience = patience
            self.engine = FlawedQueueEngine(flaw, clock: self.manualClock, wallClock: self.wallClock)
            self.effort = effort
        }

        var clock: any MonotonicClock { self.manualClock }
        var timeScale: Double { 1 }
        var resolution: Duration { .zero }
        /// What has to happen at once and does not is waited for; not for long.
        let patience: Duration

        func makeEngine() async throws -> any QueueEngine { self.engine }

        func advance(by duration: Duration) async throws {
            self.wallClock.step(by: duration)
            self.manualClock.advance(by: duration)
        }
    }

    @Test(arguments: QueueConformance.cases)
    func `an engine without a flaw passes`(check: QueueCase) async {
        let outcome = await check.run(on: Harness(nil, effort: 0.5))
        #expect(outcome == .passed)
    }

    @Test(arguments: FlawedQueueEngine.Flaw.allCases)
    func `an engine with a flaw fails`(flaw: FlawedQueueEngine.Flaw) async {
        for check in QueueConformance.cases {
            let outcome = await check.run(on: Harness(flaw, effort: 0.1, patience: .seconds(3)), limit: .seconds(20))
            if case .failed = outcome { return }
        }
        Issue.record("no case has found that the engine \(flaw)")
    }
}
