public import ColonyCore

/// Who leads, by the votes of a majority: the part of Raft that elects, without its log, as one node sees it.
///
/// A node that hears from no leader asks the others for their votes in a new *term*. Each node has one vote per term and writes it down before
/// it gives it; who has the votes of a majority leads in that term, and lets itself be heard. The term is the fencing token.
///
/// It is a value without a clock, a socket, a disk, or a thread. Its owner hands in packets and time, and carries out what it is told, in order:
///
/// ```swift
/// for directive in election.receive(packet, at: clock.now) { carryOut(directive) }
/// for directive in election.wake(at: clock.now) { carryOut(directive) }                      // at `nextWake`
/// for directive in election.persisted(record.revision, at: clock.now) { carryOut(directive) } // the disk has it
/// ```
///
/// **What is promised.**
///
/// 1. *One leader in a term*, whatever the network, the clocks, and crashes do, as long as no node forgets its ``VoteRecord``.
/// 2. *The leader knows first.* ``isLeader(at:)`` is false before another node can be elected, as long as no clock is wrong by more than
///    ``VotingSettings/clockDrift``.
/// 3. *A lost term stays lost.* Whoever does not lead any more is elected in a later term, or not at all.
///
/// While a majority can reach each other and nothing is broken any more, one of them leads after some election time-outs.
///
/// **Why the lease holds.** A voter that accepts a heartbeat votes for nobody else for the election time-out E after its *arrival*. A leader whose
/// heartbeat a majority has accepted counts its lease from the *sending*, which is earlier, and for a time that is shorter than E by twice the drift
/// (``VotingSettings/lease``). Any other majority has a voter in common with that one, and that voter keeps its promise for longer
/// than the leader leads. Four things would break this, and do not:
///
/// - *A restart* makes a voter forget when it heard from a leader. So it keeps the promise that it may have given, as long as the longest that it
///   has written down, from its start.
/// - *A hand-over* has others vote before the promise is over. So the leader has stopped leading, for good, before it asks the other one to stand.
/// - *A change of the set* might lead to a majority without a common voter. So the next change waits until a majority has promised under the set
///   of this one, which is what it means that this one is settled.
/// - *Different settings.* A voter tells how long it promises, and the leader goes by the shorter time.
///
/// **Pre-vote and check-quorum.** A node first asks who would vote for it, in a term that nobody enters for that. Voters that hear a leader say no,
/// so a node that comes back disturbs nobody. A leader that no majority answers stops, because its lease ends.
///
/// **The set of voters** changes without a log, by configurations that are ordered by the term of a leader and a version. A voter does not vote for a
/// candidate with an older one than its own. A leader takes its configuration over under its own term, and begins a change only after a majority
/// has written down the present one *in this term*; without that, two leaders in turn could each go one step in another direction, to sets
/// without a common majority, which was the defect of the first version of Raft's change of one server at a time.
///
/// **Deviations.** The end of the lease and check-quorum are one thing. Priorities hand leadership over instead of having anybody wait longer.
///
/// - SeeAlso: D. Ongaro, *Consensus: Bridging Theory and Practice*, Stanford 2014, sections 3.4 (votes), 3.10 (transfer), 4.2.3 (disruptive servers),
///   6.2 (check-quorum), 6.4.1 (leases), 9.6 (pre-vote); D. Ongaro, *bug in single-server membership changes*, raft-dev, 2015; Schultz et al., in
///   ``VoterConfiguration``.
public struct VotingElection: Sendable {
    enum Role: Hashable, Sendable {
        /// It follows a leader, or waits for one.
        case follower
        /// It asks who would vote for it.
        case inquirer
        /// It asks for votes.
        case candidate
        /// It has the votes. It leads from when a majority has answered its first heartbeat.
        case leader
    }

    /// What a leader knows of another member.
    struct Peer: Sendable {
        /// Until when, on this clock, it votes for nobody else.
        var promisedUntil: MonotonicInstant?
        /// Which set of voters it has written down.
        var stamp: VoterConfiguration.Stamp?
        /// Since when it has answered without a gap.
        var steadySince: MonotonicInstant?
        var isWilling = false
    }

