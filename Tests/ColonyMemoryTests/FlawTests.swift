import ColonyConformance
import ColonyCore
import Testing

/// The suite is only worth something if it fails engines that break their promises.
@Suite("The conformance suite finds flaws", .timeLimit(.minutes(5)))
struct FlawTests {
    @Test(arguments: LeaseConformance.cases(supportedBy: FlawedLeaseEngine(nil, clock: HostClock()).capabilities))
    func `an engine without a flaw passes`(check: LeaseCase) async {
        let entry = await check.run(on: ManualLeaseHarness { FlawedLeaseEngine(nil, clock: $0) })
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: FlawedLeaseEngine.Flaw.allCases)
    func `an engine with a flaw fails`(flaw: FlawedLeaseEngine.Flaw) async {
        var failures: [ConformanceReport.Entry] = []
        for check in LeaseConformance.cases where failures.isEmpty {
            let harness = ManualLeaseHarness(patience: .seconds(1), effort: 0.1) { FlawedLeaseEngine(flaw, clock: $0) }
            let entry = await check.run(on: harness, limit: .seconds(20))
            if case .failed = entry.outcome { failures.append(entry) }
        }
        #expect(!failures.isEmpty, "no case has found that the engine \(flaw)")
    }
}
