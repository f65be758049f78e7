public import ColonyCore

extension VotingElection {
    /// Has the votes, and asks for the promises of a majority; with those it leads.
    mutating func lead(at now: MonotonicInstant) {
        self.role = .leader
        self.leader = nil
        self.votes = []
        self.standsAt = nil
        self.peers = [:]
        self.rounds = RoundTimes()
        self.lease = nil
        self.isSettled = false
        self.confirmsBy = now.advanced(by: self.settings.electionTimeout)
        // Under its own term the set is newer than whatever a former leader may still be about to spread.
        let configuration = self.record.configuration.under(term: self.record.term)
        self.write(at: now) { $0.configuration = configuration }
        self.configurationRevision = self.record.revision
        self.beginRound(at: now)
    }

    // MARK: Heartbeats

    /// Lets itself be heard by all.
    mutating func beginRound(at now: MonotonicInstant) {
        let limit = now.advanced(by: .zero - self.settings.electionTimeout)
        let round = self.rounds.begin(at: now, forgettingBefore: limit)
        self.heartbeatAt = now.advanced(by: self.settings.heartbeat)
        let configuration = self.record.configuration
        for member in configuration.set.members where member.id != self.id {
            let hasIt = self.peers[member.id]?.stamp == configuration.stamp
            let heartbeat = LeaderHeartbeat(
                term: self.record.term, round: round, stamp: configuration.stamp,
                configuration: hasIt ? nil : configuration)
            self.send(.heartbeat(heartbeat), to: member.id)
        }
        self.extendLease(at: now)
    }

    mutating func count(_ answer: HeartbeatAnswer, from sender: NodeID, at now: MonotonicInstant) {
        // A later term is one in which this node does not lead. It ends here also if the sender is alone in that term: it could not
        // follow otherwise.
        if answer.term > self.record.term { return self.enter(answer.term, at: now) }
        guard self.role == .leader, answer.term == self.record.term, self.voterSet[sender] != nil,
            let sentAt = self.rounds[answer.round]
        else { return }
        var peer = self.peers[sender] ?? Peer()
        if peer.promisedUntil.map({ $0 < now }) ?? true { peer.steadySince = now }
        let promisedUntil = sentAt.advanced(by: self.settings.lease(promised: answer.promise))
        peer.promisedUntil = max(peer.promisedUntil ?? promisedUntil, promisedUntil)
        peer.stamp = max(peer.stamp ?? answer.stamp, answer.stamp)
        peer.isWilling = answer.isWilling
        self.peers[sender] = peer
        self.extendLease(at: now)
        self.settle(at: now)
    }

    // MARK: The lease

    /// Until when a majority of the present set votes for nobody else; `nil` if too few have answered.
    private func promiseOfMajority(at now: MonotonicInstant) -> MonotonicInstant? {
        var promises: [MonotonicInstant] = []
        for member in self.voterSet.members where member.role == .voter {
            if member.id == self.id {
                promises.append(now.advanced(by: self.settings.lease))
            } else if let promise = self.peers[member.id]?.promisedUntil {
                promises.append(promise)
            }
        }
        let majority = self.voterSet.majority
        guard promises.count >= majority else { return nil }
        promises.sort(by: >)
        return promises[majority - 1]
    }

    /// Leads for as long as that.
    mutating func extendLease(at now: MonotonicInstant) {
        guard let until = self.promiseOfMajority(at: now), until > now else { return }
        if let lease {
            self.lease = max(lease, until)
        } else {
            self.lease = until
            self.confirmsBy = nil
            self.tell(.elected(term: self.term))
        }
    }

    /// Looks whether a majority of the present set has written it down under this leader.
    mutating func settle(at now: MonotonicInstant) {
        guard !self.isSettled, let lease = self.lease else { return }
        let stamp = self.record.configuration.stamp
        let isDurable = self.configurationRevision <= self.durableRevision
        let has = self.voterSet.isMajority { $0 == self.id ? isDurable : self.peers[$0]?.stamp == stamp }
        // What is left of the lease must have been promised under this set: with the next one a majority of the one before may have no
        // voter in common. That it has is certain unless voters promise for different times.
        guard has, let promise = self.promiseOfMajority(at: now), promise >= lease else { return }
        self.isSettled = true
        self.tell(.reconfigured(self.voterSet, isSettled: true))
    }

