import ColonyCore
import Synchronization

/// A queue in the plainest way: who is first when the name is free takes it, and everybody looks when anything changes.
extension FlawedLeaseEngine: FairLeaseEngine {
    var deadWaiterBound: Duration { .zero }

    func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        var duration = duration
        if self.has(.fairTakesAnyDuration) {
            duration = min(max(duration, LeaseLimits.duration.lowerBound), LeaseLimits.duration.upperBound)
        }
        let asked = self.clock.now
        let answer = try await self.tryAcquire(name, owner: owner, for: duration)
        guard case .held = answer, limit > .zero || self.has(.zeroLimitWaits) else { return answer }
        let key = self.key(name)
        let id = self.enter(key, owner)
        do {
            let lease = try await self.turn(
                id, key, name, owner, duration, asked: asked, until: asked.advanced(by: max(limit, .milliseconds(1))))
            if lease == nil, self.has(.limitKeepsTurn) { return answer }
            self.leave(id, key)
            guard let lease else { return try await self.tryAcquire(name, owner: owner, for: duration) }
            return .granted(lease)
        } catch {
            if !self.has(.cancelledKeepsTurn) { self.leave(id, key) }
            throw LeaseError(.cancelled, "the wait was cancelled", cause: error)
        }
    }

    func next(in queue: [Turn]?) -> Turn? {
        self.has(.servesLastFirst) ? queue?.last : queue?.first
    }

    func waiters(_ turns: [Turn]?, at now: MonotonicInstant) -> [LeaseWaiter] {
        if self.has(.queueIsHidden) { return [] }
        return (turns ?? []).map { turn in
            LeaseWaiter(owner: turn.owner, age: self.has(.waiterHasNoAge) ? .zero : turn.since.duration(to: now))
        }
    }

    private func enter(_ key: String, _ owner: OwnerID) -> UInt64 {
        self.state.withLock { state in
            state.lastTurn += 1
            state.queues[key, default: []].append(Turn(id: state.lastTurn, owner: owner, since: self.clock.now))
            return state.lastTurn
        }
    }

    private func leave(_ id: UInt64, _ key: String) {
        let others = self.state.withLock { state in
            state.queues[key]?.removeAll { $0.id == id }
            return state.waiters.filter { $0.key == key }
        }
        others.forEach { $0.signal.fire() }
    }

    /// Waits until it is this one's turn and the name is free, and takes it.
    private func turn(
        _ id: UInt64, _ key: String, _ name: LeaseName, _ owner: OwnerID, _ duration: Duration, asked: MonotonicInstant,
        until deadline: MonotonicInstant
    ) async throws -> Lease? {
        while true {
            let signal = OneShotSignal()
            let (lease, wake) = self.state.withLock { state -> (Lease?, MonotonicInstant) in
                let now = self.clock.now
                if let grant = state.grants[key], self.isAlive(grant, at: now) {
                    state.waiters.append((key, signal))
                    return (nil, self.has(.turnIgnoresExpiry) ? deadline : min(grant.expiry, deadline))
                }
                guard self.next(in: state.queues[key])?.id == id else {
                    state.waiters.append((key, signal))
                    return (nil, deadline)
                }
                let start = self.has(.durationCountsFromRequest) ? asked : now
                let grant = Grant(
                    name: name, owner: owner, token: self.nextToken(in: &state, after: state.grants[key]), granted: now,
                    duration: duration, expiry: start.advanced(by: duration))
                state.grants[key] = grant
                state.queues[key]?.removeAll { $0.id == id }
                self.announce(&state)
                return (self.lease(grant), now)
            }
            if let lease { return lease }
            defer { self.state.withLock { $0.waiters.removeAll { $0.signal === signal } } }
            if self.clock.now >= deadline { return nil }
            if self.has(.turnIsUncancellable) {
                _ = try await Task { try await signal.wait(until: wake, on: self.clock) }.value
            } else {
                _ = try await signal.wait(until: wake, on: self.clock)
            }
        }
    }
}
