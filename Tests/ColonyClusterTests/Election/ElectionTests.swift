import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// What an election by votes does when one thing at a time happens.
@Suite struct ElectionTests {
    private let settings: VotingSettings
    private var timeout: Duration { self.settings.electionTimeout }

    init() throws {
        self.settings = try ElectionTroubles.settings()
    }

    private func electorate(
        _ count: Int, founders: Int? = nil, seed: Seed, flaw: VotingFlaw? = nil, priorities: [UInt8] = []
    ) throws -> (Electorate, leader: Int) {
        var electorate = try Electorate(
            count, founders: founders, seed: seed, settings: self.settings, flaw: flaw, priorities: priorities)
        electorate.usesBytes = true
        let leader = try #require(try electorate.settle(within: self.timeout * 10), "seed \(seed)")
        return (electorate, leader)
    }

    @Test("Nodes that are started together elect one leader", arguments: [1, 2, 3, 5, 7])
    func oneLeader(count: Int) throws {
        for seed in Seed(rawValue: 1).followed(by: 10) {
            var (electorate, leader) = try self.electorate(count, seed: seed)
            let term = try #require(electorate.nodes[leader].election?.term)
            try electorate.run(for: .seconds(2))
            #expect(electorate.leaders == [leader], "seed \(seed)")
            #expect(electorate.nodes[leader].election?.term == term, "seed \(seed)")
        }
    }

    @Test(
        "A leader that is killed is replaced after less than one and a half election time-outs in half of the cases, with five nodes"
    )
    func failOver() throws {
        var times: [Duration] = []
        for seed in Seed(rawValue: 1).followed(by: 101) {
            var (electorate, leader) = try self.electorate(5, seed: seed)
            let pause = Int64(seed.rawValue * 7_919 % 20_000)
            try electorate.run(for: self.timeout * 3 + .microseconds(pause))
            let before = electorate.now
            electorate.kill(leader)
            try electorate.run(for: self.timeout * 20) { !$0.leaders.isEmpty }
            times.append(before.duration(to: electorate.now))
        }
        times.sort()
        let median = Double(times[50].nanosecondCount) / Double(self.timeout.nanosecondCount)
        let longest = Double(times[100].nanosecondCount) / Double(self.timeout.nanosecondCount)
        #expect(median <= 1.5, "half of them after \(median), the longest after \(longest) election time-outs")
        #expect(longest <= 4, "half of them after \(median), the longest after \(longest) election time-outs")
    }

    @Test("A candidate for which nobody has work any more is not elected by votes that come late")
    func candidateWithoutWork() throws {
        for seed in Seed(rawValue: 21).followed(by: 10) {
            var electorate = try Electorate(3, seed: seed, settings: self.settings)
            func candidates(_ electorate: Electorate) -> [Int] {
                electorate.nodes.indices.filter { number in
                    let node = electorate.nodes[number]
                    return node.election?.position(at: node.clock.reading(at: electorate.now)) == .candidate
                }
            }
            try electorate.run(for: self.timeout * 10) { !candidates($0).isEmpty }
            let candidate = try #require(candidates(electorate).first, "seed \(seed)")
            try electorate.act(on: candidate) { $0.setWilling(false, at: $1) }
            try electorate.run(for: self.timeout * 20)
            let leader = try #require(electorate.leaders.first, "seed \(seed)")
            #expect(leader != candidate, "seed \(seed)")
        }
    }

    @Test("A node that was cut off and comes back does not disturb the leader (9.6)")
    func returningNode() throws {
        for seed in Seed(rawValue: 1).followed(by: 20) {
            #expect(try !self.isDisturbed(seed: seed, flaw: nil), "seed \(seed)")
        }
    }

    @Test("Without asking first it would")
    func returningNodeWithoutInquiry() throws {
        #expect(try self.isDisturbed(seed: 1, flaw: .noInquiry))
    }

    /// Whether the leader is another one, or in another term, after a follower was away.
    private func isDisturbed(seed: Seed, flaw: VotingFlaw?) throws -> Bool {
        var (electorate, leader) = try self.electorate(5, seed: seed, flaw: flaw)
        let term = electorate.nodes[leader].election?.term
        electorate.network.isolate((leader + 1) % 5, from: 0..<5)
        try electorate.run(for: self.timeout * 30)
        electorate.network.heal()
        try electorate.run(for: self.timeout * 10)
        return electorate.leaders != [leader] || electorate.nodes[leader].election?.term != term
    }

    @Test(
        "A leader that is cut off knows that it does not lead before another one does, and follows when it comes back (6.2, 6.4.1)"
    )
    func isolatedLeader() throws {
        var (electorate, leader) = try self.electorate(5, seed: 3)
        electorate.network.isolate(leader, from: 0..<5)
        try electorate.run(for: self.timeout)
        #expect(electorate.leaders.isEmpty)
        try electorate.run(for: self.timeout * 10) { !$0.leaders.isEmpty }
        let other = try #require(electorate.leaders.first)
        #expect(other != leader)
        electorate.network.heal()
        try electorate.run(for: self.timeout * 5)
        #expect(electorate.leaders == [other])
        #expect(electorate.nodes[leader].election?.knownLeader == electorate.nodes[other].id)
    }

    @Test(
        "A leader that hears others and is not heard stops, and one that is heard and hears nobody does too (6.2)",
        arguments: [true, false])
    func oneWayLeader(isHeard: Bool) throws {
        var (electorate, leader) = try self.electorate(3, seed: 4)
        for other in 0..<3 where other != leader {
            electorate.network.cut(from: isHeard ? other : leader, to: isHeard ? leader : other)
        }
        try electorate.run(for: self.timeout * 8)
        #expect(electorate.leaders != [leader])
        let next = try #require(electorate.leaders.first)
        #expect(next != leader)
    }

