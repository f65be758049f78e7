import ColonyCore

extension Membership {
    /// How many it suspects.
    package var suspectCount: Int { self.suspects.count }

    /// What contradicts itself in what it keeps, if anything does: for tests, which look after each step.
    ///
    /// - Complexity: O(*n*).
    package var defect: String? {
        var summary = MembershipSummary()
        summary.add(self.own)
        var suspectCount = 0
        for (id, peer) in self.peers {
            let isPresent = peer.claim.state.isPresent
            if isPresent { summary.add(peer.claim, isComplete: peer.isComplete) }
            if self.gone.contains(id) == isPresent { return "it has \(id) for gone and for present, or neither" }
            if isPresent, !self.order.contains(id) { return "it never pings \(id)" }
            guard peer.claim.state == .suspected else { continue }
            suspectCount += 1
            if !self.suspects.contains(id), self.own.state != .left { return "it never fails \(id), which it suspects" }
        }
        if summary != self.summary { return "its summary is not that of whom it knows" }
        if self.gone.count + self.ring.count != self.peers.count { return "its ring has others than are there" }
        if self.suspects.count > suspectCount { return "it has others for suspects than are" }
        return nil
    }

    /// Spoils what it keeps, to see that ``defect`` finds it.
    package mutating func spoil() { self.summary.add(self.own) }
}
