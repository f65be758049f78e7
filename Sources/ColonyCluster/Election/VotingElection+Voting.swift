public import ColonyCore

extension VotingElection {
    /// Takes in a packet.
    ///
    /// What is old, comes twice, or comes from elsewhere does no harm.
    public mutating func receive(_ packet: VotingPacket, at now: MonotonicInstant) -> [VotingDirective] {
        self.expire(at: now)
        if self.accepts(packet, at: now) {
            switch packet.message {
            case .voteRequest(let request): self.answer(request, from: packet.sender, at: now)
            case .voteAnswer(let answer): self.count(answer, from: packet.sender, at: now)
            case .heartbeat(let heartbeat): self.follow(heartbeat, from: packet.sender, at: now)
            case .heartbeatAnswer(let answer): self.count(answer, from: packet.sender, at: now)
            case .standNow(let term): self.succeed(term, at: now)
            }
        }
        return self.takeDirectives()
    }

    /// Whether a packet is of the latest start of its sender, and its sender the only one of its name.
    private mutating func accepts(_ packet: VotingPacket, at now: MonotonicInstant) -> Bool {
        guard packet.sender != self.id else {
            if packet.start != self.start { self.tellConflict(packet.sender, at: now) }
            return false
        }
        if let known = self.starts[packet.sender] {
            if packet.start.number < known.number { return false }
            if packet.start.number == known.number {
                guard packet.start.nonce != known.nonce else { return true }
                self.tellConflict(packet.sender, at: now)
                return false
            }
        } else if self.starts.count >= 2 * VoterSet.maximumCount {
            // Names that are no members come from nowhere that matters.
            self.starts = self.starts.filter { self.voterSet[$0.key] != nil }
        }
        self.starts[packet.sender] = packet.start
        return true
    }

    mutating func tellConflict(_ id: NodeID, at now: MonotonicInstant) {
        guard now >= self.quietUntil else { return }
        self.quietUntil = now.advanced(by: .seconds(10))
        self.tell(.conflict(id))
    }

    // MARK: Standing for election

    /// Stands for election from now on, or does not any more, as where nobody has work for a leader. One that leads and is not willing
    /// resigns, as by ``resign(at:)``, and one that stands gives up.
    public mutating func setWilling(_ isWilling: Bool, at now: MonotonicInstant) -> [VotingDirective] {
        self.expire(at: now)
        guard isWilling != self.isWilling else { return self.takeDirectives() }
        self.isWilling = isWilling
        if !isWilling {
            // Votes that are still to come elect nobody who would not resign any more.
            if self.role == .inquirer || self.role == .candidate { self.role = .follower }
            return self.resign(at: now)
        }
        // It did not wait for anything. Some time, in case others begin to be willing at the same moment.
        if self.role != .leader, self.standsAt == nil {
            self.standsAt = max(now.advanced(by: self.drawnBallotTime() / 4), self.promisedUntil)
        }
        return self.takeDirectives()
    }

    /// Asks who would vote for it.
    mutating func inquire(at now: MonotonicInstant) {
        // Its own vote is promised as well.
        guard now >= self.promisedUntil else { return self.standsAt = self.promisedUntil }
        if let leader = self.leader {
            self.leader = nil
            self.tell(.leaderUnheard(leader))
        }
        guard self.isVoter, self.isWilling else { return self.standsAt = nil }
        self.role = .inquirer
        self.votes = [self.id]
        self.isRefused = false
        self.ballotStamp = self.record.configuration.stamp
        self.standsAt = now.advanced(by: self.drawnBallotTime())
        self.ask(.inquiry, term: self.record.term + 1)
        self.tally(at: now)
    }

    /// Asks for votes, after it has written down that it votes for itself.
    mutating func stand(_ kind: VoteRequest.Kind, term: UInt64, at now: MonotonicInstant) {
        self.role = .candidate
        self.leader = nil
        self.votes = []
        self.isRefused = false
        self.ballotStamp = self.record.configuration.stamp
        let id = self.id
        self.write(at: now) {
            $0.term = term
            $0.vote = id
        }
        self.ballotRevision = self.record.revision
        self.standsAt = now.advanced(by: self.drawnBallotTime())
        self.ask(kind, term: term)
    }

    private mutating func ask(_ kind: VoteRequest.Kind, term: UInt64) {
        let request = VoteRequest(kind: kind, term: term, configuration: self.record.configuration.stamp)
        for voter in self.voterSet.voters where voter != self.id { self.send(.voteRequest(request), to: voter) }
    }

    /// Looks whether it has the votes of a majority.
    mutating func tally(at now: MonotonicInstant) {
        guard self.role == .inquirer || self.role == .candidate else { return }
        // Votes for a candidate with one set of voters say nothing about one with another set.
        guard self.ballotStamp == self.record.configuration.stamp else { return self.role = .follower }
        guard self.voterSet.isMajority({ self.votes.contains($0) }) else { return }
        if self.role == .inquirer {
            self.stand(.vote, term: self.record.term + 1, at: now)
        } else {
            self.lead(at: now)
        }
    }

