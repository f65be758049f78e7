import ColonyCore
import Synchronization

/// What happens to the table under the lock, without clock readings and without waking anybody.
extension MemoryLeaseEngine {
    /// Who must be told, after the lock is given back, that a lease has ended.
    struct Ended {
        let wasAlive: Bool
        let waiters: [OneShotSignal]
        let observers: [ChangeObserver]

        func announce() -> Bool {
            for waiter in self.waiters { waiter.fire() }
            for observer in self.observers { observer.announce() }
            return self.wasAlive
        }
    }

    static func lease(_ name: LeaseName, _ grant: Grant) -> Lease {
        Lease(name: name, owner: grant.owner, token: grant.token, duration: grant.duration, expiry: grant.expiry)
    }

    static func record(_ name: LeaseName, _ grant: Grant, at now: MonotonicInstant) -> LeaseRecord? {
        guard grant.expiry > now else { return nil }
        return LeaseRecord(
            name: name, owner: grant.owner, token: grant.token, duration: grant.duration,
            remaining: now.duration(to: grant.expiry), age: grant.granted.duration(to: now), renewals: grant.renewals)
    }

    /// A renewal asks for at least `duration` from now; an end that is further away stays.
    static func extend(_ grant: Grant, for duration: Duration, from now: MonotonicInstant) -> Grant {
        var grant = grant
        grant.duration = duration
        grant.expiry = max(grant.expiry, now.advanced(by: duration))
        grant.renewals += 1
        return grant
    }

    static func renew(
        _ lease: Lease, for duration: Duration, at now: MonotonicInstant, in state: inout State
    ) -> Lease? {
        guard
            let present = state.grants[lease.name],
            present.owner == lease.owner, present.token == lease.token, present.expiry > now
        else { return nil }
        let extended = Self.extend(present, for: duration, from: now)
        state.grants[lease.name] = extended
        return Self.lease(lease.name, extended)
    }

    static func end(_ grant: Grant, of name: LeaseName, at now: MonotonicInstant, in state: inout State) -> Ended {
        state.grants[name] = nil
        return Ended(
            wasAlive: grant.expiry > now,
            waiters: state.waiters.isEmpty ? [] : state.waiters[name] ?? [],
            observers: Array(state.observers.values))
    }

    static func sweep(_ state: inout State, at now: MonotonicInstant) {
        state.grants = state.grants.filter { $0.value.expiry > now }
        state.sweepThreshold = max(1_024, state.grants.count * 2)
    }
}
