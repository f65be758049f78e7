public import ColonyCore

/// How a node stands in an election.
public enum VotingPosition: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// It leads.
    case leader
    /// It asks who would vote for it or asks for votes, or has them and waits until a majority has answered its first heartbeat.
    case candidate
    /// It follows a leader, or waits for one.
    case follower
    /// It is told who leads, and has no vote.
    case observer
    /// It is in no set of voters that it knows: no leader has added it yet, or one has removed it.
    case outsider

    public var description: String { self.rawValue }
}

extension VotingElection {
    /// How it stands.
    public func position(at now: MonotonicInstant) -> VotingPosition {
        guard let member = self.voterSet[self.id] else { return .outsider }
        switch self.role {
        case .leader:
            guard self.lease != nil else { return .candidate }
            return self.isLeader(at: now) ? .leader : .follower
        case .inquirer, .candidate: return .candidate
        case .follower: return member.role == .observer ? .observer : .follower
        }
    }

    /// Who answers its heartbeats, itself included, while it leads; `nil` while it does not, because then it asks nobody.
    ///
    /// - Complexity: O(*n*) in the number of members.
    public func answering(at now: MonotonicInstant) -> Set<NodeID>? {
        guard self.isLeader(at: now) else { return nil }
        var answering: Set<NodeID> = [self.id]
        for (id, peer) in self.peers {
            if let until = peer.promisedUntil, until > now { answering.insert(id) }
        }
        return answering
    }

    /// Whether the present set of voters is known to be that of a majority, while this node leads; `nil` while it does not.
    public func settled(at now: MonotonicInstant) -> Bool? { self.isLeader(at: now) ? self.isSettled : nil }
}
