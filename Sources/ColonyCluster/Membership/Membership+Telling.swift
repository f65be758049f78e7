import ColonyCore

extension Membership {
    /// How often each claim is told.
    ///
    /// A member is left out by all of those who tell with a probability of about *e* to the power of minus this number, also if there are few:
    /// so λ more than SWIM has it, without which one of fifty contradictions among five would not get to somebody who would then fail the suspect.
    var tellings: Int { Int((Double(self.settings.retransmission) * (1 + self.magnitude)).rounded(.up)) }

    /// Tells a few members what is new.
    mutating func tellNews(at now: MonotonicInstant) {
        self.nextGossip = nil
        if self.gossip.isEmpty || self.displacedBy != nil { return }
        var peers = self.draw(self.settings.gossipFanOut)
        // Also one that has just gone, because it may want to contradict.
        let limit = now.advanced(by: .zero - self.settings.period * 30)
        if let gone = self.drawGone(where: { $0.goneAt.map { $0 > limit } ?? false }) { peers.append(gone) }
        for peer in peers { self.send(.gossip, to: peer) }
        if !self.gossip.isEmpty { self.nextGossip = now.advanced(by: self.settings.gossipInterval) }
    }

    // MARK: Exchanging what differs

    /// An answer says that its sender knows others than this member.
    mutating func compare(_ digest: UInt64, of sender: NodeID, at now: MonotonicInstant) {
        // What is on its way makes most differences go away.
        guard digest != self.digest, self.own.state != .left, self.restsUntil <= now, self.gossip.isEmpty,
            let peer = self.peers[sender]
        else { return }
        self.restsUntil = now.advanced(
            by: self.settings.exchangeInterval + self.drawn(upTo: self.settings.exchangeInterval))
        self.pull(from: peer.claim.address)
    }

    /// Asks somebody who is taken for failed, or a seed, whether it is there: without that, both sides of a partition that is over would
    /// never learn of it.
    mutating func lookForTheLost(at now: MonotonicInstant) {
        // Also one that others have found before it was told whom the cluster knows: all of a cluster may begin at the same time.
        let waits = self.presentCount == 0 || self.displacedBy != nil || self.own.incarnation == 0
        self.nextExchange = now.advanced(
            by: waits
                ? self.settings.period + self.drawn(upTo: self.settings.period)
                : self.settings.exchangeInterval + self.drawn(upTo: self.settings.exchangeInterval))
        if waits {
            // Seeds may be gone, and so may those that it has heard of.
            let peer = Bool.random(using: &self.generator) ? self.draw(1).first : nil
            if let peer { self.pull(from: peer.claim.address) } else { self.askSeeds() }
        } else if let stranger = self.drawStranger() {
            self.pull(from: stranger)
        }
        guard self.displacedBy == nil, let lost = self.drawGone(where: { $0.claim.state == .failed }) else { return }
        // With what it is taken for, so that it contradicts.
        self.pull(from: lost.claim.address, telling: lost.claim)
    }

    /// A seed that is no member that is there, as far as is known: it may be of the same cluster, which was started in two places, and may be gone.
    ///
    /// - Complexity: O(*n*) if there is a seed that has not answered, or whose member is gone; else O(*s*) in the number of seeds.
    private mutating func drawStranger() -> MemberAddress? {
        var strangers = self.seeds.filter { seed in
            self.seedMembers[seed].flatMap { self.peers[$0] }?.claim.state.isPresent != true
        }
        if strangers.isEmpty { return nil }
        let known = Set(self.peers.values.filter(\.claim.state.isPresent).map(\.claim.address))
        strangers.removeAll { known.contains($0) }
        return strangers.randomElement(using: &self.generator)
    }

    mutating func askSeeds() {
        guard let seed = self.seeds.randomElement(using: &self.generator) else { return }
        self.pull(from: seed)
    }

    private mutating func pull(from address: MemberAddress, telling claim: MembershipClaim? = nil) {
        self.exchange(.pull(self.summary), [self.own] + (claim.map { [$0] } ?? []), with: address)
    }

    /// Tells another member what it knows in another way than this one; itself in any case, because it is asked as much for who it is.
    mutating func answerPull(_ summary: MembershipSummary, from address: MemberAddress) {
        let claims = self.claims { self.summary.differs(from: summary, about: $0.id) }
        self.exchange(.push(self.summary), [self.own] + claims, with: address)
    }

    /// Tells the one that has told what it knows what it does not: the answer has all of its claims where there is a difference.
    mutating func answerPush(_ summary: MembershipSummary, _ claims: [MembershipClaim], from address: MemberAddress) {
        guard self.summary != summary else { return }
        let known = Dictionary(claims.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let lacking = self.claims { claim in
            self.summary.differs(from: summary, about: claim.id)
                && known[claim.id].map { claim.overrides($0) || $0.metadata == nil } ?? true
        }
        if !lacking.isEmpty { self.exchange(.fill, lacking, with: address) }
    }

    /// What it knows of others, those that are gone included, as far as it is wanted.
    private func claims(where isWanted: (MembershipClaim) -> Bool) -> [MembershipClaim] {
        var claims: [MembershipClaim] = []
        // Sorted, because a set has another order in each process and runs must be repeatable.
        for id in self.ring.members + self.gone.sorted() {
            guard let peer = self.peers[id], isWanted(peer.claim) else { continue }
            var claim = peer.claim
            claim.accuser = peer.suspicion?.accusers.min()
            // What is known of an earlier incarnation must not be told as of this one.
            claim.metadata = peer.isComplete ? peer.metadata : nil
            claims.append(claim)
        }
        return claims
    }

    // MARK: Packets

    /// Some of those who are there, all different.
    mutating func draw(_ count: Int, besides other: NodeID? = nil) -> [Peer] {
        let peers = self.peers
        return self.order.draw(count, &self.generator) { id in
            id != other && peers[id]?.claim.state.isPresent == true
        }.compactMap { peers[$0] }
    }

    /// One of those who are gone.
    ///
    /// - Complexity: O(*g* log *g*) in the number of those.
    private mutating func drawGone(where isFit: (Peer) -> Bool) -> Peer? {
        if self.gone.isEmpty { return nil }
        // Sorted, because a set has another order in each process and runs must be repeatable.
        return self.gone.compactMap { self.peers[$0] }.filter(isFit).sorted { $0.claim.id < $1.claim.id }
            .randomElement(using: &self.generator)
    }

    mutating func send(_ message: MembershipMessage, to peer: Peer, over carrier: MembershipCarrier = .datagram) {
        // Lifeguard's buddy system, section IV-C: a suspect hears it first from whoever pings it.
        let first = peer.claim.state == .alive ? nil : peer.claim
        self.send(message, to: peer.claim.address, over: carrier, first: first)
    }

    mutating func send(
        _ message: MembershipMessage, to address: MemberAddress, over carrier: MembershipCarrier,
        first: MembershipClaim? = nil
    ) {
        var packet = MembershipPacket(sender: self.own.id, message: message)
        if var first {
            first.accuser = first.accuser ?? (first.state == .suspected ? self.own.id : nil)
            packet.claims = [first]
        }
        let room = self.settings.packetBytes - PacketCoding.size(of: packet)
        packet.claims += self.gossip.take(room: room, limit: self.tellings)
        self.directives.append(.send(packet, to: address, over: carrier))
    }

    private mutating func exchange(
        _ message: MembershipMessage, _ claims: [MembershipClaim], with address: MemberAddress
    ) {
        let packet = MembershipPacket(sender: self.own.id, message: message, claims: claims)
        self.directives.append(.send(packet, to: address, over: .connection))
    }
}
