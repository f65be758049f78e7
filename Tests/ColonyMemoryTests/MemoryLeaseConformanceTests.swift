import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("The memory engine keeps the promises of the lease port", .timeLimit(.minutes(5)))
struct MemoryLeaseConformanceTests {
    @Test(arguments: LeaseConformance.cases(supportedBy: MemoryLeaseEngine().capabilities))
    func `on a manual clock`(check: LeaseCase) async {
        let entry = await check.run(on: ManualLeaseHarness())
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: LeaseConformance.cases(supportedBy: MemoryLeaseEngine().capabilities))
    func `on the clock of the host`(check: LeaseCase) async {
        let engine = MemoryLeaseEngine()
        let entry = await check.run(on: LiveLeaseHarness { engine })
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: LeaseConformance.cases(supportedBy: MemoryLeaseEngine().capabilities))
    func `through a faulty engine without faults`(check: LeaseCase) async {
        let harness = ManualLeaseHarness(effort: 0.2) { clock in
            FaultyLeaseEngine(MemoryLeaseEngine(clock: clock), clock: clock)
        }
        let entry = await check.run(on: harness)
        #expect(entry.outcome == .passed)
    }

    @Test func `a whole run gives a report, in which fairness is skipped with its reason`() async throws {
        let report = await LeaseConformance.run(on: ManualLeaseHarness(), title: "memory")
        #expect(report.isPassed, "\(report.text)")
        #expect(report.entries.count == LeaseConformance.cases.count)
        #expect(report.verdict(on: .fairness) == .unverified)
        #expect(report.verdict(on: .exclusivity) == .verified)
        #expect(report.text.contains("skip 1: the engine has no fairness"))
    }
}
