public import ColonyCore

/// An engine that keeps permits: a name that several owners may hold at once, up to a limit. The port under semaphores and
/// read-write locks.
///
/// What an owner holds of a name is a ``ColonyCore/Lease`` like any other: it has a token, and it runs out unless it is renewed.
/// An exclusive hold is one that takes all permits, so readers take one each and a writer takes the limit. That makes one
/// port of what would be two.
///
/// Names of permits and names of leases do not meet: `a` may be leased and have permits.
public protocol PermitEngine: LeaseEngine {
    /// Grants permits if, together with those that are held, they stay within the limit, and if no claim stands before, in
    /// one atomic step.
    ///
    /// *Claims.* A refused request with a ``PermitRequest/claim`` is remembered for that long, in the order of arrival. While
    /// it is, nobody who comes later is granted permits of the name, however few; nobody but those whose claims came earlier.
    /// Repeating the request keeps its place and remembers it for as long again. It ends with the grant, with
    /// ``returnPermits(_:owner:token:)``, or when it is not repeated in time: so a waiter that died delays others by one claim
    /// at the most.
    ///
    /// Repeating the call with the same owner while it holds permits of the name extends the lease to the duration from now
    /// and keeps its token, so a caller that saw ``ColonyCore/LeaseError/Code/unavailable`` simply asks again. Asking for
    /// another number then is refused with `invalidRequest`. The token is greater than that of every earlier grant of permits
    /// of the name. Each request is judged by the limit that it brings, so all who share a name bring the same.
    ///
    /// - Returns: The lease, or what stands in the way.
    /// - Throws: ``ColonyCore/LeaseError``. After `cancelled` or `unavailable` the owner may hold the permits or the claim:
    ///   return by owner.
    /// - Complexity: One round trip, or a few where the store has no scripts; O(*h*) in the holders of the name.
    func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition

    /// Extends a lease on permits to `duration` from now if it has not run out, as ``ColonyCore/LeaseEngine/renew(_:for:)``
    /// does with others.
    ///
    /// - Returns: The lease with its new end, or `nil` if it is over.
    func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease?

    /// Gives back what `owner` holds or claims of `name`, in one atomic step, and wakes who waits.
    ///
    /// - Parameter token: The grant to end; `nil` ends whatever this owner holds or claims.
    /// - Returns: Whether this call ended a grant that had not run out. Repeating it gives `false`.
    @discardableResult
    func returnPermits(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool

    /// Who holds and who claims permits of `name`; empty if nobody does.
    func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord

    /// Waits until `request` would be granted, without making it. Permits that are free already end the wait at once, so
    /// nothing is missed between a refusal and this call. The wait may end early without reason.
    ///
    /// - Parameter limit: The longest wait; zero or less returns at once.
    /// - Returns: `false` if the limit passed first.
    /// - Throws: ``ColonyCore/LeaseError``; `cancelled` as soon as the task is cancelled. Nothing is left behind.
    @discardableResult
    func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool
}

/// What an owner asks for of a name that several may hold.
public struct PermitRequest: Hashable, Sendable {
    /// Of what.
    public let name: LeaseName
    /// Who asks. One owner holds permits of a name once.
    public let owner: OwnerID
    /// How many permits; from 1 to ``limit``.
    public let permits: Int
    /// How many may be held of the name in all; from 1 to ``PermitLimits/permits``.
    public let limit: Int
    /// How long the grant lasts without a renewal; from ``ColonyCore/LeaseLimits/duration``.
    public let duration: Duration
    /// For how long a refused request keeps its place before those who come later; `nil` for one that has no place. From
    /// ``ColonyCore/LeaseLimits/duration`` as well.
    public let claim: Duration?

    /// Makes a request; the engine refuses one out of range with `invalidRequest`.
    public init(
        _ permits: Int, of name: LeaseName, limit: Int, owner: OwnerID, for duration: Duration, claim: Duration? = nil
    ) {
        self.name = name
        self.owner = owner
        self.permits = permits
        self.limit = limit
        self.duration = duration
        self.claim = claim
    }

    /// Refuses a request that is out of range, with an error that quotes the value.
    public func check() throws(LeaseError) {
        try LeaseLimits.check(self.duration)
        if let claim = self.claim { try LeaseLimits.check(claim) }
        guard (1...PermitLimits.permits).contains(self.limit) else {
            throw LeaseError(
                .invalidRequest, "a limit of \(self.limit) permits is not possible: from 1 to \(PermitLimits.permits)")
        }
        guard (1...self.limit).contains(self.permits) else {
            throw LeaseError(
                .invalidRequest, "\(self.permits) permits of \(self.limit) are not possible: from 1 to \(self.limit)")
        }
    }
}

/// The legal ranges of what an engine is asked for.
public enum PermitLimits {
    /// The most permits that a name may have.
    public static let permits = 1_000_000
}

/// What an engine answers to somebody who asks for permits.
public enum PermitAcquisition: Hashable, Sendable {
    /// The permits were free, or this owner held them already.
    case granted(Lease)
    /// Too few are free, or a claim stands before.
    case refused(PermitRefusal)

    /// The lease, or `nil` while too few permits are free.
    public var lease: Lease? {
        if case .granted(let lease) = self { lease } else { nil }
    }
}

/// What stands in the way of a request for permits.
public struct PermitRefusal: Hashable, Sendable {
    /// How many permits nobody holds.
    public let available: Int
    /// Who holds the permits, or claims them before, of whom the engine expects an end first.
    public let holder: LeaseHolder

    /// Makes the answer of an engine.
    public init(available: Int, holder: LeaseHolder) {
        self.available = available
        self.holder = holder
    }
}

/// The permits of a name as an operator sees them.
public struct PermitRecord: Hashable, Sendable {
    /// Of what.
    public let name: LeaseName
    /// Who holds permits, in the order of their tokens.
    public let holders: [PermitHolder]
    /// Who claims permits, the earliest claim first.
    public let claims: [PermitClaim]

    /// How many permits are held.
    public var held: Int { self.holders.reduce(0) { $0 + $1.permits } }

    /// Makes the answer of an engine.
    public init(name: LeaseName, holders: [PermitHolder], claims: [PermitClaim]) {
        self.name = name
        self.holders = holders
        self.claims = claims
    }
}

/// Somebody who holds permits.
public struct PermitHolder: Hashable, Sendable {
    /// Who holds them.
    public let owner: OwnerID
    /// How many.
    public let permits: Int
    /// The fencing token of the grant.
    public let token: FencingToken
    /// How much longer the lease runs unless it is renewed. Greater than zero.
    public let remaining: Duration
    /// How long the owner has held them.
    public let age: Duration

    /// Makes the answer of an engine.
    public init(owner: OwnerID, permits: Int, token: FencingToken, remaining: Duration, age: Duration) {
        self.owner = owner
        self.permits = permits
        self.token = token
        self.remaining = remaining
        self.age = age
    }
}

/// Somebody whose refused request keeps its place.
public struct PermitClaim: Hashable, Sendable {
    /// Who waits.
    public let owner: OwnerID
    /// For how many permits.
    public let permits: Int
    /// How long it has waited.
    public let age: Duration

    /// Makes the answer of an engine.
    public init(owner: OwnerID, permits: Int, age: Duration) {
        self.owner = owner
        self.permits = permits
        self.age = age
    }
}
