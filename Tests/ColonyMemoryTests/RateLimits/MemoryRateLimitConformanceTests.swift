import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

@Suite("The memory engine keeps the promises of the port of shared limits", .timeLimit(.minutes(2)))
struct MemoryRateLimitConformanceTests {
    private static let cases = RateLimitConformance.cases.filter { $0.property != .clocks }

    @Test(arguments: Self.cases)
    func `on a manual clock, to the nanosecond`(check: RateLimitCase) async {
        let outcome = await check.run(on: ManualRateLimitHarness())
        #expect(outcome == .passed)
    }

    @Test(arguments: Self.cases)
    func `on the clock of the host`(check: RateLimitCase) async {
        let engine = MemoryRateLimitEngine()
        let harness = LiveRateLimitHarness(resolution: .nanoseconds(1), effort: 1) { engine }
        let outcome = await check.run(on: harness)
        #expect(outcome == .passed)
    }

    @Test(arguments: Seed(0x715).followed(by: 200))
    func `it answers as a naive bucket does over random schedules`(seed: Seed) async throws {
        let clock = ManualClock()
        try await RateLimitModelRun.run(
            steps: 1_000, on: MemoryRateLimitEngine(clock: clock), prefix: "model/", advance: { clock.advance(by: $0) },
            using: SeededGenerator(seed: seed))
    }

    @Test func `its clients have no clocks, and that is said`() async {
        for check in RateLimitConformance.cases where check.property == .clocks {
            guard case .skipped(let reason) = await check.run(on: ManualRateLimitHarness()) else {
                Issue.record("\(check) proved something about clocks that are not there")
                continue
            }
            #expect(reason.contains("clocks"))
        }
    }

    @Test func `names of cases are unique, and every subject has one`() {
        #expect(Set(RateLimitConformance.cases.map(\.name)).count == RateLimitConformance.cases.count)
        #expect(Set(RateLimitConformance.cases.map(\.property)) == Set(RateLimitCase.Property.allCases))
    }
}
