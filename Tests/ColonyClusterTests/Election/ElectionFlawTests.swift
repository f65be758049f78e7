import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// Each thing that can be wrong is found by the check that is there for it.
@Suite struct ElectionFlawTests {
    /// Runs seeds until one fails in the way that is looked for.
    private func isFound(
        _ flaw: VotingFlaw, as kind: SafetyViolation.Kind, in troubles: ElectionTroubles.Kind
    ) throws -> Bool {
        for seed in Seed(rawValue: 1).followed(by: 2_000) {
            do {
                try ElectionTroubles.run(troubles, seed: seed, flaw: flaw)
            } catch let violation as SafetyViolation {
                if violation.kind == kind { return true }
            }
        }
        return false
    }

    @Test("A vote that leaves before the disk has it is given twice after a crash, and one that waits is not (3.8)")
    func unsyncedVotes() throws {
        #expect(try self.votesTwice(flaw: .answersBeforeTheDisk))
        #expect(try !self.votesTwice(flaw: nil))
    }

    /// Slow disks, late packets, and voters that are started again all the time: candidates of one term ask the same voter before and after.
    private func votesTwice(flaw: VotingFlaw?) throws -> Bool {
        for seed in Seed(rawValue: 1).followed(by: 200) {
            var electorate = try Electorate(5, seed: seed, settings: try ElectionTroubles.settings(), flaw: flaw)
            var generator = SeededGenerator(seed: seed.derived(for: "restarts"))
            electorate.network.link = .init(delay: .milliseconds(1) ... .milliseconds(250), duplication: 0.3)
            for number in 0..<5 { electorate.nodes[number].diskTime = .milliseconds(20) ... .milliseconds(60) }
            do {
                for _ in 0..<60 {
                    try electorate.run(for: .milliseconds(Int.random(in: 5...60, using: &generator)))
                    let number = Int.random(in: 0..<5, using: &generator)
                    electorate.kill(number)
                    try electorate.start(number)
                }
            } catch let violation as SafetyViolation {
                if violation.kind == .votedTwice { return true }
                throw violation
            }
        }
        return false
    }

    @Test(
        "Two leases overlap if they are counted from the answer, voters forget promises or ignore them, a leader goes on after it handed over, or clocks are out of bounds (6.4.1, 4.2.3, 3.10)",
        arguments: [
            VotingFlaw.leaseFromAnswer, .forgetsPromises, .ignoresPromises, .leadsAfterHandOver, .clocksOutOfBounds,
        ])
    func leases(flaw: VotingFlaw) throws {
        #expect(try self.isFound(flaw, as: .leasesOverlap, in: .election))
    }

    @Test(
        "Two sets of voters have disjoint majorities if a change begins before the last is settled, or somebody is elected who knows an old set (4.1)",
        arguments: [VotingFlaw.claimsTheSet, .votesForOldSets])
    func sets(flaw: VotingFlaw) throws {
        #expect(try self.isFound(flaw, as: .disjointMajorities, in: .membership))
    }

    @Test(
        "A record that took the place of the old one before it was synced is found to be torn, and not read as another one"
    )
    func tornRecords() throws {
        var unreadable = 0
        for seed in Seed(rawValue: 1).followed(by: 200) {
            var electorate = try Electorate(
                3, seed: seed, settings: try ElectionTroubles.settings(), flaw: .renamesBeforeSync)
            for _ in 0..<10 {
                try electorate.run(for: .milliseconds(40))
                electorate.kill(1)
                try electorate.start(1)
            }
            unreadable += electorate.ledger.unreadable
        }
        #expect(unreadable > 0)
    }
}