    /// A message that waits for the disk.
    struct Held: Sendable {
        let revision: UInt64
        let packet: VotingPacket
        let destination: NodeID
    }

    /// The settings it was made with.
    public let settings: VotingSettings
    /// What it must not forget, as it wants it written down.
    public internal(set) var record: VoteRecord
    var generator: any RandomNumberGenerator & Sendable
    let start: VotingStart

    var role = Role.follower
    /// Whom it follows.
    var leader: NodeID?
    /// Until when it votes for nobody but the leader that it has heard, or may have heard before its start.
    var promisedUntil: MonotonicInstant
    /// Until when it may be bound by what it promised before its start.
    let boundUntil: MonotonicInstant
    /// How long it waits for a leader to be heard, this time.
    var patience: Duration
    /// When it stands for election, or, if it only looks on, takes the leader for gone.
    var standsAt: MonotonicInstant?

    /// Whether it stands for election. One that does not votes all the same.
    public internal(set) var isWilling = true

    /// Whether a leader hands over by itself to a voter of a higher priority. Where somebody works under the lease until its end, it must not
    /// before that: then ``VotingEvent/outranked(by:)`` tells of it instead, with each heartbeat.
    public var handsOverByItself = true

    /// Who votes for it, or would.
    var votes: Set<NodeID> = []
    /// Whether somebody has refused.
    var isRefused = false
    /// With which set of voters it stands.
    var ballotStamp: VoterConfiguration.Stamp?
    /// The revision of the record in which it votes for itself.
    var ballotRevision: UInt64 = 0

    var peers: [NodeID: Peer] = [:]
    /// When each of the latest rounds of heartbeats was sent.
    var rounds = RoundTimes()
    var heartbeatAt: MonotonicInstant?
    /// Until when it leads; `nil` before a majority has answered.
    var lease: MonotonicInstant?
    /// Until when a majority must have answered the first heartbeat.
    var confirmsBy: MonotonicInstant?
    /// Whether a majority has written down the present set of voters in this term.
    var isSettled = false

    /// Up to which revision the disk has the record.
    var durableRevision: UInt64
    /// The revision that brought the present set of voters.
    var configurationRevision: UInt64
    var isDirty = false
    var held: [Held] = []
    var directives: [VotingDirective] = []

    /// The latest start of each node that was heard.
    var starts: [NodeID: VotingStart] = [:]
    /// Before when no conflict is told again.
    var quietUntil = MonotonicInstant(nanoseconds: .min)

    /// Makes a node from what it has written down, and begins.
    ///
    /// - Parameters:
    ///   - record: What it has written down, or a new one. Check it with ``VoteRecord/check(cluster:node:)`` first.
    ///   - nonce: A number that no other start of a process of this name has: random bits.
    ///   - generator: Where its choices come from.
    ///   - now: The present, on a clock that goes on while the host sleeps.
    public init(
        record: VoteRecord, settings: VotingSettings, nonce: UInt64, generator: any RandomNumberGenerator & Sendable,
        at now: MonotonicInstant
    ) {
        var record = record
        self.durableRevision = record.revision
        record.starts += 1
        record.promise = max(record.promise, settings.electionTimeout)
        self.settings = settings
        self.start = VotingStart(number: record.starts, nonce: nonce)
        self.generator = generator
        self.boundUntil = now.advanced(by: record.promise)
        self.promisedUntil = self.boundUntil
        self.patience = settings.electionTimeout
        self.configurationRevision = record.revision
        self.record = record
        self.drawPatience()
        self.rearm(at: now)
        self.touch()
    }

    /// What is to be done at the start. Nothing is sent before its start is written down.
    public mutating func begin() -> [VotingDirective] { self.takeDirectives() }

    // MARK: Looking

    /// What it is called.
    public var id: NodeID { self.record.node }

    /// Whether this node leads: by the clock, and not by what was last heard.
    ///
    /// - Important: Only the present is known. What must not happen after a loss needs the check of the term at what is written to.
    public func isLeader(at now: MonotonicInstant) -> Bool { self.leadership.map { now < $0.until } ?? false }

