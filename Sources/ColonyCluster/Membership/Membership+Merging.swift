public import ColonyCore

extension Membership {
    /// Takes a packet from another member.
    ///
    /// - Parameters:
    ///   - address: Where an answer goes to.
    ///   - carrier: How it came; an answer goes the same way.
    public mutating func receive(
        _ packet: MembershipPacket, from address: MemberAddress, over carrier: MembershipCarrier,
        at now: MonotonicInstant
    ) -> [MembershipDirective] {
        guard self.nextPeriod != nil || self.own.state == .left else { return [] }
        self.note(now)
        for claim in packet.claims { self.merge(claim, at: now) }
        // Who has lost its name hears, so that it learns when it is free, and says nothing.
        guard self.displacedBy == nil else { return self.takeDirectives() }
        guard packet.sender != self.own.id else {
            // Who asks under the name of this member has to hear who has it, also where there is nobody else to say so.
            if case .pull(let summary) = packet.message, self.own.incarnation > 0, self.own.state != .left {
                self.answerPull(summary, from: address)
            }
            return self.takeDirectives()
        }
        switch packet.message {
        case .ping(let sequence, let target):
            if self.own.state != .left { self.answerPing(sequence, target, from: address, over: carrier) }
        case .ack(let sequence, let digest):
            self.takeAnswer(sequence)
            self.compare(digest, of: packet.sender, at: now)
        case .nack(let sequence):
            self.takeNack(sequence)
        case .pingRequest(let sequence, let target, let targetAddress):
            if self.own.state != .left {
                self.pingForAnother(sequence, target, at: targetAddress, for: address, at: now)
            }
        case .pull(let summary):
            self.answerPull(summary, from: address)
        case .push(let summary):
            if self.seeds.contains(address) { self.seedMembers[address] = packet.sender }
            if self.own.incarnation == 0 { self.admit(incarnation: 1, at: now) }
            self.answerPush(summary, packet.claims, from: address)
        case .gossip, .fill:
            break
        }
        return self.takeDirectives()
    }

    // MARK: Merging

    mutating func merge(_ claim: MembershipClaim, at now: MonotonicInstant) {
        if claim.id == self.own.id { return self.mergeAboutItself(claim, at: now) }
        if self.own.state == .left { return }
        guard var peer = self.peers[claim.id] else { return self.meet(claim, at: now) }
        let isOther = claim.instance != peer.claim.instance
        if isOther, peer.claim.state.isPresent, claim.state.isPresent, claim.address != peer.claim.address {
            return self.report(claim, against: peer, at: now)
        }
        guard claim.overrides(peer.claim) else {
            self.confirm(claim, peer, at: now)
            if claim.incarnation == peer.claim.incarnation, !isOther { self.learn(claim.metadata, of: claim) }
            return
        }
        if isOther, peer.claim.state.isPresent {
            // It was started again before anybody noticed that it was gone.
            self.apply(failureOf: peer, at: now)
            peer = self.peers[claim.id] ?? peer
        }
        self.apply(claim, to: peer, at: now)
    }

    /// A member that was not known.
    private mutating func meet(_ claim: MembershipClaim, at now: MonotonicInstant) {
        guard self.peers.count < MembershipLimits.members else { return }
        var gone = claim
        gone.state = .left
        gone.metadata = nil
        let peer = Peer(
            claim: gone, metadata: [], metadataIncarnation: 0, suspicion: nil, goneAt: now, quietUntil: nil)
        self.apply(claim, to: peer, at: now)
    }

    /// Has a claim hold.
    private mutating func apply(_ claim: MembershipClaim, to old: Peer, at now: MonotonicInstant) {
        var peer = old
        let was = old.claim.state
        if was.isPresent { self.summary.remove(old.claim, isComplete: old.isComplete) }
        peer.claim = claim
        peer.claim.metadata = nil
        peer.claim.accuser = nil
        peer.suspicion = nil
        self.suspects.remove(claim.id)
        var isUpdated = was.isPresent && claim.state.isPresent && claim.address != old.claim.address
        if let metadata = claim.metadata {
            isUpdated = isUpdated || (was.isPresent && metadata != peer.metadata)
            peer.metadata = metadata
            peer.metadataIncarnation = claim.incarnation
        }
        if claim.state.isPresent {
            self.summary.add(claim, isComplete: peer.isComplete)
            peer.goneAt = nil
            if !was.isPresent {
                self.gone.remove(claim.id)
                self.order.add(claim.id, &self.generator)
                self.ring.add(claim.id)
            }
        } else {
            peer.goneAt = old.goneAt ?? now
            self.gone.insert(claim.id)
            if was.isPresent { self.ring.remove(claim.id) }
        }
        if claim.state == .suspected {
            peer.suspicion = self.suspicion(by: claim.accuser ?? claim.id, at: now)
            self.suspects.insert(claim.id)
            self.doubt(claim)
        }
        self.peers[claim.id] = peer
        self.announce(peer.member, was: was, isUpdated: isUpdated)
        var news = claim
        if claim.state != .alive { news.metadata = nil }
        self.rumour(news, at: now)
    }

