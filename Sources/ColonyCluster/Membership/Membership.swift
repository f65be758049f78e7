public import ColonyCore

/// Who is in a cluster, as one of its members sees it: the decisions of SWIM with the extensions of Lifeguard.
///
/// Every member pings another one in each period. Who does not answer, neither directly nor to others who are asked to ping it, nor over a
/// connection, is suspected; who does not contradict is taken for failed. What is new rides on those pings, so what a member sends and receives in
/// a period does not depend on how many there are.
///
/// It is a value without a clock, a socket, or a thread. Its owner hands in packets and time, and carries out what it is told:
///
/// ```swift
/// for directive in membership.receive(packet, from: address, over: .datagram, at: clock.now) { carryOut(directive) }
/// for directive in membership.wake(at: clock.now) { carryOut(directive) }   // at `nextWake`
/// ```
///
/// **What is promised.** A member that stops is known as failed to all others within a time that is bounded with high probability and grows with the
/// logarithm of their number; a member that is alive and can be reached is taken for failed rarely, and then only for as long as it takes it to
/// contradict. Members that can reach each other for long enough agree. Nothing is promised at any one instant: two members may see different
/// sets, so nothing that must be there once can be decided by it; that is what elections are for.
///
/// **Deviations from the papers.** Claims are ordered so that merging is commutative and a failed member can come back (see ``MembershipClaim``). Members compare
/// a digest of what they know in every answer and exchange what differs only if something does, so that anti-entropy costs nothing while they agree.
/// In every second period a member pings the one that follows it on a ring, and the others in rounds, so that one that stops is missed within two
/// periods. Those who come before a suspect on the ring ping it next instead of in its turn, so that it is confirmed or contradicted within a few periods.
/// A suspect has α periods more than Lifeguard gives it, because how long it takes it to get to its work does not depend on how many there are.
/// Time in which a member was stopped does not count for what it waits for. Those that are taken for failed are asked now and then whether they are back, so that both sides of a partition find each other.
///
/// - SeeAlso: SWIM, DSN 2002; Lifeguard, DSN-W 2018; HashiCorp's memberlist, from which the defaults come.
public struct Membership: Sendable {
    /// What is known of another member.
    struct Peer: Sendable {
        /// What holds about it, without its metadata.
        var claim: MembershipClaim
        var metadata: [UInt8]
        /// Of which incarnation the metadata is.
        var metadataIncarnation: UInt64
        var suspicion: Suspicion?
        var goneAt: MonotonicInstant?
        /// Until when a conflict over its name is not told again.
        var quietUntil: MonotonicInstant?

        /// Whether it is known what it says of itself in its incarnation.
        var isComplete: Bool { self.metadataIncarnation == self.claim.incarnation }

        var member: Member {
            Member(
                id: self.claim.id, address: self.claim.address, state: self.claim.state,
                incarnation: self.claim.incarnation, instance: self.claim.instance, metadata: self.metadata)
        }
    }

    /// A ping of the present period.
    struct Probe: Sendable {
        let target: NodeID
        let sequence: UInt32
        /// When others are asked; `nil` once they are.
        var asksAt: MonotonicInstant?
        var isAnswered = false
        /// Who was asked and did not say anything yet.
        var silent = 0
        var hasAsked = false
    }

    /// A ping that is made for another member.
    struct Relay: Sendable {
        let origin: MemberAddress
        let sequence: UInt32
        let deadline: MonotonicInstant
    }

    /// The settings it was made with.
    public let settings: MembershipSettings
    var generator: any RandomNumberGenerator & Sendable

    var own: MembershipClaim
    var peers: [NodeID: Peer] = [:]
    /// Which of them are gone.
    var gone: Set<NodeID> = []
    /// Over all that are there, itself included.
    package var summary = MembershipSummary()
    var suspects: Set<NodeID> = []

