import ColonyCaches
import ColonyConformance
import ColonyCore
import ColonyMemory
import Testing

@Suite("The memory tier keeps the promises of the port of shared caches", .timeLimit(.minutes(2)))
struct MemoryCacheTierConformanceTests {
    @Test(arguments: CacheTierConformance.cases + CacheTierConformance.rankingCases)
    func `on a manual clock`(check: CacheTierCase) async {
        let harness = ManualCacheTierHarness { clock in
            let tier = MemoryCacheTier(clock: clock)
            return { tier.client() }
        }
        let outcome = await check.run(on: harness)
        #expect(outcome == .passed)
    }

    @Test(arguments: CacheTierConformance.cases + CacheTierConformance.rankingCases)
    func `on the clock of the host`(check: CacheTierCase) async {
        let tier = MemoryCacheTier()
        let outcome = await check.run(on: LiveCacheTierHarness(timeScale: 0.01) { tier.client() })
        #expect(outcome == .passed)
    }

    @Test func `names of cases are unique, and every subject has one`() {
        #expect(
            Set((CacheTierConformance.cases + CacheTierConformance.rankingCases).map(\.name)).count
                == CacheTierConformance.cases.count + CacheTierConformance.rankingCases.count)
        #expect(Set(CacheTierConformance.cases.map(\.property)) == Set(CacheTierCase.Property.allCases))
    }
}