    private mutating func apply(failureOf peer: Peer, at now: MonotonicInstant) {
        var claim = peer.claim
        claim.state = .failed
        self.apply(claim, to: peer, at: now)
    }

    private mutating func announce(_ member: Member, was: MemberState, isUpdated: Bool) {
        switch (was.isPresent, member.state) {
        case (false, .alive): self.tell(.joined(member))
        case (false, .suspected):
            self.tell(.joined(member))
            self.tell(.suspected(member))
        case (true, .alive):
            if was == .suspected { self.tell(.recovered(member)) }
            if isUpdated { self.tell(.updated(member)) }
        case (true, .suspected):
            if was == .alive { self.tell(.suspected(member)) }
        case (true, .failed): self.tell(.failed(member))
        case (true, .left): self.tell(.left(member))
        case (false, .failed), (false, .left): break
        }
    }

    /// What a member says of itself in the incarnation that is known, if it was left out before.
    private mutating func learn(_ metadata: [UInt8]?, of claim: MembershipClaim) {
        guard let metadata, var peer = self.peers[claim.id], peer.metadataIncarnation < claim.incarnation else {
            return
        }
        let isUpdated = metadata != peer.metadata && peer.claim.state.isPresent
        if peer.claim.state.isPresent { self.summary.remove(peer.claim, isComplete: peer.isComplete) }
        peer.metadata = metadata
        peer.metadataIncarnation = claim.incarnation
        if peer.claim.state.isPresent { self.summary.add(peer.claim, isComplete: peer.isComplete) }
        self.peers[claim.id] = peer
        if isUpdated { self.tell(.updated(peer.member)) }
    }

    // MARK: Suspicion

    private func suspicion(by accuser: NodeID, at now: MonotonicInstant) -> Suspicion {
        let minimum = self.settings.period * (Double(self.settings.suspicionFactor) * (1 + self.magnitude))
        // So many others have to be there at all: the accuser, the suspect, and those who confirm.
        let confirmations = min(self.settings.indirectPings, max(0, self.count - 2))
        return Suspicion(
            by: accuser, at: now, minimum: minimum, maximum: minimum * self.settings.suspicionSpread,
            expectedConfirmations: confirmations)
    }

    /// Those who come before a suspect on the ring look for themselves: twice as many as are needed, however many members there are.
    private mutating func doubt(_ claim: MembershipClaim) {
        guard claim.accuser != self.own.id, self.doubted.count < MembershipLimits.doubts,
            self.ring.comesBefore(claim.id, within: 2 * self.settings.indirectPings), !self.doubted.contains(claim.id)
        else { return }
        self.doubted.append(claim.id)
    }

    /// Another member has come to suspect it as well.
    private mutating func confirm(_ claim: MembershipClaim, _ peer: Peer, at now: MonotonicInstant) {
        guard claim.state == .suspected, let accuser = claim.accuser, claim.precedence == peer.claim.precedence,
            var suspicion = peer.suspicion, suspicion.confirm(by: accuser)
        else { return }
        self.peers[claim.id]?.suspicion = suspicion
        self.rumour(claim, at: now)
    }

    // MARK: Names that are used twice

    private mutating func report(_ claim: MembershipClaim, against peer: Peer, at now: MonotonicInstant) {
        if let quietUntil = peer.quietUntil, quietUntil > now { return }
        self.peers[claim.id]?.quietUntil = now.advanced(by: .seconds(60))
        self.tell(.conflict(claim.id, at: claim.address, with: peer.claim.address))
    }

    /// Something is claimed about this member.
    private mutating func mergeAboutItself(_ claim: MembershipClaim, at now: MonotonicInstant) {
        guard self.own.state != .left else { return }
        let isOther = claim.instance != self.own.instance
        if isOther, claim.state.isPresent, claim.address != self.own.address {
            // The greater claim has the name; the other one is silent until that one is gone.
            guard claim.overrides(self.own) else { return }
            if self.displacedBy == nil { self.tell(.displaced(by: claim.address)) }
            self.displacedBy = claim.address
            self.probe = nil
            self.relays = [:]
            return
        }
        guard claim.overrides(self.own) else { return }
        if !isOther { self.health.note(.suspectedByOthers) }
        if self.displacedBy != nil || self.own.incarnation == 0 {
            self.admit(incarnation: claim.incarnation + 1, at: now)
        } else {
            self.speak(incarnation: claim.incarnation + 1, at: now)
        }
    }
}
