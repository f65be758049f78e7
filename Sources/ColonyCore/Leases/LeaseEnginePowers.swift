/// What some engines can do beyond ``LeaseEngine``. The conformance suite runs the cases of each power that an engine has.
public struct Capability: Hashable, Sendable, CustomStringConvertible {
    /// The power in lower case, as reports print it.
    public let name: String

    /// The engine lists and breaks leases: ``LeaseAdministration``.
    public static let administration = Capability(name: "administration")
    /// The engine renews many leases in one step: ``BatchLeaseEngine``.
    public static let batchRenewal = Capability(name: "batch-renewal")
    /// The engine keeps a queue of those who wait: ``FairLeaseEngine``.
    public static let fairness = Capability(name: "fairness")
    /// The engine tells when something changed: ``LeaseObservation``.
    public static let observation = Capability(name: "observation")

    public var description: String { self.name }
}

extension LeaseEngine {
    /// The powers that this engine has, found from its conformances.
    public var capabilities: Set<Capability> {
        var result: Set<Capability> = []
        if self is any LeaseAdministration { result.insert(.administration) }
        if self is any BatchLeaseEngine { result.insert(.batchRenewal) }
        if self is any FairLeaseEngine { result.insert(.fairness) }
        if self is any LeaseObservation { result.insert(.observation) }
        return result
    }
}

/// An engine whose leases an operator can list and break.
public protocol LeaseAdministration: LeaseEngine {
    /// Held leases in the byte order of their names.
    ///
    /// - Parameters:
    ///   - prefix: Only names that start with these bytes; empty for all.
    ///   - name: Only names after this one: the last of the page before.
    ///   - limit: How many at the most, from 1 to ``LeaseLimits/batch``; others are refused with `invalidRequest`.
    /// - Complexity: One round trip; O(log *n* + *limit*).
    func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord]

    /// Ends the lease of `name` whoever holds it, and wakes who waits.
    ///
    /// - Important: The holder learns of it when it next renews, a third of its lease later at the most; until then
    ///   only the check of its fencing token at the resource keeps its writes out.
    /// - Returns: What was broken, or `nil` if nobody held the name.
    func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord?

    /// How many names are held, for metrics and overviews. Leases that change meanwhile may or may not be counted.
    ///
    /// - Complexity: One round trip and O(*n*) in the number of held leases, where the engine counts by itself. Otherwise
    ///   every page of ``records(withPrefix:after:limit:)`` is read.
    func heldCount() async throws(LeaseError) -> Int
}

extension LeaseAdministration {
    /// Reads every page and counts.
    public func heldCount() async throws(LeaseError) -> Int {
        var count = 0
        var last: LeaseName?
        while true {
            let page = try await self.records(withPrefix: "", after: last, limit: LeaseLimits.batch)
            count += page.count
            guard page.count == LeaseLimits.batch else { return count }
            last = page.last?.name
        }
    }
}

/// An engine that renews many leases in one atomic step.
public protocol BatchLeaseEngine: LeaseEngine {
    /// Renews each lease as ``LeaseEngine/renew(_:for:)`` would, in one round trip.
    ///
    /// - Parameter leases: At most ``LeaseLimits/batch``; more are refused with `invalidRequest`. Each is renewed for
    ///   its own ``Lease/duration``.
    /// - Returns: One answer per lease, in the same order; `nil` for those that are over.
    func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?]
}

/// An engine in whose store those who wait stand in a queue, so that turns are kept across processes.
public protocol FairLeaseEngine: LeaseEngine {
    /// Waits in turn for `name`, then takes it.
    ///
    /// Nobody who asked later through this member is served earlier, except past a waiter that is dead: one that has
    /// shown no sign of life for ``deadWaiterBound``. While somebody waits in the queue, ``LeaseEngine/tryAcquire(_:owner:for:)``
    /// by others finds the name held.
    ///
    /// - Parameters:
    ///   - duration: As for `tryAcquire`; it counts from the moment of the grant, not of the request.
    ///   - limit: The longest wait; zero or less asks once.
    /// - Returns: The lease, or who holds the name when the limit passes. The caller then no longer stands in the queue.
    /// - Throws: ``LeaseError``; `cancelled` as soon as the task is cancelled. As after `unavailable`, the owner may
    ///   hold the name: release by owner, which also leaves the queue.
    func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition

    /// By how much a waiter that died in the queue delays the next one at the most.
    var deadWaiterBound: Duration { get }
}

/// An engine that tells when any of its leases was granted, released, or broken, by whomever.
public protocol LeaseObservation: LeaseEngine {
    /// A stream with an element whenever something has changed since the last one was taken, for a view that reads again.
    ///
    /// At most one element is kept for a slow reader. Renewals and leases that run out are not announced. The stream
    /// ends when the engine is closed or its reader is cancelled.
    func changes() -> AsyncStream<Void>
}

/// An engine that answers within the call: no member but the waiting ones suspends, fails to be reached, or hangs.
///
/// Blocks may then leave out what protects a caller from a store that does not answer.
package protocol ImmediateLeaseEngine: LeaseEngine {}