    /// Stops leading when the time is over, whatever else was heard.
    mutating func expire(at now: MonotonicInstant) {
        guard self.role == .leader, let end = self.lease ?? self.confirmsBy, end <= now else { return }
        self.lose(.unanswered, at: now)
    }

    /// Does not lead any more.
    mutating func lose(_ reason: LeadershipLoss, at now: MonotonicInstant) {
        if let lease {
            self.tell(.lost(term: self.term, reason))
            // Its own vote is one of those that it counted on. Whoever works under the lease until its end may rely on that.
            if reason == .superseded { self.promisedUntil = max(self.promisedUntil, lease) }
        }
        self.role = .follower
        self.lease = nil
        self.confirmsBy = nil
        self.heartbeatAt = nil
        self.peers = [:]
        self.isSettled = false
        self.drawPatience()
        self.rearm(at: now)
    }

    // MARK: Handing over

    /// Stops leading, and has another voter elected at once.
    ///
    /// This node does not lead any more when it returns, whether the other one is elected or not; if it is not, somebody else is after an election
    /// time-out.
    ///
    /// - Throws: ``ClusterError`` with code `notLeader`; `invalidConfiguration` if the other one is no other voter; `noMajority` if it
    ///   has not answered lately, or is not willing.
    public mutating func handOver(
        to successor: NodeID, at now: MonotonicInstant
    ) throws(ClusterError) -> [VotingDirective] {
        try self.demandLeadership(at: now)
        guard successor != self.id, self.voterSet[successor]?.role == .voter else {
            throw ClusterError(
                .invalidConfiguration,
                "\(NameRules.quoted(successor.rawValue)) cannot be handed the leadership: it is no other voter of \(self.voterSet)"
            )
        }
        guard self.isWell(successor, at: now) else {
            throw ClusterError(
                .noMajority,
                "\(NameRules.quoted(successor.rawValue)) cannot be handed the leadership: it has not answered lately, or is not willing"
            )
        }
        self.yield(to: successor, at: now)
        return self.takeDirectives()
    }

    /// Stops leading, and hands over if there is somebody who has answered lately. Does nothing if this node does not lead.
    public mutating func resign(at now: MonotonicInstant) -> [VotingDirective] {
        self.expire(at: now)
        guard self.role == .leader else { return self.takeDirectives() }
        let fit = self.voterSet.members.filter { $0.role == .voter && $0.id != self.id && self.isWell($0.id, at: now) }
        if let successor = fit.max(by: { $0.priority < $1.priority }) {
            self.yield(to: successor.id, at: now)
        } else {
            self.lose(.resigned, at: now)
        }
        return self.takeDirectives()
    }

    /// Hands over to a voter of a higher priority that has been well for long enough.
    mutating func yieldsToPreferred(at now: MonotonicInstant) -> Bool {
        guard self.isSettled, self.lease != nil, let own = self.voterSet[self.id] else { return false }
        var preferred: VotingMember?
        for member in self.voterSet.members
        where member.role == .voter && member.priority > (preferred ?? own).priority && self.isWell(member.id, at: now)
        {
            let since = self.peers[member.id]?.steadySince ?? now
            if since.duration(to: now) >= self.settings.steadiness { preferred = member }
        }
        guard let preferred else { return false }
        guard self.handsOverByItself else {
            self.tell(.outranked(by: preferred.id))
            return false
        }
        self.yield(to: preferred.id, at: now)
        return true
    }

    /// Whether a member has answered lately, knows the present set of voters, and would lead.
    private func isWell(_ id: NodeID, at now: MonotonicInstant) -> Bool {
        guard let peer = self.peers[id], let promise = peer.promisedUntil else { return false }
        return promise > now && peer.isWilling && peer.stamp == self.record.configuration.stamp
    }

    private mutating func yield(to successor: NodeID, at now: MonotonicInstant) {
        let term = self.record.term
        // First this one stops, then the other one begins.
        self.lose(.handedOver, at: now)
        self.send(.standNow(term: term), to: successor)
    }

    func demandLeadership(at now: MonotonicInstant) throws(ClusterError) {
        guard self.isLeader(at: now) else {
            let other = self.leader.map { "\(NameRules.quoted($0.rawValue)) does, as far as it knows" }
            throw ClusterError(
                .notLeader,
                "\(NameRules.quoted(self.id.rawValue)) does not lead; \(other ?? "nobody does, as far as it knows")")
        }
    }
}