    /// In which term this node leads, and until when if nobody answers any more; `nil` if it does not.
    public var leadership: VotingLeadership? {
        guard self.role == .leader, let lease = self.lease else { return nil }
        return VotingLeadership(term: FencingToken(rawValue: self.record.term), until: lease)
    }

    /// Who leads, as far as this node has heard: itself, or the one that it follows.
    public var knownLeader: NodeID? { self.leadership == nil ? self.leader : self.id }

    /// Whom it follows; `nil` while it leads, or has not heard a leader of its term.
    public var followed: NodeID? { self.leader }

    /// The latest term that it has heard of.
    public var term: FencingToken { FencingToken(rawValue: self.record.term) }

    /// Who votes, as far as it knows; empty if it has not been told yet.
    public var voterSet: VoterSet { self.record.configuration.set }

    /// When it wants to be woken; `nil` if there is nothing that it waits for.
    public var nextWake: MonotonicInstant? {
        guard self.role == .leader else { return self.standsAt }
        return [self.heartbeatAt, self.lease ?? self.confirmsBy].lazy.compactMap(\.self).min()
    }

    /// Whether it may vote and be elected.
    var isVoter: Bool { self.voterSet[self.id]?.role == .voter }

    // MARK: Time

    /// Does what is due. Its owner calls it at ``nextWake``, or somewhat later.
    public mutating func wake(at now: MonotonicInstant) -> [VotingDirective] {
        self.expire(at: now)
        if self.role == .leader {
            if let heartbeatAt, heartbeatAt <= now, !self.yieldsToPreferred(at: now) { self.beginRound(at: now) }
        } else if let standsAt, standsAt <= now {
            self.inquire(at: now)
        }
        return self.takeDirectives()
    }

    /// How long it waits for a leader this time: from a little more than the election time-out, when the promises of others are over, to twice as long.
    mutating func drawPatience() {
        let timeout = self.settings.electionTimeout.clampedNanoseconds
        self.patience = .nanoseconds(Int64.random(in: timeout + timeout / 8...timeout * 2, using: &self.generator))
    }

    /// How long it waits for votes; half as long after somebody has refused, because then they are likely to be split, or somebody was asked
    /// too early. Not less, because the disks of others may be slow.
    mutating func drawnBallotTime(isRefused: Bool = false) -> Duration {
        let most = self.settings.electionTimeout.clampedNanoseconds / (isRefused ? 2 : 1)
        return .nanoseconds(Int64.random(in: most / 2...most, using: &self.generator))
    }

    /// Waits for a leader from here on.
    mutating func rearm(at now: MonotonicInstant) {
        self.standsAt = self.isVoter || self.leader != nil ? now.advanced(by: self.patience) : nil
    }

    mutating func tell(_ event: VotingEvent) { self.directives.append(.tell(event)) }
}

/// In which term a node leads, and until when.
public struct VotingLeadership: Hashable, Sendable {
    /// The term: the fencing token of what the leader does.
    public let term: FencingToken
    /// When the leader stops if no majority answers any more, on its own clock.
    public let until: MonotonicInstant

    /// Makes a leadership.
    public init(term: FencingToken, until: MonotonicInstant) {
        self.term = term
        self.until = until
    }
}

/// When the latest rounds of heartbeats were sent; what was sent longer ago than a lease lasts counts for nothing.
struct RoundTimes: Sendable {
    /// Round `first + index` of the term was sent at the instant at `index`.
    private var sent: [MonotonicInstant] = []
    private var first: UInt64 = 1

    /// Notes a round, and gives its number.
    mutating func begin(at now: MonotonicInstant, forgettingBefore limit: MonotonicInstant) -> UInt64 {
        let old = self.sent.prefix { $0 < limit }.count
        self.sent.removeFirst(old)
        self.first += UInt64(old)
        self.sent.append(now)
        return self.first + UInt64(self.sent.count) - 1
    }

    /// When a round was sent; `nil` if it was not, or is too old to count.
    subscript(round: UInt64) -> MonotonicInstant? {
        guard round >= self.first, round - self.first < UInt64(self.sent.count) else { return nil }
        return self.sent[Int(round - self.first)]
    }
}
