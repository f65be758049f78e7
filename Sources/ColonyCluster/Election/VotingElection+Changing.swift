public import ColonyCore

extension VotingElection {
    /// Changes the set of voters by one node. It holds for this node at once, and is settled when a majority of the new set has written it down:
    /// then ``VotingEvent/reconfigured(_:isSettled:)`` says so, and the next change can begin.
    ///
    /// If this node stops leading before that, the next leader may have the old set or the new one. Look, and ask again.
    ///
    /// - Throws: ``ClusterError`` with code `notLeader`; `changePending` until the present set is settled in this term; `noMajority` if fewer
    ///   voters of the new set than a majority have answered lately, so that the change might leave nobody to lead;
    ///   `invalidConfiguration` if the set would not be possible, or this node would not vote any more: hand over first.
    /// - SeeAlso: Ongaro 2014, sections 4.1 (safety), 4.2.1 (why a new voter should be an observer first), and 4.2.2 (removing the leader).
    public mutating func change(
        _ change: VoterChange, at now: MonotonicInstant
    ) throws(ClusterError) -> [VotingDirective] {
        try self.demandLeadership(at: now)
        guard self.isSettled else {
            throw ClusterError(
                .changePending,
                "the set of voters cannot be changed yet: fewer than \(self.voterSet.majority) voters are known to have \(self.voterSet)"
            )
        }
        let set = try self.voterSet.applying(change)
        guard set[self.id]?.role == .voter else {
            throw ClusterError(
                .invalidConfiguration,
                "\(NameRules.quoted(self.id.rawValue)) leads, so it cannot stop voting: hand over first")
        }
        let answering = set.voters.count { voter in
            voter == self.id || (self.peers[voter]?.promisedUntil.map { $0 > now } ?? false)
        }
        guard answering >= set.majority else {
            throw ClusterError(
                .noMajority,
                "of the voters of \(set) only \(answering) have answered lately, and \(set.majority) are needed to lead"
            )
        }
        guard set != self.voterSet else { return [] }
        self.isSettled = false
        let configuration = self.record.configuration.followed(by: set, term: self.record.term)
        self.write(at: now) { $0.configuration = configuration }
        self.configurationRevision = self.record.revision
        self.peers = self.peers.filter { set[$0.key] != nil }
        self.tell(.reconfigured(set, isSettled: false))
        self.beginRound(at: now)
        return self.takeDirectives()
    }
}
