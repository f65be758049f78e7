public import ColonyCoordination
public import ColonyCore
import Synchronization

extension MemoryLeaseEngine: PermitEngine {
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        let (result, signals) = self.state.withLock {
            state -> (Result<PermitAcquisition, LeaseError>, [OneShotSignal]) in
            let now = self.clock.now
            var book = state.permits[request.name] ?? PermitBook()
            book.sweep(at: now)
            defer { state.permits[request.name] = book.isEmpty ? nil : book }
            let held: PermitBook.Holder?
            do throws(LeaseError) {
                held = try book.present(request)
            } catch {
                return (.failure(error), [])
            }
            if let present = held {
                let renewed = book.renew(request.owner, present.token, for: request.duration, at: now)
                return (.success(.granted((renewed ?? present).lease(of: request.name))), [])
            }
            if let obstacle = book.obstacle(to: request, at: now) {
                book.claim(request, at: now)
                return (.success(.refused(obstacle)), [])
            }
            state.lastToken += 1
            let hadClaims = !book.claims.isEmpty
            let holder = book.grant(request, FencingToken(rawValue: state.lastToken), at: now)
            if state.permits.count >= state.permitSweepThreshold { Self.sweepPermits(&state, at: now) }
            // The place of this owner was before that of others.
            let signals = hadClaims ? state.permitWaiters[request.name] ?? [] : []
            return (.success(.granted(holder.lease(of: request.name))), signals)
        }
        for signal in signals { signal.fire() }
        return try result.get()
    }

    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        return self.state.withLock { state in
            let holder = state.permits[lease.name]?.renew(lease.owner, lease.token, for: duration, at: self.clock.now)
            return holder?.lease(of: lease.name)
        }
    }

    @discardableResult
    public func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let (ended, signals) = self.state.withLock { state -> (Bool, [OneShotSignal]) in
            guard var book = state.permits[name] else { return (false, []) }
            book.sweep(at: self.clock.now)
            let (grant, any) = book.end(owner, token)
            state.permits[name] = book.isEmpty ? nil : book
            return (grant, any ? state.permitWaiters[name] ?? [] : [])
        }
        for signal in signals { signal.fire() }
        return ended
    }

    public func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        self.state.withLock { state in
            let now = self.clock.now
            var book = state.permits[name] ?? PermitBook()
            book.sweep(at: now)
            return book.record(name, at: now)
        }
    }

    @discardableResult
    public func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try request.check()
        let deadline = self.clock.now.advanced(by: limit)
        while true {
            // A signal fires once, so each look has one of its own, in place before the look.
            let signal = OneShotSignal()
            self.state.withLock { $0.permitWaiters[request.name, default: []].append(signal) }
            defer { self.forgetPermitWaiter(signal, of: request.name) }
            let (now, next) = self.state.withLock { state -> (MonotonicInstant, MonotonicInstant?) in
                let now = self.clock.now
                guard var book = state.permits[request.name] else { return (now, nil) }
                book.sweep(at: now)
                if book.allows(request) { return (now, nil) }
                return (now, book.earliestEnd)
            }
            guard let next else { return true }
            if now >= deadline { return false }
            do {
                _ = try await signal.wait(until: min(next, deadline), on: self.clock)
            } catch {
                throw LeaseError(.cancelled, "the wait for permits of \(request.name) was cancelled", cause: error)
            }
        }
    }

    private func forgetPermitWaiter(_ signal: OneShotSignal, of name: LeaseName) {
        self.state.withLock { state in
            state.permitWaiters[name]?.removeAll { $0 === signal }
            if state.permitWaiters[name]?.isEmpty == true { state.permitWaiters[name] = nil }
        }
    }

    private static func sweepPermits(_ state: inout State, at now: MonotonicInstant) {
        for name in Array(state.permits.keys) {
            state.permits[name]?.sweep(at: now)
            if state.permits[name]?.isEmpty == true { state.permits[name] = nil }
        }
        state.permitSweepThreshold = max(1_024, state.permits.count * 2)
    }
}
