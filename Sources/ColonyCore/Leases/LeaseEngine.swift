/// A store of named, owned, expiring leases: the port under locks, elections, and worker numbers.
///
/// An engine decides exactly what must be atomic in the store. Waiting in turn, retrying, renewing, and detecting loss
/// live above it, once, in ColonyCoordination.
///
/// Every member may be called concurrently. Making an engine does no I/O; the first call opens what it needs. Durations
/// lie in ``LeaseLimits/duration``; others are refused with ``LeaseError/Code/invalidRequest``.
public protocol LeaseEngine: AnyObject, Sendable {
    /// What a grant of this engine is worth; constant for the life of the engine.
    var guarantee: Guarantee { get }

    /// The longest lease that the engine gives; it shortens longer ones, and the lease says so. The upper bound of
    /// ``LeaseLimits/duration``, unless the store keeps less.
    var longestLease: Duration { get }

    /// Grants `name` to `owner` if it is free or its lease has run out, in one atomic step.
    ///
    /// Repeating the call with the same owner while it holds the name extends the lease to `duration` from now, keeps
    /// its token, and counts as a renewal; so a caller that saw ``LeaseError/Code/unavailable`` simply asks again. The
    /// token is greater than that of every earlier grant of the name.
    ///
    /// - Parameter duration: How long the engine keeps the lease without a renewal, by its own clock.
    /// - Returns: The lease, or who holds it.
    /// - Throws: ``LeaseError``. After `cancelled` or `unavailable` the owner may hold the name: release by owner.
    /// - Complexity: One round trip; O(log *n*) in the number of held leases.
    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition

    /// Extends `lease` to `duration` from now if it has not run out and nobody broke it, in one atomic step.
    ///
    /// Repeating the call is harmless. A renewal never shortens what is left of a lease by the engine's clock to less
    /// than `duration`, and never brings back a lease that has ended.
    ///
    /// - Returns: The lease with its new end, or `nil` if it is over: another owner may hold the name now.
    /// - Throws: ``LeaseError``. After `cancelled` or `unavailable` the lease may or may not be extended; the earlier
    ///   end is what the caller may count on.
    /// - Complexity: One round trip; O(log *n*).
    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease?

    /// Ends what `owner` holds on `name`, in one atomic step, and wakes who waits.
    ///
    /// Never ends a lease of another owner, nor, where `token` is given, another grant of the same owner.
    ///
    /// - Parameter token: The grant to end; `nil` ends whatever this owner holds, for a caller whose acquisition was
    ///   cancelled or went unanswered.
    /// - Returns: Whether this call ended a lease that had not run out. Repeating a release gives `false`.
    /// - Throws: ``LeaseError``. After `cancelled` or `unavailable` the lease may still be held; it runs out by itself.
    /// - Complexity: One round trip; O(log *n*).
    @discardableResult
    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool

    /// The present holder of `name`, or `nil` if nobody holds it.
    ///
    /// - Complexity: One round trip; O(log *n*).
    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord?

    /// Waits until the grant `token` of `name` is over: released, broken, passed on, or run out by the engine's clock.
    ///
    /// A grant that is already over ends the wait at once, so nothing is missed between a refused acquisition and this
    /// call. The wait may end early without reason; the caller looks again. Renewals do not end it.
    ///
    /// - Parameter limit: The longest wait; zero or less returns at once.
    /// - Returns: `false` if the limit passed first.
    /// - Throws: ``LeaseError``; `cancelled` as soon as the task is cancelled. Nothing is left behind.
    @discardableResult
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool
}

extension LeaseEngine {
    /// The upper bound of ``LeaseLimits/duration``.
    public var longestLease: Duration { LeaseLimits.duration.upperBound }
}

/// The legal ranges of what an engine is asked for.
public enum LeaseLimits {
    /// From 10 milliseconds, below which scheduling alone loses leases, to 24 hours, beyond which a dead holder is an
    /// operator's business.
    public static let duration: ClosedRange<Duration> = .milliseconds(10) ... .seconds(86_400)

    /// The most leases that one call may list or renew.
    public static let batch = 1_000

    /// Refuses a duration outside ``duration`` with an error that quotes it.
    public static func check(_ duration: Duration) throws(LeaseError) {
        guard Self.duration.contains(duration) else {
            throw LeaseError(
                .invalidRequest, "a lease of \(duration) is not possible: it lasts from 10 milliseconds to 24 hours")
        }
    }
}
