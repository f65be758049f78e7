import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// Each thing that can be wrong is found by the check that is there for it.
@Suite struct ElectionFlawTests {
    /// Runs seeds until one fails.
    private func firstViolation(
        _ kind: ElectionTroubles.Kind, _ flaw: VotingFlaw, seeds: Int = 400
    ) throws -> SafetyViolation? {
        for seed in Seed(rawValue: 1).followed(by: seeds) {
            do {
                try ElectionTroubles.run(kind, seed: seed, flaw: flaw)
            } catch let violation as SafetyViolation {
                return violation
            }
        }
        return nil
    }

    @Test("A vote that leaves before the disk has it is given twice after a crash (3.8)")
    func unsyncedVotes() throws {
        let violation = try #require(try self.firstViolation(.election, .answersBeforeTheDisk))
        #expect([.votedTwice, .twoLeaders].contains(violation.kind), "\(violation)")
    }

    @Test(
        "Two leases overlap if they are counted from the answer, voters forget promises or ignore them, a leader goes on after it handed over, or clocks are out of bounds (6.4.1, 4.2.3, 3.10)",
        arguments: [
            VotingFlaw.leaseFromAnswer, .forgetsPromises, .ignoresPromises, .leadsAfterHandOver, .clocksOutOfBounds,
        ])
    func leases(flaw: VotingFlaw) throws {
        let violation = try #require(try self.firstViolation(.election, flaw, seeds: 2_000), "\(flaw) is not found")
        #expect(violation.kind == .leasesOverlap, "\(violation)")
    }

    @Test(
        "Two sets of voters have disjoint majorities if a change begins before the last is settled, or voters elect who knows an old set (4.1)",
        arguments: [VotingFlaw.claimsTheSet, .votesForOldSets])
    func sets(flaw: VotingFlaw) throws {
        let violation = try #require(try self.firstViolation(.membership, flaw, seeds: 2_000), "\(flaw) is not found")
        #expect([.disjointMajorities, .leasesOverlap, .twoLeaders].contains(violation.kind), "\(violation)")
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