    var order = ProbeOrder()
    var ring: MemberRing
    /// Whether the next ping is for the one that follows it on the ring.
    var isTurnOfRing = true
    var gossip = GossipQueue()
    var health: LocalHealth
    var probe: Probe?
    /// Whom it pings next because somebody else suspects them.
    var doubted: [NodeID] = []
    var relays: [UInt32: Relay] = [:]
    var sequence: UInt32
    var nextPeriod: MonotonicInstant?
    var nextGossip: MonotonicInstant?
    var nextExchange: MonotonicInstant?
    /// Before when no exchange is begun because a digest differs.
    var restsUntil = MonotonicInstant(nanoseconds: .min)
    /// Who knows the cluster.
    var seeds: [MemberAddress] = []
    /// Who has answered at the address of a seed, which may be another one than the member has.
    var seedMembers: [MemberAddress: NodeID] = [:]
    /// Who has its name; then it is silent.
    var displacedBy: MemberAddress?
    var directives: [MembershipDirective] = []
    /// When it last had something to decide.
    var lastNow: MonotonicInstant?

    /// Makes a member that knows nobody.
    ///
    /// - Parameters:
    ///   - id: What it is called. No other member may be called so at the same time.
    ///   - address: Where others reach it.
    ///   - instance: A number that no other start of a process of this name has: random bits.
    ///   - metadata: What it says of itself, at most ``MembershipLimits/metadataBytes``.
    ///   - generator: Where its choices come from.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if the metadata is too long.
    public init(
        id: NodeID, address: MemberAddress, instance: UInt64, metadata: [UInt8] = [], settings: MembershipSettings,
        generator: any RandomNumberGenerator & Sendable
    ) throws(ClusterError) {
        try Self.check(metadata)
        var generator = generator
        self.settings = settings
        self.sequence = UInt32.random(in: .min ... .max, using: &generator)
        self.generator = generator
        self.health = LocalHealth(maximum: settings.healthLimit)
        self.own = MembershipClaim(
            id: id, address: address, instance: instance, incarnation: 0, state: .alive, metadata: metadata)
        self.ring = MemberRing(around: id)
        self.summary.add(self.own)
    }

    private static func check(_ metadata: [UInt8]) throws(ClusterError) {
        guard metadata.count <= MembershipLimits.metadataBytes else {
            throw ClusterError(
                .invalidConfiguration,
                "metadata of \(metadata.count) bytes is too long: \(MembershipLimits.metadataBytes) at the most")
        }
    }

    // MARK: Looking

    /// This member, as it sees itself.
    public var itself: Member {
        Member(
            id: self.own.id, address: self.own.address, state: self.own.state, incarnation: self.own.incarnation,
            instance: self.own.instance, metadata: self.own.metadata ?? [])
    }

    /// All others that are known, those that are gone included for as long as they are remembered; in no order.
    ///
    /// - Complexity: O(*n*).
    public var others: [Member] { self.peers.values.map(\.member) }

    /// What is known of a member; `nil` if nothing is.
    public func member(_ id: NodeID) -> Member? { id == self.own.id ? self.itself : self.peers[id]?.member }

    /// How many are there, itself included.
    public var count: Int { self.presentCount + 1 }

    var presentCount: Int { self.peers.count - self.gone.count }

    /// The sum over all that are there.
    package var digest: UInt64 { self.summary.total }

    /// How much longer than usual it waits at present because it seems to be slow itself; 0 if it is well.
    public var healthScore: Int { self.health.score }

    /// When it wants to be woken; `nil` before ``start(seeds:at:)`` and when it has nothing to do any more.
    ///
    /// - Complexity: O(*s*) in the number of suspects and pings for others, which is small.
    public var nextWake: MonotonicInstant? {
        var next = self.nextPeriod
        func consider(_ instant: MonotonicInstant?) {
            if let instant { next = next.map { min($0, instant) } ?? instant }
        }
        consider(self.nextGossip)
        consider(self.nextExchange)
        consider(self.probe?.asksAt)
        for id in self.suspects { consider(self.peers[id]?.suspicion?.deadline) }
        for relay in self.relays.values { consider(relay.deadline) }
        return next
    }

    // MARK: Beginning and ending

    /// Begins, by asking seeds for the cluster; without seeds it is the first of a cluster.
    ///
    /// - Parameter seeds: Addresses of any members, its own among them or not. They are asked again until one has answered, and later whenever
    ///   nobody else is known. One that is no member is asked now and then, so that a cluster that was started in two places becomes one.
    public mutating func start(seeds: [MemberAddress] = [], at now: MonotonicInstant) -> [MembershipDirective] {
        self.seeds = seeds.filter { $0 != self.own.address }
        if self.seeds.isEmpty { self.admit(incarnation: 1, at: now) }
        // Members that are started together should not ping together.
        self.nextPeriod = now.advanced(by: self.drawn(upTo: self.settings.period))
        self.nextExchange = now.advanced(by: self.settings.period)
        self.askSeeds()
        return self.takeDirectives()
    }

