public import ColonyCore

/// A lock that one owner at a time holds, among all processes that use the same engine.
///
/// ```swift
/// let lock = DistributedLock("orders/42", on: .sqlite(path: "colony.db"))
/// try await lock.withLock { lease in
///     try await ship(order: 42, fencedBy: lease.token)
/// }
/// ```
///
/// What is held is a *lease*: it runs out when its holder dies or cannot reach the engine, so that a lock never stays taken
/// for ever. The price is that a lease can be lost while its holder is at work. This type does all that a client can do about
/// it: it renews at every third of the lease on a thread of its own, counts time on the monotonic clock from before each
/// request, gives up a margin early, and cancels the body of ``withLock(waiting:as:_:)``. What no client can do, because it may be
/// stopped between looking and writing, is the resource's part: refuse a ``Lease/token`` lower than the highest it has seen.
///
/// Values of this type are cheap and hold nothing; make one where you need it. Those with the same engine and name contend.
/// Within a process those who wait are served first in, first out; see ``WaitingRoom``.
///
/// - SeeAlso: <doc:Locks>, <doc:Fencing>
public struct DistributedLock: Sendable {
    /// What is locked.
    public let name: LeaseName
    /// How the lock behaves.
    public let configuration: LockConfiguration

    let engine: any LeaseEngine
    let keeper: LeaseKeeper
    let room: WaitingRoom
    private let isImmediate: Bool

    /// Makes a lock on an engine, whatever the engine guarantees.
    ///
    /// - Parameters:
    ///   - name: 1 to 255 bytes of UTF-8 without control characters.
    ///   - engine: Where the lease is kept, such as `.sqlite(path: "colony.db")`. No I/O happens yet.
    ///   - keeper: Who renews; the process's own unless a simulation says otherwise.
    ///   - room: Where to wait in turn; the process's own unless a simulation says otherwise.
    public init(
        _ name: LeaseName, on engine: some LeaseEngine, configuration: LockConfiguration = LockConfiguration(),
        keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) {
        self.name = name
        self.configuration = configuration
        self.engine = engine
        self.keeper = keeper
        self.room = room
        self.isImmediate = engine is any ImmediateLeaseEngine
    }

    private var taking: LeaseTaking {
        LeaseTaking(
            name: self.name, source: .lease(self.engine), isImmediate: self.isImmediate,
            configuration: self.configuration, keeper: self.keeper, room: self.room)
    }

    /// Makes a lock on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ name: LeaseName, on engine: some LeaseEngine, requiring demand: Guarantee,
        configuration: LockConfiguration = LockConfiguration(), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "the lock \(name)")
        self.init(name, on: engine, configuration: configuration, keeper: keeper, room: room)
    }
}

// MARK: Taking the lock

extension DistributedLock {
    /// Takes the lock if it is free, without waiting.
    ///
    /// - Parameter owner: Under whose name, for re-entrance; a new one by default.
    /// - Returns: The held lock, to be released; or `nil` while somebody else holds it.
    /// - Throws: ``CoordinationError``. Nothing is held then, or for one lease at the most.
    /// - Complexity: One round trip.
    public func tryAcquire(as owner: LockOwner? = nil) async throws(CoordinationError) -> HeldLock? {
        try await self.acquire(waiting: .zero, as: owner)
    }

    /// Takes the lock, waiting in turn up to `limit`.
    ///
    /// - Parameters:
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given; zero asks once.
    ///   - owner: Under whose name, for re-entrance; a new one by default.
    /// - Returns: The held lock, to be released; or `nil` if somebody else held it until the limit.
    /// - Throws: ``CoordinationError``; `cancelled` as soon as the task is cancelled. Nothing is held then, or for one
    ///   lease at the most.
    public func acquire(
        waiting limit: Duration? = nil, as owner: LockOwner? = nil
    ) async throws(CoordinationError) -> HeldLock? {
        try await self.taking.acquire(waiting: limit, as: owner)
    }

    /// Who holds the lock now, or `nil`.
    ///
    /// - Returns: What the engine knows.
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine does not answer within the limit that
    ///   ``LockConfiguration/releaseLimit`` sets for releases.
    /// - Complexity: One round trip.
    public func inspect() async throws(CoordinationError) -> LeaseRecord? {
        do throws(LeaseError) {
            return try await BoundedCall.run(upTo: self.configuration.releaseLimit, on: self.keeper.clock) {
                () throws(LeaseError) in
                try await self.engine.inspect(self.name)
            }
        } catch {
            throw CoordinationError(error)
        }
    }
}

// MARK: Holding it for the length of a body

extension DistributedLock {
    /// Runs `body` while holding the lock, and gives it back in every case.
    ///
    /// If the lease is lost, `body` is cancelled at once and the call throws `leaseLost`, whatever `body` then returns: its
    /// work may have been done in part without protection. The lock is given back also when the calling task is cancelled.
    ///
    /// - Important: Cancellation is a request. A `body` that goes on working after the loss is kept from harm only by
    ///   the check of its fencing token at the resource.
    /// - Parameters:
    ///   - limit: The longest wait for the lock; ``LockConfiguration/waiting`` if not given.
    ///   - owner: Under whose name, for re-entrance; a new one by default.
    ///   - body: The protected work. It is given the lease, whose token it should send to what it writes to.
    /// - Returns: What `body` returned.
    /// - Throws: ``CoordinationError`` with code `timedOut` if the lock was not free in time, `leaseLost`, or another
    ///   of its codes; otherwise what `body` throws.
    public func withLock<Value: Sendable>(
        waiting limit: Duration? = nil, as owner: LockOwner? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> Value
    ) async throws -> Value {
        try await self.taking.hold(waiting: limit, as: owner, body)
    }
}
