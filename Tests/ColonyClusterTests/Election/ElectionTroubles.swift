import ColonyCluster
import ColonyCore
import ColonySimulation

/// A run in which everything goes wrong by chance, and in the end is mended.
struct ElectionTroubles {
    /// What else is done beside breaking things.
    enum Kind {
        /// Five voters, all the time.
        case election
        /// Seven nodes, of which three found the cluster; who votes is changed all the time.
        case membership
    }

    static let troubleTime: Duration = .seconds(3)

    static func settings() throws -> VotingSettings {
        try VotingSettings(electionTimeout: .milliseconds(100), heartbeat: .milliseconds(20), clockDrift: 0.02)
    }

    /// Runs one seed: trouble, with all that must not happen looked for at every step, then healing, after which one node must lead.
    ///
    /// - Returns: How many events there were.
    @discardableResult
    static func run(_ kind: Kind, seed: Seed, flaw: VotingFlaw? = nil) throws -> UInt64 {
        let settings = try self.settings()
        var electorate = try Electorate(
            kind == .election ? 5 : 7, founders: kind == .election ? 5 : 3, seed: seed, settings: settings, flaw: flaw,
            priorities: seed.rawValue.isMultiple(of: 4) ? [0, 0, 1] : [])
        var troubles = ElectionTroubles(kind: kind, seed: seed)
        let end = electorate.now.advanced(by: self.troubleTime)
        while electorate.now < end {
            try electorate.run(for: troubles.pause(settings))
            try troubles.happen(to: &electorate)
        }
        try self.heal(&electorate)
        // What was broken is mended: within some time-outs one leads, and all follow.
        guard try electorate.settle(within: settings.electionTimeout * 30) != nil else {
            // A node that has lost its record is one that has failed for good, and there may be too many of those.
            if electorate.ledger.unreadable > 0 { return electorate.agenda.taken }
            throw electorate.ledger.violation(.leaderless, at: electorate.now, "nobody leads after all was mended")
        }
        return electorate.agenda.taken
    }

    private static func heal(_ electorate: inout Electorate) throws {
        electorate.network.heal()
        electorate.network.link = .init(delay: .microseconds(200) ... .milliseconds(2))
        for number in electorate.nodes.indices {
            electorate.nodes[number].diskTime = .microseconds(100) ... .milliseconds(3)
            electorate.nodes[number].pausedUntil = nil
            try electorate.start(number)
        }
    }

    private let kind: Kind
    private var generator: SeededGenerator

    private init(kind: Kind, seed: Seed) {
        self.kind = kind
        self.generator = SeededGenerator(seed: seed.derived(for: "plan"))
    }

    private mutating func pause(_ settings: VotingSettings) -> Duration {
        let timeout = settings.electionTimeout.nanosecondCount
        return .nanoseconds(Int64.random(in: timeout / 20...timeout * 3 / 2, using: &self.generator))
    }

    private mutating func number(in electorate: Electorate) -> Int {
        Int.random(in: electorate.nodes.indices, using: &self.generator)
    }

    private mutating func happen(to electorate: inout Electorate) throws {
        if self.kind == .membership, self.generator.happens(withProbability: 0.4) {
            return try self.changeVoters(of: &electorate)
        }
        let timeout = electorate.settings.electionTimeout
        let number = self.number(in: electorate)
        let other = self.number(in: electorate)
        switch Int.random(in: 0..<17, using: &self.generator) {
        case 0, 1, 2:
            electorate.kill(number)
        case 3:
            // At once again: what it promised is still in force.
            electorate.kill(number)
            try electorate.start(number)
        case 16:
            // The leader is cut off, and all others forget that they have heard it.
            guard let leader = electorate.leaders.first else { return }
            electorate.network.isolate(leader, from: electorate.nodes.indices)
            for index in electorate.nodes.indices where index != leader {
                electorate.kill(index)
                try electorate.start(index)
            }
        case 4, 5:
            for index in electorate.nodes.indices { try electorate.start(index) }
        case 6, 7:
            let side = electorate.nodes.indices.filter { _ in self.generator.happens(withProbability: 0.5) }
            electorate.network.partition(side, from: electorate.nodes.indices.filter { !side.contains($0) })
        case 8:
            electorate.network.isolate(electorate.leaders.first ?? number, from: electorate.nodes.indices)
        case 9:
            electorate.network.cut(from: number, to: other)
        case 10:
            electorate.network.clog(
                from: number, to: other,
                until: electorate.now.advanced(by: electorate.draw(.zero...timeout * 3, &self.generator)))
        case 11:
            let time = electorate.draw(.zero...timeout * 2, &self.generator)
            electorate.nodes[electorate.leaders.first ?? number].pausedUntil = electorate.now.advanced(by: time)
        case 12:
            let isSlow = self.generator.happens(withProbability: 0.5)
            electorate.nodes[number].diskTime =
                isSlow ? .milliseconds(1)...timeout / 2 : .microseconds(100) ... .milliseconds(3)
            electorate.nodes[other].clock.setDrift(electorate.drawnDrift(), at: electorate.now)
        case 13:
            electorate.network.link = .init(
                delay: .microseconds(200)...electorate.draw(.milliseconds(1)...timeout / 3, &self.generator),
                loss: Double.random(in: 0...0.3, using: &self.generator),
                duplication: Double.random(in: 0...0.2, using: &self.generator))
        case 14:
            guard let leader = electorate.leaders.first else { return }
            let successor = electorate.nodes[other].id
            try electorate.act(on: leader) { election, now in
                do throws(ClusterError) { return try election.handOver(to: successor, at: now) } catch { return [] }
            }
        default:
            electorate.network.heal()
        }
    }

    private mutating func changeVoters(of electorate: inout Electorate) throws {
        guard let leader = electorate.leaders.first, let set = electorate.nodes[leader].election?.voterSet else {
            return
        }
        let id = electorate.nodes[self.number(in: electorate)].id
        let isObserver = self.generator.happens(withProbability: 0.2)
        let member = VotingMember(id, role: isObserver ? .observer : .voter)
        let change: VoterChange
        if set[id] == nil {
            change = .add(member)
        } else if set.voterCount > 2, self.generator.happens(withProbability: 0.6) {
            change = .remove(id)
        } else {
            change = .update(member)
        }
        try electorate.act(on: leader) { election, now in
            do throws(ClusterError) { return try election.change(change, at: now) } catch { return [] }
        }
    }
}
