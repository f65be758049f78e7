import ColonyCore

extension Membership {
    /// How often each claim is told.
    var tellings: Int { Int((Double(self.settings.retransmission) * self.magnitude).rounded(.up)) }

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

    // MARK: Exchanging everything

    /// An answer says that its sender knows others than this member.
    mutating func compare(_ digest: UInt64, of sender: NodeID, at now: MonotonicInstant) {
        // What is on its way makes most differences go away.
        guard digest != self.digest, self.own.state != .left, self.restsUntil <= now, self.gossip.isEmpty,
            let peer = self.peers[sender]
        else { return }
        self.restsUntil = now.advanced(
            by: self.settings.exchangeInterval + self.drawn(upTo: self.settings.exchangeInterval))
        self.send(.pull, to: peer.claim.address, over: .connection)
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
            if let peer { self.send(.pull, to: peer.claim.address, over: .connection) } else { self.askSeeds() }
        } else if let stranger = self.drawStranger() {
            self.send(.pull, to: stranger, over: .connection)
        }
        guard self.displacedBy == nil, let lost = self.drawGone(where: { $0.claim.state == .failed }) else { return }
        self.send(.pull, to: lost.claim.address, over: .connection)
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
        self.send(.pull, to: seed, over: .connection)
    }

    /// All that it knows, for ``MembershipMessage/pull`` and ``MembershipMessage/push``.
    private var everything: [MembershipClaim] {
        var claims = [self.own]
        claims.reserveCapacity(self.peers.count + 1)
        // Sorted, because a dictionary has another order in each process and runs must be repeatable.
        for peer in self.peers.values.sorted(by: { $0.claim.id < $1.claim.id }) {
            var claim = peer.claim
            claim.accuser = peer.suspicion?.accusers.min()
            // What is known of an earlier incarnation must not be told as of this one.
            claim.metadata = peer.metadataIncarnation == claim.incarnation ? peer.metadata : nil
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
    /// - Complexity: O(*n*), if anybody is gone at all.
    private mutating func drawGone(where isFit: (Peer) -> Bool) -> Peer? {
        guard self.peers.count > self.presentCount else { return nil }
        // Sorted, because a dictionary has another order in each process and runs must be repeatable.
        let gone = self.peers.values.filter { !$0.claim.state.isPresent && isFit($0) }
        return gone.sorted { $0.claim.id < $1.claim.id }.randomElement(using: &self.generator)
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
        switch message {
        case .pull, .push:
            packet.claims = self.everything
        case .ping, .ack, .nack, .pingRequest, .gossip:
            if var first {
                first.accuser = first.accuser ?? (first.state == .suspected ? self.own.id : nil)
                packet.claims = [first]
            }
            let room = self.settings.packetBytes - PacketCoding.size(of: packet)
            packet.claims += self.gossip.take(room: room, limit: self.tellings)
        }
        self.directives.append(.send(packet, to: address, over: carrier))
    }
}
