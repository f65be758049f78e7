import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// The defect of the first version of Raft's change of one server at a time, and why it is none here.
@Suite struct ReconfigurationTests {
    @Test(
        "Two leaders in turn that step away from one set in two directions do not both elect (Ongaro, raft-dev 2015; 4.1)"
    )
    func divergingChanges() throws {
        let settings = try ElectionTroubles.settings()
        let timeout = settings.electionTimeout
        for seed in Seed(rawValue: 1).followed(by: 20) {
            var electorate = try Electorate(5, founders: 4, seed: seed, settings: settings)
            let first = try #require(try electorate.settle(within: timeout * 20), "seed \(seed)")
            try electorate.run(for: timeout * 2)
            let rest = (0..<4).filter { $0 != first }
            // The first leader adds a fifth voter, and nobody but that one hears of it.
            electorate.network.partition([first, 4], from: rest)
            let fifth = VotingMember(electorate.nodes[4].id)
            try electorate.act(on: first) { try $0.change(.add(fifth), at: $1) }
            // The others elect a second leader. When it leads, a majority of the old set has written it down under the second leader's term:
            // that is what the first version of the rule did not ask for.
            try electorate.run(for: timeout * 20) { electorate in electorate.leaders.contains { rest.contains($0) } }
            let second = try #require(electorate.leaders.first { rest.contains($0) }, "seed \(seed)")
            let removed = try #require(rest.last { $0 != second })
            let id = electorate.nodes[removed].id
            try electorate.act(on: second) { try $0.change(.remove(id), at: $1) }
            try electorate.run(for: timeout)
            // Now the one that was removed meets the first leader and the fifth voter: three of five, by what those two know.
            electorate.network.heal()
            electorate.network.partition([first, 4, removed], from: rest.filter { $0 != removed })
            for _ in 0..<40 {
                try electorate.run(for: timeout / 2)
                #expect(electorate.leaders.allSatisfy { $0 == second }, "seed \(seed)")
            }
            #expect(electorate.leaders == [second], "seed \(seed)")
        }
    }

    @Test("A node of an earlier term than that of the others is elected all the same if it is needed (9.6)")
    func nodeOfAnEarlierTerm() throws {
        // Of three nodes one is away for some terms, and then another one fails: the two that are left have different terms.
        let settings = try ElectionTroubles.settings()
        for seed in Seed(rawValue: 1).followed(by: 20) {
            var electorate = try Electorate(3, seed: seed, settings: settings)
            var leader = try #require(try electorate.settle(within: .seconds(2)), "seed \(seed)")
            let away = (leader + 1) % 3
            electorate.network.isolate(away, from: 0..<3)
            for _ in 0..<3 {
                let other = electorate.nodes[3 - leader - away].id
                try electorate.act(on: leader) { try $0.handOver(to: other, at: $1) }
                try electorate.run(for: .seconds(1))
                leader = try #require(electorate.leaders.first, "seed \(seed)")
            }
            electorate.kill(leader)
            electorate.network.heal()
            #expect(try electorate.settle(within: .seconds(2)) != nil, "seed \(seed)")
        }
    }
}
