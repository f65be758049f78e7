public import ColonyCore

/// What nodes that elect a leader send each other.
public struct VotingPacket: Hashable, Sendable {
    /// Who sends it.
    public var sender: NodeID
    /// Which start of the sender's process sends it.
    public var start: VotingStart
    /// What it says.
    public var message: VotingMessage

    /// Makes a packet.
    public init(sender: NodeID, start: VotingStart, message: VotingMessage) {
        self.sender = sender
        self.start = start
        self.message = message
    }
}

/// One start of a node: what tells its packets from those of an earlier start, and from those of another process of the same name.
public struct VotingStart: Hashable, Sendable {
    /// How often the node was started by now.
    public var number: UInt64
    /// Random bits. Two starts that differ in nothing else are two processes that use one name.
    public var nonce: UInt64

    /// Makes a start.
    public init(number: UInt64, nonce: UInt64) {
        self.number = number
        self.nonce = nonce
    }
}

/// What a ``VotingPacket`` says.
public enum VotingMessage: Hashable, Sendable {
    /// Vote for me.
    case voteRequest(VoteRequest)
    /// Whether the sender does.
    case voteAnswer(VoteAnswer)
    /// I lead.
    case heartbeat(LeaderHeartbeat)
    /// What the sender makes of it.
    case heartbeatAnswer(HeartbeatAnswer)
    /// The leader of `term` has stopped leading, and wants the receiver to be elected at once.
    case standNow(term: UInt64)
}

/// A candidate asks for a vote.
public struct VoteRequest: Hashable, Sendable {
    /// How it asks.
    public enum Kind: UInt8, Hashable, Sendable {
        /// Whether the receiver would vote for it, which binds nobody: only who would win stands for election.
        case inquiry = 1
        /// For the vote.
        case vote = 2
        /// For the vote, because the leader of the term before has stopped for it: nobody need keep a promise to that one.
        case handover = 3
    }

    /// How it asks.
    public var kind: Kind
    /// For which term.
    public var term: UInt64
    /// Which set of voters the candidate knows. Who knows a newer one does not vote for it.
    public var configuration: VoterConfiguration.Stamp

    /// Makes a request.
    public init(kind: Kind, term: UInt64, configuration: VoterConfiguration.Stamp) {
        self.kind = kind
        self.term = term
        self.configuration = configuration
    }
}

/// The answer to a ``VoteRequest``.
public struct VoteAnswer: Hashable, Sendable {
    /// What was asked.
    public var kind: VoteRequest.Kind
    /// For which term it was asked.
    public var requestedTerm: UInt64
    /// Whether the sender votes, or would vote, for the candidate.
    public var isGranted: Bool
    /// The term of the sender.
    public var term: UInt64
    /// The set of voters, if the candidate knows an older one.
    public var configuration: VoterConfiguration?

    /// Makes an answer.
    public init(
        kind: VoteRequest.Kind, requestedTerm: UInt64, isGranted: Bool, term: UInt64,
        configuration: VoterConfiguration? = nil
    ) {
        self.kind = kind
        self.requestedTerm = requestedTerm
        self.isGranted = isGranted
        self.term = term
        self.configuration = configuration
    }
}

/// A leader lets itself be heard.
public struct LeaderHeartbeat: Hashable, Sendable {
    /// The term in which it leads.
    public var term: UInt64
    /// Which round of heartbeats it belongs to, from 1 in each term.
    public var round: UInt64
    /// Which set of voters the leader has.
    public var stamp: VoterConfiguration.Stamp
    /// The set itself, if the receiver is not known to have it.
    public var configuration: VoterConfiguration?

    /// Makes a heartbeat.
    public init(
        term: UInt64, round: UInt64, stamp: VoterConfiguration.Stamp, configuration: VoterConfiguration? = nil
    ) {
        self.term = term
        self.round = round
        self.stamp = stamp
        self.configuration = configuration
    }
}

/// The answer to a ``LeaderHeartbeat``.
public struct HeartbeatAnswer: Hashable, Sendable {
    /// The term of the sender. If it is that of the leader, the sender follows it, and votes for nobody else for as long as ``promise``.
    public var term: UInt64
    /// Which round is answered.
    public var round: UInt64
    /// Which set of voters the sender has written down.
    public var stamp: VoterConfiguration.Stamp
    /// For how long it votes for nobody else, on its own clock, from the arrival of the heartbeat.
    public var promise: Duration
    /// Whether it would lead.
    public var isWilling: Bool

    /// Makes an answer.
    public init(
        term: UInt64, round: UInt64, stamp: VoterConfiguration.Stamp, promise: Duration, isWilling: Bool = true
    ) {
        self.term = term
        self.round = round
        self.stamp = stamp
        self.promise = promise
        self.isWilling = isWilling
    }
}
