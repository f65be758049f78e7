import ColonyCluster
import ColonyCore
import ColonySimulation

/// What must never happen in an election, looked at from outside, where true time and all disks can be seen.
struct SafetyLedger {
    let seed: Seed
    private var leaders: [FencingToken: Int] = [:]
    /// For whom each node has voted, by what has left it: what nobody was told has not happened.
    private var votes: [Ballot: Int] = [:]
    /// What each node would find on its disk if it were started now.
    private var durable: [Int: VoterConfiguration] = [:]
    private var mustLook = false

    /// How many nodes found a record that they could not read.
    var unreadable = 0
    /// How many conflicts were told.
    var conflicts = 0

    private struct Ballot: Hashable {
        let voter: Int
        let term: UInt64
    }

    init(seed: Seed) {
        self.seed = seed
    }

    func violation(_ kind: SafetyViolation.Kind, at now: MonotonicInstant, _ what: String) -> SafetyViolation {
        SafetyViolation(kind: kind, seed: self.seed, at: now, what: what)
    }

    /// At most one leader in a term: election safety, Ongaro 2014, section 3.4 and figure 3.2.
    mutating func elected(_ number: Int, term: FencingToken, at now: MonotonicInstant) throws {
        if let other = self.leaders.updateValue(number, forKey: term), other != number {
            throw self.violation(.twoLeaders, at: now, "nodes \(other) and \(number) were both elected in term \(term)")
        }
    }

    /// At most one vote of each node in a term, over all its lives: Ongaro 2014, sections 3.4 and 3.8 (persisted state).
    mutating func sent(_ packet: VotingPacket, by source: Int, to destination: Int, at now: MonotonicInstant) throws {
        let term: UInt64
        let candidate: Int
        switch packet.message {
        case .voteAnswer(let answer) where answer.kind != .inquiry && answer.isGranted:
            (term, candidate) = (answer.requestedTerm, destination)
        case .voteRequest(let request) where request.kind != .inquiry:
            // Who asks for votes has given itself its own.
            (term, candidate) = (request.term, source)
        default: return
        }
        let other = self.votes.updateValue(candidate, forKey: Ballot(voter: source, term: term))
        if let other, other != candidate {
            throw self.violation(
                .votedTwice, at: now, "node \(source) has voted for nodes \(other) and \(candidate) in term \(term)")
        }
    }

    mutating func note(durable record: VoteRecord, of number: Int) {
        guard self.durable[number] != record.configuration else { return }
        self.durable[number] = record.configuration
        self.mustLook = true
    }

    /// No two sets of voters that can still elect have majorities without a common voter: Ongaro 2014, section 4.1; Schultz et al., OPODIS 2021, lemma
    /// of active configurations. A set can elect if a majority of it has no newer one.
    mutating func checkSets(at now: MonotonicInstant) throws {
        guard self.mustLook else { return }
        self.mustLook = false
        var active: [VoterConfiguration] = []
        for configuration in Set(self.durable.values) where configuration.set.voterCount > 0 {
            let willing = configuration.set.voters.count { voter in
                guard let number = Int(voter.rawValue.dropFirst("node-".count)) else { return false }
                return self.durable[number].map { $0.stamp <= configuration.stamp } ?? false
            }
            if willing >= configuration.set.majority { active.append(configuration) }
        }
        for (index, first) in active.enumerated() {
            for second in active[..<index] where !first.set.overlaps(second.set) {
                throw self.violation(
                    .disjointMajorities, at: now,
                    "\(first.stamp) \(first.set) and \(second.stamp) \(second.set) can both elect, without a common voter"
                )
            }
        }
    }
}

/// Something has happened that must not.
struct SafetyViolation: Error, CustomStringConvertible {
    enum Kind: Hashable {
        case twoLeaders, votedTwice, leasesOverlap, disjointMajorities, disturbed, leaderless
    }

    let kind: Kind
    let seed: Seed
    let at: MonotonicInstant
    let what: String

    var description: String { "seed \(self.seed), at \(self.at): \(self.what)" }
}
