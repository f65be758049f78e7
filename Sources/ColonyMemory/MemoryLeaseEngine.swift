import ColonyCoordination
public import ColonyCore
import Synchronization

/// Leases in the memory of this process: the reference engine, and the fastest.
///
/// It is the contract of ``LeaseEngine`` in its plainest form: one mutex, one dictionary, one counter. The clock is read under
/// the mutex, so that what one call saw as over no later call sees as alive. Use it in tests, and
/// where the tasks of one process are all that contend. Nothing outlives the process.
///
/// - Complexity: Every member is O(1) on average, except listing, which is O(*n* log *n*).
public final class MemoryLeaseEngine: LeaseEngine {
    struct Grant {
        let owner: OwnerID
        let token: FencingToken
        let granted: MonotonicInstant
        var duration: Duration
        var expiry: MonotonicInstant
        var renewals: UInt64 = 0
    }

    struct State {
        var grants: [LeaseName: Grant] = [:]
        var waiters: [LeaseName: [OneShotSignal]] = [:]
        var observers: [ObjectIdentifier: ChangeObserver] = [:]
        var lastToken: UInt64 = 0
        /// At how many grants those that have run out are swept away. Doubling it makes the sweep O(1) per grant.
        var sweepThreshold = 1_024

        var permits: [LeaseName: PermitBook] = [:]
        var permitWaiters: [LeaseName: [OneShotSignal]] = [:]
        var permitSweepThreshold = 1_024

        var groups: [LeaseName: RegistryGroup] = [:]
        var registryWaiters: [LeaseName: [OneShotSignal]] = [:]
        var lastRevision: UInt64 = 0
        /// The number of the latest change that left a group empty.
        var lastDrop: UInt64 = 0
    }

    let clock: any MonotonicClock
    let state = Mutex(State())

    /// Makes an engine without leases.
    ///
    /// - Parameter clock: What leases run out by; the host's clock outside tests.
    public init(clock: any MonotonicClock = HostClock()) {
        self.clock = clock
    }

    /// Exclusive among the tasks of this process; nothing outlives it.
    public var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let (result, observers) = self.state.withLock { state -> (Acquisition, [ChangeObserver]) in
            let now = self.clock.now
            let present = state.grants[name]
            if let present, present.expiry > now {
                guard present.owner == owner else {
                    let remaining = now.duration(to: present.expiry)
                    return (.held(LeaseHolder(owner: present.owner, token: present.token, remaining: remaining)), [])
                }
                let extended = Self.extend(present, for: duration, from: now)
                state.grants[name] = extended
                return (.granted(Self.lease(name, extended)), [])
            }
            state.lastToken += 1
            let grant = Grant(
                owner: owner, token: FencingToken(rawValue: state.lastToken), granted: now, duration: duration,
                expiry: now.advanced(by: duration))
            state.grants[name] = grant
            if state.grants.count >= state.sweepThreshold { Self.sweep(&state, at: now) }
            return (.granted(Self.lease(name, grant)), Array(state.observers.values))
        }
        for observer in observers { observer.announce() }
        return result
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        return self.state.withLock { Self.renew(lease, for: duration, at: self.clock.now, in: &$0) }
    }

    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let ended = self.state.withLock { state -> Ended? in
            guard let present = state.grants[name], present.owner == owner, token == nil || token == present.token
            else { return nil }
            return Self.end(present, of: name, at: self.clock.now, in: &state)
        }
        return ended?.announce() ?? false
    }

    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        return self.state.withLock { state in
            state.grants[name].flatMap { Self.record(name, $0, at: self.clock.now) }
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: limit)
        let signal = OneShotSignal()
        self.state.withLock { $0.waiters[name, default: []].append(signal) }
        defer { self.forget(signal, of: name) }
        while true {
            let (now, expiry) = self.state.withLock { state -> (MonotonicInstant, MonotonicInstant?) in
                let now = self.clock.now
                guard let present = state.grants[name], present.token == token, present.expiry > now
                else { return (now, nil) }
                return (now, present.expiry)
            }
            guard let expiry else { return true }
            if now >= deadline { return false }
            do {
                // A renewal moves the expiry without a signal; the loop then finds the lease alive and sleeps on.
                if try await signal.wait(until: min(expiry, deadline), on: self.clock) { return true }
            } catch {
                throw LeaseError(.cancelled, "the wait for \(name) was cancelled", cause: error)
            }
        }
    }

    private func forget(_ signal: OneShotSignal, of name: LeaseName) {
        self.state.withLock { state in
            state.waiters[name]?.removeAll { $0 === signal }
            if state.waiters[name]?.isEmpty == true { state.waiters[name] = nil }
        }
    }
}

extension LeaseEngine where Self == MemoryLeaseEngine {
    /// Leases in the memory of this process, for tests and for the tasks of one process.
    ///
    /// Each call makes a new engine that knows nothing of others: locks that shall contend must be given the same one.
    public static func memory() -> MemoryLeaseEngine { MemoryLeaseEngine() }
}
