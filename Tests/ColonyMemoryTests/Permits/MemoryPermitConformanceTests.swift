import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("The memory engine keeps the promises of the port of permits", .timeLimit(.minutes(5)))
struct MemoryPermitConformanceTests {
    @Test(arguments: PermitConformance.cases)
    func `on a manual clock`(check: PermitCase) async {
        let entry = await check.run(on: ManualLeaseHarness())
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: PermitConformance.cases)
    func `on the clock of the host`(check: PermitCase) async {
        let engine = MemoryLeaseEngine()
        let entry = await check.run(on: LiveLeaseHarness { engine })
        #expect(entry.outcome == .passed)
        // A case leaves nothing behind in a store that is in use.
        #expect(engine.retainedPermitNames == 0)
    }

    @Test func `an engine without permits is skipped with its reason, and not passed`() async {
        let report = await PermitConformance.run(on: ManualLeaseHarness { FlawedLeaseEngine(nil, clock: $0) })
        #expect(!report.isPassed)
        #expect(report.failures.isEmpty)
        #expect(report.text.contains("skip 1: the engine has no power of permits"))
    }

    @Test func `names of cases are unique, and every property has one`() {
        #expect(Set(PermitConformance.cases.map(\.name)).count == PermitConformance.cases.count)
        #expect(Set(PermitConformance.cases.map(\.property)) == Set(PermitConformance.Property.allCases))
    }
}
