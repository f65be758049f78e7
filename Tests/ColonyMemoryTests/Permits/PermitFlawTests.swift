import ColonyConformance
import ColonyCore
import Testing

/// The suite is only worth something if it fails engines that break their promises.
@Suite("The suite of permits finds flaws", .timeLimit(.minutes(5)))
struct PermitFlawTests {
    @Test(arguments: PermitConformance.cases)
    func `an engine without a flaw passes`(check: PermitCase) async {
        let entry = await check.run(on: ManualLeaseHarness { FlawedPermitEngine(nil, clock: $0) })
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: FlawedPermitEngine.Flaw.allCases)
    func `an engine with a flaw fails the case that is about it`(flaw: FlawedPermitEngine.Flaw) async throws {
        let check = try #require(PermitConformance.cases.first { $0.name == flaw.rawValue }, "no case of this name")
        let harness = ManualLeaseHarness(patience: .seconds(1), effort: 0.2) { FlawedPermitEngine(flaw, clock: $0) }
        let entry = await check.run(on: harness, limit: .seconds(20))
        guard case .failed = entry.outcome else {
            Issue.record("\"\(check)\" has not found an engine with the flaw \(flaw): \(entry.outcome)")
            return
        }
    }
}
