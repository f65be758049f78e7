import ColonySimulation
import Testing

@Suite struct LockSimulationTests {
    /// Safety: no write is taken after one with a greater token, no two tasks write under one token, and nobody believes
    /// that it holds a lock that the store has given to another. Progress: after the faults the lock can be had.
    @Test func aThousandSeedsKeepExclusionUnderFaultsPausesAndSkewedClocks() throws {
        var accepted = 0
        var refused = 0
        for seed in Seed(rawValue: 0xC010).followed(by: 1_000) {
            let outcome = try LockSimulation(seed: seed).run()
            #expect(outcome.violations.isEmpty, "seed \(seed): \(outcome.violations)")
            accepted += outcome.accepted
            refused += outcome.refused
        }
        // The exercise is one only if holders did write and if stale ones did try.
        #expect(accepted > 10_000)
        #expect(refused > 100)
    }

    @Test(arguments: DeliberateBug.allCases)
    func aDeliberateBugIsFound(bug: DeliberateBug) throws {
        for seed in Seed(rawValue: 0xC010).followed(by: 1_000) {
            if !(try LockSimulation(seed: seed, bug: bug).run().violations.isEmpty) { return }
        }
        Issue.record("1,000 seeds did not find \(bug)")
    }

    @Test func aSeedReplaysToTheLastStep() throws {
        for seed in Seed(rawValue: 77).followed(by: 20) {
            let first = try LockSimulation(seed: seed).run()
            let second = try LockSimulation(seed: seed).run()
            #expect(first.traceHash == second.traceHash, "seed \(seed)")
            #expect(first.accepted == second.accepted)
        }
    }
}
