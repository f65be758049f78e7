package import ColonyCore

/// When to renew one lease and when to give it up, as a value: events in, directives out.
///
/// Two rules make it safe.
///
/// 1. *Only what was known before the request counts.* A lease is good until the moment its last answered request was
///    sent, plus its duration. When the answer came says nothing: the store's clock started in between.
/// 2. *The holder stops first.* The lease counts as lost a margin before that end, whatever the store is doing at the time:
///    a request that hangs cannot hold the verdict up. The margin covers clocks that run at different rates and the time it
///    takes the holder to notice.
///
/// A renewal is due when a third of the duration has passed, so that two may fail before the lease is in danger. A failed
/// one is repeated after a pause that a thirtieth of the duration bounds. Once lost, a lease stays lost: a late answer
/// changes nothing.
///
/// - SeeAlso: C. Gray, D. Cheriton, *Leases: an efficient fault-tolerant mechanism for distributed file cache consistency*,
///   SOSP 1989, section 5 (clock rates); the leader election of Kubernetes' client-go (renew deadline before lease end).
package struct LeaseKeeping: Sendable {
    package enum Directive: Equatable, Sendable {
        /// Nothing to do before that moment.
        case wait(until: MonotonicInstant)
        /// Ask the engine to renew `lease`, then report with ``LeaseKeeping/renewed(_:sentAt:)`` or
        /// ``LeaseKeeping/failed(at:)``.
        case renew(Lease)
        /// The lease is over for its holder: stop the protected work.
        case surrender(LockLossReason)
    }

    private enum Phase: Equatable {
        case held, renewing, lost(LockLossReason)
    }

    package private(set) var lease: Lease
    /// Until when the holder may believe that it holds the lease.
    package private(set) var validUntil: MonotonicInstant
    private var nextRenewal: MonotonicInstant
    private var phase = Phase.held
    private let margin: Double
    private let isRenewed: Bool

    /// - Parameters:
    ///   - margin: The part of the duration that is given up at the end, from 0 to 0.5.
    ///   - isRenewed: Whether the lease is renewed at all, or only watched.
    package init(_ lease: Lease, margin: Double, isRenewed: Bool) {
        self.lease = lease
        self.margin = margin
        self.isRenewed = isRenewed
        self.validUntil = lease.expiry
        self.nextRenewal = lease.expiry
        self.plan()
    }

    package func isValid(at now: MonotonicInstant) -> Bool {
        if case .lost = self.phase { return false }
        return now < self.validUntil
    }

    /// When to ask for a directive next, or `nil` if the lease is lost.
    package var nextDeadline: MonotonicInstant? {
        switch self.phase {
        case .lost: nil
        case .renewing: self.validUntil
        case .held: min(self.nextRenewal, self.validUntil)
        }
    }

    /// What to do now.
    package mutating func directive(at now: MonotonicInstant) -> Directive {
        if case .lost(let reason) = self.phase {
            return .surrender(reason)
        }
        if now >= self.validUntil {
            self.phase = .lost(.ranOut)
            return .surrender(.ranOut)
        }
        if self.phase == .held, now >= self.nextRenewal {
            self.phase = .renewing
            return .renew(self.lease)
        }
        return .wait(until: self.phase == .renewing ? self.validUntil : self.nextRenewal)
    }

    /// The engine has answered a renewal that was sent at `sentAt`. An answer that comes after the loss changes nothing.
    ///
    /// - Returns: Why the lease is lost, if the answer says so.
    package mutating func renewed(_ answer: Lease?, sentAt: MonotonicInstant) -> LockLossReason? {
        guard self.phase == .renewing else { return nil }
        guard let answer else {
            self.phase = .lost(.takenAway)
            return .takenAway
        }
        // The engine may have read its clock later than we sent the request; the earlier reading is the safe one.
        let expiry = max(self.lease.expiry, min(answer.expiry, sentAt.advanced(by: answer.duration)))
        self.lease = Lease(
            name: answer.name, owner: answer.owner, token: answer.token, duration: answer.duration, expiry: expiry)
        self.phase = .held
        self.plan()
        return nil
    }

    /// The engine did not answer a renewal. It may have acted or not, so the earlier end stands.
    package mutating func failed(at now: MonotonicInstant) {
        guard self.phase == .renewing else { return }
        self.phase = .held
        self.nextRenewal = now.advanced(by: self.lease.duration / 30)
    }

    private mutating func plan() {
        let duration = self.lease.duration.clampedNanoseconds
        self.validUntil = self.lease.expiry.advanced(byNanoseconds: -Int64(Double(duration) * self.margin))
        // Two thirds before the end is a third after the start.
        let due = self.lease.expiry.advanced(byNanoseconds: duration / 3 - duration)
        self.nextRenewal = self.isRenewed ? due : self.validUntil
    }
}

/// Why a holder no longer holds its lock.
public enum LockLossReason: Hashable, Sendable, CustomStringConvertible {
    /// No renewal was answered in time, because of the store, the network, or this process being stopped. Nobody
    /// else had the lock at the moment of the loss.
    case ranOut
    /// The engine says that the lease is over: it was broken by an operator, or ended before it could be renewed.
    case takenAway

    public var description: String {
        switch self {
        case .ranOut: "it could not be renewed in time"
        case .takenAway: "the engine says that it is over"
        }
    }
}
