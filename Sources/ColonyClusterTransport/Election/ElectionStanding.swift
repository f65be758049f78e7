public import ColonyCluster
public import ColonyCore

/// How an election stands, as one node sees it.
///
/// Two nodes may see it otherwise at one instant. Whether this one leads is what ``ElectionNode/leadership`` says, which goes by the clock; this is for people.
public struct ElectionStanding: Hashable, Sendable {
    /// A member of the set of voters.
    public struct Member: Hashable, Sendable {
        /// Its name, whether it votes, and its priority.
        public let member: VotingMember
        /// Whether it answers the heartbeats of this node. `nil` while this node does not lead: then it asks nobody.
        public let answers: Bool?
    }

    /// A term in which somebody led.
    public struct Reign: Hashable, Sendable {
        /// The term.
        public let term: FencingToken
        /// Who led.
        public let leader: NodeID
        /// When this node first heard of it, on its clock.
        public let since: MonotonicInstant
        /// When it heard that it was over, or took it for over; `nil` while it goes on.
        public internal(set) var until: MonotonicInstant?
        /// Why it ended, if this node led.
        public internal(set) var loss: LeadershipLoss?
    }

    /// How many terms are remembered. They are those since the node was started; older ones are forgotten.
    public static let mostReigns = 32

    /// The node whose view it is.
    public let node: NodeID
    /// How it stands; `nil` while it does not run.
    public internal(set) var position: VotingPosition?
    /// The latest term that it has heard of.
    public internal(set) var term = FencingToken(rawValue: 0)
    /// Who leads, as far as it has heard.
    public internal(set) var leader: NodeID?
    /// Who votes and who looks on, as far as it has been told, by name.
    public internal(set) var members: [Member] = []
    /// Whether a majority is known to have this set of voters, so that it can be changed; `nil` while this node does not lead.
    public internal(set) var isSettled: Bool?
    /// The latest terms in which somebody led, the newest first.
    public internal(set) var reigns: [Reign] = []

    /// Of nobody that runs.
    init(node: NodeID) {
        self.node = node
    }

    // MARK: Keeping it

    /// Takes over what is decided, seen at an instant.
    ///
    /// - Parameter leads: Whether this node leads for its own process as well: one that hands over does not any more.
    mutating func update(_ election: VotingElection, leads: Bool, at now: MonotonicInstant) {
        let position = election.position(at: now)
        self.position = position == .leader && !leads ? .follower : position
        self.term = election.term
        self.leader = leads ? self.node : election.followed
        let answering = election.answering(at: now)
        self.members = election.voterSet.members.map { member in
            Member(member: member, answers: answering?.contains(member.id))
        }
        self.isSettled = election.settled(at: now)
        self.noteReign(at: now)
    }

    /// What this node has lost, and why.
    mutating func note(_ loss: LeadershipLoss, in term: FencingToken, at now: MonotonicInstant) {
        guard let place = self.reigns.firstIndex(where: { $0.term == term && $0.leader == self.node }) else { return }
        self.reigns[place].loss = loss
        if self.reigns[place].until == nil { self.reigns[place].until = now }
    }

    /// Nothing is known while it does not run, but what was.
    mutating func end(at now: MonotonicInstant) {
        self.position = nil
        self.leader = nil
        self.members = self.members.map { Member(member: $0.member, answers: nil) }
        self.isSettled = nil
        self.noteReign(at: now)
    }

    /// The same at a later instant at which nothing was decided yet: a lease may be over.
    func withoutLeadership(at now: MonotonicInstant) -> ElectionStanding {
        var standing = self
        standing.end(at: now)
        standing.position = .follower
        return standing
    }

    private mutating func noteReign(at now: MonotonicInstant) {
        if let latest = self.reigns.first, latest.until == nil {
            if latest.leader == self.leader, latest.term == self.term { return }
            self.reigns[0].until = now
        }
        guard let leader else { return }
        // A leader that was unheard for a while, and is heard again, has led on.
        if let latest = self.reigns.first, latest.leader == leader, latest.term == self.term, latest.loss == nil {
            self.reigns[0].until = nil
            return
        }
        self.reigns.insert(Reign(term: self.term, leader: leader, since: now), at: 0)
        if self.reigns.count > Self.mostReigns { self.reigns.removeLast() }
    }
}