    @Test("A leader hands over without a gap of an election time-out, and is not the leader when it returns (3.10)")
    func handOver() throws {
        var (electorate, leader) = try self.electorate(5, seed: 5)
        try electorate.run(for: self.timeout * 2)
        let successor = (leader + 2) % 5
        let id = electorate.nodes[successor].id
        try electorate.act(on: leader) { election, now in
            let directives = try election.handOver(to: id, at: now)
            #expect(!election.isLeader(at: now))
            return directives
        }
        try electorate.run(for: self.timeout / 2) { !$0.leaders.isEmpty }
        #expect(electorate.leaders == [successor])
    }

    @Test(
        "A leader that hears of a later term votes for nobody before its lease would have ended, and does then (6.4.1)")
    func supersededLeader() throws {
        var (electorate, leader) = try self.electorate(3, seed: 11)
        let other = electorate.nodes[(leader + 1) % 3]
        let term = try #require(electorate.nodes[leader].election?.term.rawValue)
        func ask(term: UInt64) throws -> NodeID? {
            let stamp = try #require(electorate.nodes[leader].election?.record.configuration.stamp)
            let request = VoteRequest(kind: .vote, term: term, configuration: stamp)
            let packet = VotingPacket(sender: other.id, start: other.start, message: .voteRequest(request))
            try electorate.act(on: leader) { $0.receive(packet, at: $1) }
            return electorate.nodes[leader].election?.record.vote
        }
        electorate.network.isolate(leader, from: 0..<3)
        try electorate.act(on: leader) { election, now in
            let answer = HeartbeatAnswer(
                term: term + 5, round: 1, stamp: election.record.configuration.stamp, promise: .milliseconds(100))
            return election.receive(
                VotingPacket(sender: other.id, start: other.start, message: .heartbeatAnswer(answer)), at: now)
        }
        #expect(electorate.nodes[leader].election?.leadership == nil)
        #expect(try ask(term: term + 6) == nil)
        try electorate.run(for: self.timeout)
        #expect(try ask(term: term + 7) == other.id)
    }

    @Test("A voter of a higher priority leads when it can, and somebody else while it cannot")
    func priorities() throws {
        var (electorate, _) = try self.electorate(5, seed: 6, priorities: [0, 0, 0, 9, 5])
        try electorate.run(for: self.timeout * 20)
        #expect(electorate.leaders == [3])
        electorate.kill(3)
        try electorate.run(for: self.timeout * 20)
        #expect(electorate.leaders == [4])
        try electorate.start(3)
        try electorate.run(for: self.timeout * 20)
        #expect(electorate.leaders == [3])
    }

    @Test("A new node joins as an observer, becomes a voter, and a voter leaves (4.1, 4.2.1)")
    func changes() throws {
        var (electorate, leader) = try self.electorate(4, founders: 3, seed: 8)
        try electorate.run(for: self.timeout * 2)
        let newcomer = electorate.nodes[3].id
        try electorate.act(on: leader) { try $0.change(.add(VotingMember(newcomer, role: .observer)), at: $1) }
        try electorate.run(for: self.timeout)
        #expect(electorate.nodes[3].election?.knownLeader == electorate.nodes[leader].id)
        try electorate.act(on: leader) { try $0.change(.update(VotingMember(newcomer)), at: $1) }
        try electorate.run(for: self.timeout)
        let gone = (leader + 1) % 3
        try electorate.act(on: leader) { election, now in
            let directives = try election.change(.remove(try Electorate.id(gone)), at: now)
            // The second one at once is one too many.
            #expect {
                try election.change(.remove(try Electorate.id(3)), at: now)
            } throws: {
                ($0 as? ClusterError)?.code == .changePending
            }
            return directives
        }
        try electorate.run(for: self.timeout * 20)
        #expect(electorate.leaders == [leader])
        #expect(electorate.nodes[3].election?.voterSet.voterCount == 3)
        #expect(electorate.nodes[gone].election?.nextWake == nil, "who was removed learns of it, and is silent")
    }

    @Test("Changes that would leave nobody to lead are refused, with the reason")
    func refusedChanges() throws {
        var (electorate, leader) = try self.electorate(3, seed: 9)
        try electorate.run(for: self.timeout * 2)
        let id = electorate.nodes[leader].id
        let other = electorate.nodes[(leader + 1) % 3].id
        func code(_ change: VoterChange, on number: Int) throws -> ClusterError.Code? {
            var code: ClusterError.Code?
            try electorate.act(on: number) { election, now in
                do throws(ClusterError) { return try election.change(change, at: now) } catch {
                    code = error.code
                    return []
                }
            }
            return code
        }
        #expect(try code(.remove(id), on: leader) == .invalidConfiguration)
        #expect(try code(.remove("nobody"), on: leader) == .invalidConfiguration)
        #expect(try code(.add(VotingMember(other)), on: leader) == .invalidConfiguration)
        #expect(try code(.remove(id), on: (leader + 1) % 3) == .notLeader)
        electorate.kill((leader + 1) % 3)
        try electorate.run(for: self.timeout * 3)
        // Of two voters both are needed, and one is down.
        #expect(try code(.remove(electorate.nodes[(leader + 2) % 3].id), on: leader) == .noMajority)
    }
}
