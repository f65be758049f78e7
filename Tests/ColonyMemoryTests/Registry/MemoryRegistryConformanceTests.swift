import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("The memory engine keeps the promises of the port of registries", .timeLimit(.minutes(5)))
struct MemoryRegistryConformanceTests {
    @Test(arguments: RegistryConformance.cases)
    func `on a manual clock`(check: RegistryCase) async {
        let entry = await check.run(on: ManualLeaseHarness())
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: RegistryConformance.cases)
    func `on the clock of the host`(check: RegistryCase) async {
        let engine = MemoryLeaseEngine()
        let entry = await check.run(on: LiveLeaseHarness { engine })
        #expect(entry.outcome == .passed)
        // A case leaves nothing behind in a store that is in use.
        #expect(engine.retainedGroups == 0)
    }

    @Test func `names of cases are unique, and every property has one`() {
        #expect(Set(RegistryConformance.cases.map(\.name)).count == RegistryConformance.cases.count)
        #expect(Set(RegistryConformance.cases.map(\.property)) == Set(RegistryConformance.Property.allCases))
    }
}
