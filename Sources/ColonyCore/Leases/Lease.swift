/// A grant: for a while, `owner` and nobody else holds `name`.
public struct Lease: Hashable, Sendable {
    /// What is held.
    public let name: LeaseName
    /// Who holds it.
    public let owner: OwnerID
    /// The number that the protected resource must check; greater than that of every earlier grant of the name.
    public let token: FencingToken
    /// How long the engine keeps the lease without a renewal, by its own clock.
    public let duration: Duration
    /// When the lease ends unless it is renewed, on the clock of this host.
    ///
    /// It is counted from a moment *before* the request left, so it is never later than the end that the engine's own
    /// clock will see, as long as both clocks run at the same rate.
    public let expiry: MonotonicInstant

    /// Makes the answer of an engine; only engines grant leases.
    public init(
        name: LeaseName, owner: OwnerID, token: FencingToken, duration: Duration, expiry: MonotonicInstant
    ) {
        self.name = name
        self.owner = owner
        self.token = token
        self.duration = duration
        self.expiry = expiry
    }
}

/// What an engine answers to somebody who asks for a lease.
public enum Acquisition: Hashable, Sendable {
    /// The name was free, or this owner held it already.
    case granted(Lease)
    /// Another owner holds the name.
    case held(LeaseHolder)

    /// The lease, or `nil` while another owner holds the name.
    public var lease: Lease? {
        if case .granted(let lease) = self { lease } else { nil }
    }
}

/// Who stands in the way of an acquisition.
public struct LeaseHolder: Hashable, Sendable {
    /// Who holds the name.
    public let owner: OwnerID
    /// The token of the present grant; what ``LeaseEngine/waitForChange(of:from:upTo:)`` is told to wait for the end of.
    public let token: FencingToken
    /// How much longer the lease runs unless it is renewed, as the engine sees it.
    public let remaining: Duration

    /// Makes the answer of an engine.
    public init(owner: OwnerID, token: FencingToken, remaining: Duration) {
        self.owner = owner
        self.token = token
        self.remaining = remaining
    }
}

/// A held lease as an operator sees it.
public struct LeaseRecord: Hashable, Sendable {
    /// What is held.
    public let name: LeaseName
    /// Who holds it.
    public let owner: OwnerID
    /// The fencing token of the present grant.
    public let token: FencingToken
    /// The duration of the latest grant or renewal.
    public let duration: Duration
    /// How much longer the lease runs unless it is renewed. Greater than zero: a lease that has run out has no record.
    public let remaining: Duration
    /// How long the owner has held the name without a break.
    public let age: Duration
    /// How often the lease was renewed.
    public let renewals: UInt64
    /// Who waits, the longest wait first, as far as the engine knows: an engine without a queue of its own knows nobody.
    public let waiters: [LeaseWaiter]

    /// Makes the answer of an engine.
    public init(
        name: LeaseName, owner: OwnerID, token: FencingToken, duration: Duration, remaining: Duration, age: Duration,
        renewals: UInt64, waiters: [LeaseWaiter] = []
    ) {
        self.name = name
        self.owner = owner
        self.token = token
        self.duration = duration
        self.remaining = remaining
        self.age = age
        self.renewals = renewals
        self.waiters = waiters
    }
}

/// Somebody who waits for a lease.
public struct LeaseWaiter: Hashable, Sendable {
    /// Who waits.
    public let owner: OwnerID
    /// How long it has waited.
    public let age: Duration

    /// Makes the answer of an engine or a waiting room.
    public init(owner: OwnerID, age: Duration) {
        self.owner = owner
        self.age = age
    }
}
