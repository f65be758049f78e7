public import ColonyCore

/// What a ``VotingElection`` wants done, in this order.
public enum VotingDirective: Hashable, Sendable {
    /// Write the record down and sync it; then call ``VotingElection/persisted(_:at:)``. What follows from it waits for that.
    ///
    /// Of several that wait only the last need be written. If it fails the node must end: it cannot know what the disk has, and must not try again.
    case persist(VoteRecord)
    /// Send a packet. It may get lost, be late, come twice, and overtake others.
    case send(VotingPacket, to: NodeID)
    /// Tell whoever listens.
    case tell(VotingEvent)
}

/// What has happened in an election.
public enum VotingEvent: Hashable, Sendable {
    /// This node leads in a term from now on, for as long as ``VotingElection/isLeader(at:)`` says so.
    case elected(term: FencingToken)
    /// This node does not lead any more. It will not again in this term.
    case lost(term: FencingToken, LeadershipLoss)
    /// A voter of a higher priority could lead; told only where ``VotingElection/handsOverByItself`` is false.
    case outranked(by: NodeID)
    /// Another node leads in a term.
    case following(NodeID, term: FencingToken)
    /// The one that was followed was not heard for so long that another election begins.
    case leaderUnheard(NodeID)
    /// The set of voters is another one. It is settled once a majority has it; only then can the next change begin.
    case reconfigured(VoterSet, isSettled: Bool)
    /// Another process uses the name of this node or of another one. One of the two must be given another name, and a data directory of its own.
    case conflict(NodeID)
    /// A node was founded with another set of voters than this one. The two do not vote for each other; start the cluster again with one set.
    case foundedOtherwise(NodeID)
}

/// Why a leader does not lead any more.
public enum LeadershipLoss: Hashable, Sendable {
    /// No majority has answered for the time of the lease.
    case unanswered
    /// There is a later term.
    case superseded
    /// It has handed over.
    case handedOver
    /// It has resigned, and nobody was there to hand over to.
    case resigned
}