    private mutating func count(_ answer: VoteAnswer, from sender: NodeID, at now: MonotonicInstant) {
        if let configuration = answer.configuration, self.role != .leader {
            self.install(configuration, at: now)
        }
        if answer.term > self.record.term { return self.enter(answer.term, at: now) }
        let isExpected =
            switch self.role {
            case .inquirer: answer.kind == .inquiry && answer.requestedTerm == self.record.term + 1
            case .candidate: answer.kind != .inquiry && answer.requestedTerm == self.record.term
            case .follower, .leader: false
            }
        guard isExpected else { return }
        guard answer.isGranted else {
            if !self.isRefused, let standsAt = self.standsAt {
                self.isRefused = true
                self.standsAt = min(standsAt, now.advanced(by: self.drawnBallotTime(isRefused: true)))
            }
            return
        }
        self.votes.insert(sender)
        self.tally(at: now)
    }

    /// The leader of a term has stopped, and wants this node to be elected.
    private mutating func succeed(_ term: UInt64, at now: MonotonicInstant) {
        guard self.isVoter, self.isWilling, term >= self.record.term, self.role != .leader else { return }
        self.stand(.handover, term: term + 1, at: now)
    }

    // MARK: Voting

    private mutating func answer(_ request: VoteRequest, from candidate: NodeID, at now: MonotonicInstant) {
        let own = self.record.configuration.stamp
        if request.configuration.contradicts(own) {
            if now >= self.quietUntil {
                self.quietUntil = now.advanced(by: .seconds(10))
                self.tell(.foundedOtherwise(candidate))
            }
            return
        }
        let knowsTheSet = request.configuration >= own
        // A leader has promised to itself for as long as it leads.
        let isBound = now < self.promisedUntil || (self.role == .leader && self.lease != nil)
        let isGranted =
            switch request.kind {
            case .inquiry:
                request.term > self.record.term && knowsTheSet && !isBound && self.role != .leader
            case .vote:
                !isBound && self.vote(for: candidate, request, knowsTheSet, at: now)
            case .handover:
                // The leader of the term before has stopped, and all before it had to before that one was elected: what was promised
                // to any of them is void. A promise to the leader of this very term is not.
                (request.term > self.record.term || !isBound)
                    && self.vote(for: candidate, request, knowsTheSet, at: now)
            }
        let answer = VoteAnswer(
            kind: request.kind, requestedTerm: request.term, isGranted: isGranted, term: self.record.term,
            configuration: knowsTheSet ? nil : self.record.configuration)
        self.send(.voteAnswer(answer), to: candidate)
    }

    /// Gives its vote if it has not given it to another candidate in this term.
    private mutating func vote(
        for candidate: NodeID, _ request: VoteRequest, _ knowsTheSet: Bool, at now: MonotonicInstant
    ) -> Bool {
        if request.term > self.record.term { self.enter(request.term, at: now) }
        guard request.term == self.record.term, knowsTheSet, self.leader == nil else { return false }
        if let vote = self.record.vote { return vote == candidate }
        self.write(at: now) { $0.vote = candidate }
        self.drawPatience()
        self.rearm(at: now)
        return true
    }

    /// Goes on to a later term, in which nobody leads as far as it knows.
    mutating func enter(_ term: UInt64, at now: MonotonicInstant) {
        if self.role == .leader { self.lose(.superseded, at: now) }
        self.role = .follower
        self.leader = nil
        self.write(at: now) {
            $0.term = term
            $0.vote = nil
        }
        if self.standsAt == nil { self.rearm(at: now) }
    }

    // MARK: Following

    private mutating func follow(_ heartbeat: LeaderHeartbeat, from sender: NodeID, at now: MonotonicInstant) {
        guard heartbeat.term >= self.record.term else { return self.answer(heartbeat, to: sender) }
        // One leader in a term: another one is a process that has forgotten its votes.
        if heartbeat.term == self.record.term, self.role == .leader { return self.tellConflict(sender, at: now) }
        if heartbeat.term > self.record.term { self.enter(heartbeat.term, at: now) }
        self.role = .follower
        if self.leader != sender {
            self.leader = sender
            self.drawPatience()
            self.tell(.following(sender, term: FencingToken(rawValue: heartbeat.term)))
        }
        self.promisedUntil = max(self.promisedUntil, now.advanced(by: self.settings.electionTimeout))
        if let configuration = heartbeat.configuration { self.install(configuration, at: now) }
        self.rearm(at: now)
        self.answer(heartbeat, to: sender)
    }

    private mutating func answer(_ heartbeat: LeaderHeartbeat, to leader: NodeID) {
        let answer = HeartbeatAnswer(
            term: self.record.term, round: heartbeat.round, stamp: self.record.configuration.stamp,
            promise: self.settings.electionTimeout, isWilling: self.isWilling)
        self.send(.heartbeatAnswer(answer), to: leader)
    }

    /// Takes over a set of voters if it is newer than its own.
    mutating func install(_ configuration: VoterConfiguration, at now: MonotonicInstant) {
        guard configuration.stamp > self.record.configuration.stamp else { return }
        let isOther = configuration.set != self.voterSet
        self.write(at: now) { $0.configuration = configuration }
        self.configurationRevision = self.record.revision
        if self.role != .leader { self.role = .follower }
        if isOther { self.tell(.reconfigured(configuration.set, isSettled: false)) }
        self.rearm(at: now)
    }
}