    /// Asks other seeds from now on, if it has to ask any: their addresses may have changed since it began.
    ///
    /// - Parameter seeds: As in ``start(seeds:at:)``.
    public mutating func replace(seeds: [MemberAddress]) {
        self.seeds = seeds.filter { $0 != self.own.address }
        self.seedMembers = self.seedMembers.filter { self.seeds.contains($0.key) }
    }

    /// Says good-bye. Others do not take it for failed. It goes on telling so until ``nextWake`` is `nil`.
    public mutating func leave(at now: MonotonicInstant) -> [MembershipDirective] {
        guard self.own.state != .left else { return [] }
        self.own.state = .left
        self.nextPeriod = nil
        self.nextExchange = nil
        self.probe = nil
        self.relays = [:]
        for id in self.suspects { self.peers[id]?.suspicion = nil }
        self.suspects = []
        if self.displacedBy == nil, self.presentCount > 0 {
            self.rumour(self.own, at: now)
        } else {
            self.nextGossip = nil
        }
        return self.takeDirectives()
    }

    /// Says something else of itself from now on.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if it is too long.
    public mutating func update(
        metadata: [UInt8], at now: MonotonicInstant
    ) throws(ClusterError) -> [MembershipDirective] {
        try Self.check(metadata)
        guard metadata != self.own.metadata, self.own.state != .left else { return [] }
        self.own.metadata = metadata
        // Whoever is no member, or has lost its name, says it when it is let in: a later incarnation would claim the name before that.
        guard self.own.incarnation > 0, self.displacedBy == nil else { return [] }
        self.speak(incarnation: self.own.incarnation + 1, at: now)
        return self.takeDirectives()
    }

    // MARK: Shared by the extensions

    mutating func takeDirectives() -> [MembershipDirective] {
        defer { self.directives = [] }
        return self.directives
    }

    mutating func tell(_ event: MembershipEvent) { self.directives.append(.tell(event)) }

    mutating func drawn(upTo limit: Duration) -> Duration {
        .nanoseconds(Int64.random(in: 0...max(0, limit.clampedNanoseconds), using: &self.generator))
    }

    mutating func nextSequence() -> UInt32 {
        self.sequence &+= 1
        return self.sequence
    }

    /// log₁₀ of the number of members, one more so that it is never nothing.
    var magnitude: Double { max(1, Logarithm.decimal(Double(self.count + 1))) }

    /// Speaks for itself in a later incarnation, which contradicts what was said about earlier ones.
    mutating func speak(incarnation: UInt64, at now: MonotonicInstant) {
        self.summary.remove(self.own)
        self.own.incarnation = incarnation
        self.summary.add(self.own)
        self.rumour(self.own, at: now)
    }

    /// Is a member from here on, or again.
    ///
    /// Until somebody has told it whom the cluster knows it is of incarnation 0, so that in a quarrel over a name whoever was there first wins.
    mutating func admit(incarnation: UInt64, at now: MonotonicInstant) {
        self.displacedBy = nil
        self.tell(.admitted)
        self.speak(incarnation: incarnation, at: now)
    }

    /// A claim that has room in a packet of its own: any other one would wait to be told forever. What is left out comes with the next exchange.
    private func fitted(_ claim: MembershipClaim) -> MembershipClaim {
        let empty = MembershipPacket(sender: self.own.id, message: .gossip)
        let room = self.settings.packetBytes - PacketCoding.size(of: empty)
        var claim = claim
        if PacketCoding.size(of: claim) > room { claim.metadata = nil }
        if PacketCoding.size(of: claim) > room { claim.accuser = nil }
        return claim
    }

    /// Has a claim told to others.
    mutating func rumour(_ claim: MembershipClaim, at now: MonotonicInstant) {
        self.gossip.add(self.fitted(claim))
        if self.nextGossip == nil {
            self.nextGossip = now.advanced(by: self.drawn(upTo: self.settings.gossipInterval))
        }
    }
}
