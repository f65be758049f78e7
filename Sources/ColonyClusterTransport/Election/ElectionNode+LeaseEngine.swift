import ColonyCluster
public import ColonyCore
import Synchronization

/// The leadership as a lease: one name, which this node grants to somebody in its process while it leads. The token is the term.
extension ElectionNode: LeaseEngine {
    /// Exclusive among all nodes, while clocks keep to their bound; terms outlive the loss of fewer nodes than a majority.
    public var guarantee: Guarantee { .linearizable }

    /// As long as the lease of a leader.
    public var longestLease: Duration { self.configuration.settings.lease }

    /// - Complexity: No round trip: what is known here decides. To be elected takes an election.
    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try self.check(name)
        try LeaseLimits.check(duration)
        let now = self.clock.now
        let (answer, loop) = try self.view.withLock { view throws(LeaseError) -> (Acquisition, ElectionLoop) in
            guard let loop = view.loop else { throw self.notRunning(view) }
            view.askedAt = now
            guard let leadership = view.leadership, now < leadership.until else {
                return (.held(self.holder(view)), loop)
            }
            if let grant = view.grant, grant.owner != owner {
                let remaining = now.duration(to: leadership.until)
                return (.held(LeaseHolder(owner: grant.owner, token: grant.token, remaining: remaining)), loop)
            }
            if view.grant == nil { view.grant = (owner, leadership.term, now) }
            return (.granted(self.lease(owner, leadership, for: duration, &view)), loop)
        }
        loop.poke()
        return answer
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try self.check(lease.name)
        try LeaseLimits.check(duration)
        let now = self.clock.now
        return self.view.withLock { view in
            guard let leadership = view.leadership, now < leadership.until, leadership.term == lease.token,
                view.grant?.owner == lease.owner
            else { return nil }
            return self.lease(lease.owner, leadership, for: duration, &view)
        }
    }

    /// Has the node stop leading, and hand over.
    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        try self.check(name)
        let now = self.clock.now
        let loop = self.view.withLock { view -> ElectionLoop? in
            guard let grant = view.grant, grant.owner == owner, token == nil || token == grant.token,
                let leadership = view.leadership, now < leadership.until
            else { return nil }
            // From here on nobody in this process takes it for led.
            view.stopGranting()
            // Its owner has stopped.
            view.grantedUntil = now
            return view.loop
        }
        guard let loop else { return false }
        await loop.perform { loop in loop.step { $0.resign(at: $1) } }
        return true
    }

    /// Who leads, as far as this node has heard.
    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try self.check(name)
        let now = self.clock.now
        return try self.view.withLock { view throws(LeaseError) -> LeaseRecord? in
            guard view.loop != nil else { throw self.notRunning(view) }
            if let leadership = view.leadership, now < leadership.until {
                guard let grant = view.grant else { return nil }
                return LeaseRecord(
                    name: name, owner: grant.owner, token: grant.token, duration: self.longestLease,
                    remaining: now.duration(to: leadership.until), age: grant.since.duration(to: now), renewals: 0)
            }
            guard view.leader != nil else { return nil }
            let holder = self.holder(view)
            return LeaseRecord(
                name: name, owner: holder.owner, token: holder.token, duration: self.longestLease,
                remaining: holder.remaining, age: .zero, renewals: 0)
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try self.check(name)
        let deadline = self.clock.now.advanced(by: limit)
        let signal = OneShotSignal()
        let loop = try self.view.withLock { view throws(LeaseError) -> ElectionLoop? in
            guard let loop = view.loop else { throw self.notRunning(view) }
            let isOver = view.leadership == nil ? self.holder(view).token != token : view.grant?.token != token
            if isOver { return nil }
            view.signals.append(signal)
            view.waiting += 1
            return loop
        }
        guard let loop else { return true }
        loop.poke()
        defer {
            let now = self.clock.now
            self.view.withLock { view in
                view.waiting -= 1
                view.askedAt = now
                view.signals.removeAll { $0 === signal }
            }
        }
        do {
            return try await signal.wait(until: deadline, on: self.clock)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(name) was cancelled", cause: error)
        }
    }

    // MARK: What they have in common

    /// Whether somebody in this process leads or wants to, so that the node stands for election. If nobody does, nobody is given a lease in
    /// this term any more, because whoever asks for one now would have it while the node resigns.
    func isWanted(at now: MonotonicInstant) -> Bool {
        // Between two waits of one campaign somebody who wants to lead is not seen for a moment.
        let memory = max(.seconds(2), self.configuration.settings.electionTimeout * 4)
        return self.view.withLock { view in
            if view.grant != nil || view.waiting > 0 || view.askedAt.advanced(by: memory) > now { return true }
            view.stopGranting()
            return false
        }
    }

    private func check(_ name: LeaseName) throws(LeaseError) {
        guard name == self.configuration.election else {
            throw LeaseError(
                .invalidRequest,
                "\(name) is not elected here: these nodes elect for \(self.configuration.election) only")
        }
    }

    private func notRunning(_ view: View) -> LeaseError {
        LeaseError(
            view.isClosed ? .closed : .unavailable, "the node \(self.configuration.node) of the election does not run")
    }

    /// The leader elsewhere, as the owner of a lease: `NODE/TERM`, so that observers see the node as the name of the candidate.
    private func holder(_ view: View) -> LeaseHolder {
        let node = view.leader?.rawValue ?? "nobody"
        let text = "\(String(node.prefix(200)))/\(view.term)"
        let owner = (try? OwnerID(text)) ?? "elsewhere"
        return LeaseHolder(owner: owner, token: view.term, remaining: self.configuration.settings.electionTimeout)
    }

    /// It ends when the leadership does, and sooner if somebody asked for less.
    private func lease(
        _ owner: OwnerID, _ leadership: VotingLeadership, for duration: Duration, _ view: inout View
    ) -> Lease {
        let most = self.longestLease
        let lasts = min(duration, most)
        // An end counted from the sending of a heartbeat, as the leadership has it, less what was not asked for.
        let expiry = leadership.until.advanced(by: lasts - most)
        view.grantedUntil = max(view.grantedUntil, expiry)
        return Lease(
            name: self.configuration.election, owner: owner, token: leadership.term, duration: lasts, expiry: expiry)
    }
}
