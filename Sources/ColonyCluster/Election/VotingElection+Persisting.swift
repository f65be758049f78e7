public import ColonyCore

extension VotingElection {
    /// How many messages to one node may wait for the disk; those that are too many are lost, the oldest first, as on a network.
    private static let heldPerNode = 4

    /// The disk has the record of a revision, synced, and with it all before.
    ///
    /// - Important: Call it only then. What waits for it leaves.
    public mutating func persisted(_ revision: UInt64, at now: MonotonicInstant) -> [VotingDirective] {
        precondition(
            revision <= self.record.revision,
            "revision \(revision) is persisted, and \(self.record.revision) is the last")
        self.expire(at: now)
        self.durableRevision = max(self.durableRevision, revision)
        var rest: [Held] = []
        for held in self.held {
            if held.revision <= self.durableRevision {
                self.directives.append(.send(held.packet, to: held.destination))
            } else {
                rest.append(held)
            }
        }
        self.held = rest
        switch self.role {
        case .candidate where self.ballotRevision <= self.durableRevision && !self.votes.contains(self.id):
            self.votes.insert(self.id)
            self.tally(at: now)
        case .leader:
            self.extendLease(at: now)
            self.settle(at: now)
        case .follower, .inquirer, .candidate:
            break
        }
        return self.takeDirectives()
    }

    /// Changes the record, and has it written down before anything else leaves.
    mutating func write(at now: MonotonicInstant, _ change: (inout VoteRecord) -> Void) {
        change(&self.record)
        // What was promised under longer time-outs before the start is over by now.
        if now >= self.boundUntil { self.record.promise = self.settings.electionTimeout }
        self.touch()
    }

    mutating func touch() {
        guard !self.isDirty else { return }
        self.isDirty = true
        self.record.revision += 1
    }

    /// Sends a message once the disk has the record from which it follows.
    mutating func send(_ message: VotingMessage, to destination: NodeID) {
        let packet = VotingPacket(sender: self.id, start: self.start, message: message)
        guard self.durableRevision < self.record.revision else {
            return self.directives.append(.send(packet, to: destination))
        }
        if self.held.count(where: { $0.destination == destination }) >= Self.heldPerNode,
            let oldest = self.held.firstIndex(where: { $0.destination == destination })
        {
            self.held.remove(at: oldest)
        }
        // Who is no member may ask for votes as well, under any number of names.
        if self.held.count >= Self.heldPerNode * 2 * VoterSet.maximumCount { self.held.removeFirst() }
        self.held.append(Held(revision: self.record.revision, packet: packet, destination: destination))
    }

    mutating func takeDirectives() -> [VotingDirective] {
        if self.isDirty {
            self.isDirty = false
            self.directives.append(.persist(self.record))
        }
        defer { self.directives = [] }
        return self.directives
    }
}
