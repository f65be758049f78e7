public import ColonyCore

extension Membership {
    /// Does what is due. Its owner calls it at ``nextWake``, or somewhat later.
    public mutating func wake(at now: MonotonicInstant) -> [MembershipDirective] {
        self.note(now)
        // Also while it is silent: what is overdue and not done would have it woken at once, over and over.
        if self.own.state != .left { self.failSuspects(at: now) }
        if self.own.state != .left, self.displacedBy == nil {
            self.giveUpRelays(at: now)
            if let asksAt = self.probe?.asksAt, asksAt <= now { self.askOthers() }
            if let nextPeriod, nextPeriod <= now { self.beginPeriod(at: now) }
        } else if let nextPeriod, nextPeriod <= now {
            self.nextPeriod = now.advanced(by: self.settings.period)
        }
        if let nextExchange, nextExchange <= now { self.lookForTheLost(at: now) }
        if let nextGossip, nextGossip <= now { self.tellNews(at: now) }
        return self.takeDirectives()
    }

    // MARK: A period

    private mutating func beginPeriod(at now: MonotonicInstant) {
        self.endProbe(at: now)
        self.forget(at: now)
        self.nextPeriod = now.advanced(by: self.health.stretched(self.settings.period))
        guard let target = self.nextTarget(), let peer = self.peers[target] else { return }
        let sequence = self.nextSequence()
        self.probe = Probe(
            target: target, sequence: sequence,
            asksAt: now.advanced(by: self.health.stretched(self.settings.pingTimeout)))
        self.send(.ping(sequence: sequence, target: target), to: peer)
    }

    private mutating func nextTarget() -> NodeID? {
        while !self.doubted.isEmpty {
            let doubted = self.doubted.removeFirst()
            if self.suspects.contains(doubted) { return doubted }
        }
        defer { self.isTurnOfRing.toggle() }
        if self.isTurnOfRing, let successor = self.ring.successor { return successor }
        let peers = self.peers
        return self.order.next(&self.generator) { peers[$0]?.claim.state.isPresent != true }
    }

    /// The ping of the last period was answered, or its target is suspected.
    private mutating func endProbe(at now: MonotonicInstant) {
        guard let probe = self.probe else { return }
        self.probe = nil
        if probe.isAnswered { return self.health.note(.answer) }
        // Who was asked and is silent as well tells that it may be this member that hears nothing.
        if probe.hasAsked {
            for _ in 0..<probe.silent { self.health.note(.missingNack) }
        } else {
            self.health.note(.missingAnswer)
        }
        guard let peer = self.peers[probe.target], peer.claim.state.isPresent else { return }
        var claim = peer.claim
        claim.state = .suspected
        claim.accuser = self.own.id
        self.merge(claim, at: now)
    }

    /// The target has not answered in time: others are asked to ping it, and it is pinged over a connection.
    private mutating func askOthers() {
        guard var probe = self.probe else { return }
        probe.asksAt = nil
        defer { self.probe = probe }
        guard !probe.isAnswered, let target = self.peers[probe.target] else { return }
        let helpers = self.draw(self.settings.indirectPings, besides: probe.target)
        for helper in helpers {
            self.send(
                .pingRequest(sequence: probe.sequence, target: probe.target, address: target.claim.address), to: helper)
        }
        probe.silent = helpers.count
        probe.hasAsked = !helpers.isEmpty
        self.send(.ping(sequence: probe.sequence, target: probe.target), to: target, over: .connection)
    }

    // MARK: Answers

    mutating func answerPing(
        _ sequence: UInt32, _ target: NodeID, from address: MemberAddress, over carrier: MembershipCarrier
    ) {
        // Somebody else had this address before. Its silence must be noticed.
        guard target == self.own.id else { return }
        self.send(.ack(sequence: sequence, digest: self.digest), to: address, over: carrier)
    }

    mutating func takeAnswer(_ sequence: UInt32) {
        if let relay = self.relays.removeValue(forKey: sequence) {
            self.send(.ack(sequence: relay.sequence, digest: self.digest), to: relay.origin, over: .datagram)
        } else if self.probe?.sequence == sequence {
            self.probe?.isAnswered = true
            self.probe?.asksAt = nil
        }
    }

    mutating func takeNack(_ sequence: UInt32) {
        guard let probe = self.probe, probe.sequence == sequence, probe.silent > 0 else { return }
        self.probe?.silent -= 1
    }

    mutating func pingForAnother(
        _ sequence: UInt32, _ target: NodeID, at address: MemberAddress, for origin: MemberAddress,
        at now: MonotonicInstant
    ) {
        guard self.relays.count < MembershipLimits.relays else { return }
        let own = self.nextSequence()
        // So early that the one who asks hears of it before its period ends.
        self.relays[own] = Relay(
            origin: origin, sequence: sequence, deadline: now.advanced(by: self.settings.pingTimeout * 4 / 5))
        self.send(.ping(sequence: own, target: target), to: address, over: .datagram)
    }

    private mutating func giveUpRelays(at now: MonotonicInstant) {
        // In an order of their own, because a dictionary has another one in each process and runs must be repeatable.
        for sequence in self.relays.keys.sorted() {
            guard let relay = self.relays[sequence], relay.deadline <= now else { continue }
            self.relays[sequence] = nil
            self.send(.nack(sequence: relay.sequence), to: relay.origin, over: .datagram)
        }
    }

    // MARK: Suspects

    private mutating func failSuspects(at now: MonotonicInstant) {
        for id in self.suspects.sorted() {
            guard let peer = self.peers[id], let suspicion = peer.suspicion, suspicion.deadline <= now else { continue }
            var claim = peer.claim
            claim.state = .failed
            claim.accuser = nil
            self.merge(claim, at: now)
        }
    }

    /// Drops those who have been gone for long.
    private mutating func forget(at now: MonotonicInstant) {
        if self.gone.isEmpty { return }
        let limit = now.advanced(by: .zero - self.settings.memory)
        for id in self.gone where self.peers[id]?.goneAt.map({ $0 < limit }) ?? true {
            self.peers[id] = nil
            self.gone.remove(id)
        }
    }
}
