import ColonyConformance
import ColonyIdentifiers
import Testing

/// The suite is only worth something if it fails engines that break their promises.
@Suite("The conformance suite of segments finds flaws", .timeLimit(.minutes(2)))
struct SegmentFlawTests {
    private struct Harness: SegmentHarness {
        let engine: FlawedSegmentEngine
        var effort: Double { 0.5 }
        func makeEngine() async throws -> any SegmentEngine { self.engine }
        func reopen() async throws -> any SegmentEngine { self.engine.reopened() }
    }

    @Test(arguments: SegmentConformance.cases)
    func `an engine without a flaw passes`(check: SegmentCase) async {
        let outcome = await check.run(on: Harness(engine: FlawedSegmentEngine(nil)))
        #expect(outcome == .passed)
    }

    @Test(arguments: FlawedSegmentEngine.Flaw.allCases)
    func `an engine with a flaw fails`(flaw: FlawedSegmentEngine.Flaw) async {
        let engine = FlawedSegmentEngine(flaw)
        for check in SegmentConformance.cases {
            if case .failed = await check.run(on: Harness(engine: engine), limit: .seconds(20)) { return }
        }
        Issue.record("no case has found that the engine \(flaw)")
    }
}
