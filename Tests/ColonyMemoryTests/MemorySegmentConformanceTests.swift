import ColonyConformance
import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonySimulation
import Testing

@Suite("The memory engine keeps the promises of the segment port", .timeLimit(.minutes(2)))
struct MemorySegmentConformanceTests {
    @Test(arguments: SegmentConformance.cases)
    func `in this process`(check: SegmentCase) async {
        let engine = MemorySegmentEngine()
        let outcome = await check.run(on: LiveSegmentHarness(effort: 1) { engine })
        #expect(outcome == .passed)
    }

    @Test(arguments: SegmentConformance.cases)
    func `through a faulty engine without faults`(check: SegmentCase) async {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: HostClock())
        let outcome = await check.run(on: LiveSegmentHarness { engine })
        #expect(outcome == .passed)
    }

    @Test func `names of cases are unique, and every subject has one`() {
        #expect(Set(SegmentConformance.cases.map(\.name)).count == SegmentConformance.cases.count)
        #expect(Set(SegmentConformance.cases.map(\.property)) == Set(SegmentCase.Property.allCases))
    }
}
