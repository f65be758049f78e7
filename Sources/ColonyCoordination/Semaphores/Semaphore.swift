public import ColonyCore

/// A number of permits that the processes of an engine share: at most so many of them do something at the same time.
///
/// ```swift
/// let uploads = Semaphore("uploads", permits: 4, on: engine)
/// try await uploads.withPermit { lease in
///     try await upload(file)
/// }
/// ```
///
/// What is held is a lease on permits, with all that <doc:Locks> says of leases: it is renewed on a thread of its own, it is given
/// up a margin early, its loss cancels the body, and *it runs out when its holder dies*, so that no permit is ever lost for good.
/// A semaphore of one permit is a lock.
///
/// Never are more permits held than there are, as the engine counts. A holder that is stopped for longer than its lease and
/// goes on working is one more for that time; where that does harm, the resource checks the ``ColonyCore/Lease/token``, which
/// rises from grant to grant.
///
/// All who share a name must agree on the number of permits: each request is judged by the number that it brings. To change
/// it, deploy the new number; until the last old process is gone, the larger number holds.
///
/// Values of this type are cheap and hold nothing. Those with the same engine and name contend.
///
/// - SeeAlso: <doc:Semaphores>
public struct Semaphore: Sendable {
    /// Of what.
    public let name: LeaseName
    /// How many permits there are.
    public let permits: Int
    /// In which order those who wait get them.
    public let order: PermitOrder
    /// How leases on permits behave.
    public let configuration: LockConfiguration

    private let engine: any PermitEngine
    private let keeper: LeaseKeeper
    private let room: WaitingRoom

    /// Makes a semaphore on an engine, whatever the engine guarantees.
    ///
    /// - Parameters:
    ///   - name: 1 to 255 bytes of UTF-8 without control characters.
    ///   - permits: From 1 to ``PermitLimits/permits``; others are refused when permits are taken.
    ///   - engine: Where the permits are kept. No I/O happens yet.
    ///   - order: In the order of arrival unless it is said otherwise: starving is found late and in production.
    ///   - keeper: Who renews; the process's own unless a simulation says otherwise.
    ///   - room: Where to wait in turn; the process's own unless a simulation says otherwise.
    public init(
        _ name: LeaseName, permits: Int, on engine: some PermitEngine, order: PermitOrder = .arrival,
        configuration: LockConfiguration = LockConfiguration(), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) {
        self.name = name
        self.permits = permits
        self.order = order
        self.configuration = configuration
        self.engine = engine
        self.keeper = keeper
        self.room = room
    }

    /// Makes a semaphore on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ name: LeaseName, permits: Int, on engine: some PermitEngine, requiring demand: Guarantee,
        order: PermitOrder = .arrival, configuration: LockConfiguration = LockConfiguration(),
        keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "the semaphore \(name)")
        self.init(
            name, permits: permits, on: engine, order: order, configuration: configuration, keeper: keeper, room: room)
    }

    private func taking(_ count: Int) -> LeaseTaking {
        // Without places in the store a small request may overtake a large one, so it need not wait for it here either.
        let lane = self.order.claim == nil ? count : 0
        return LeaseTaking(
            name: self.name,
            source: .permits(
                self.engine,
                PermitTerms(permits: count, limit: self.permits, claim: self.order.claim, lane: lane)),
            isImmediate: self.engine is any ImmediateLeaseEngine, configuration: self.configuration,
            keeper: self.keeper, room: self.room)
    }
}

// MARK: Taking permits

extension Semaphore {
    /// Takes permits if enough are free and nobody waits before, without waiting.
    ///
    /// - Parameter count: From 1 to ``permits``; more would never be free and are refused with `invalidRequest`.
    /// - Returns: The held permits, to be released; or `nil`.
    /// - Throws: ``CoordinationError``. Nothing is held then, or for one lease at the most.
    /// - Complexity: One round trip.
    public func tryAcquire(_ count: Int = 1) async throws(CoordinationError) -> HeldLock? {
        try await self.acquire(count, waiting: .zero)
    }

    /// Takes permits, all at once, waiting up to `limit`.
    ///
    /// Tasks of one process wait in the order of their coming, and so do processes if the ``order`` says so.
    ///
    /// - Important: A task that holds permits and waits for more may wait for itself, or for another that does the same.
    ///   Take all that is needed in one call.
    /// - Parameters:
    ///   - count: From 1 to ``permits``; others are refused with `invalidRequest`.
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given; zero asks once.
    /// - Returns: The held permits, to be released; or `nil` if they were not free by then.
    /// - Throws: ``CoordinationError``; `cancelled` as soon as the task is cancelled. Nothing is held or claimed then, or for
    ///   one lease at the most.
    /// - Complexity: One round trip if permits are free.
    public func acquire(
        _ count: Int = 1, waiting limit: Duration? = nil
    ) async throws(CoordinationError) -> HeldLock? {
        try await self.taking(count).acquire(waiting: limit, as: nil)
    }

    /// Runs `body` while holding one permit, and gives it back in every case; see ``withPermits(_:waiting:_:)``.
    public func withPermit<Value: Sendable>(
        waiting limit: Duration? = nil, _ body: @escaping @Sendable (Lease) async throws -> Value
    ) async throws -> Value {
        try await self.withPermits(1, waiting: limit, body)
    }

    /// Runs `body` while holding permits, and gives them back in every case: when `body` returns, throws, or is cancelled.
    ///
    /// If the lease on the permits is lost, `body` is cancelled at once and the call throws `leaseLost`, whatever `body` then
    /// returns.
    ///
    /// - Parameters:
    ///   - count: From 1 to ``permits``; others are refused with `invalidRequest`.
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given.
    ///   - body: The work. It is given the lease, whose token it may send to what it writes to.
    /// - Returns: What `body` returned.
    /// - Throws: ``CoordinationError`` with code `timedOut` if the permits were not free in time, `leaseLost`, or another
    ///   of its codes; otherwise what `body` throws.
    public func withPermits<Value: Sendable>(
        _ count: Int, waiting limit: Duration? = nil, _ body: @escaping @Sendable (Lease) async throws -> Value
    ) async throws -> Value {
        try await self.taking(count).hold(waiting: limit, as: nil, body)
    }

    /// As ``withPermits(_:waiting:_:)``, for an owner whom operators recognise.
    package func withPermits<Value: Sendable>(
        _ count: Int, waiting limit: Duration?, as owner: LockOwner,
        _ body: @escaping @Sendable (Lease) async throws -> Value
    ) async throws -> Value {
        try await self.taking(count).hold(waiting: limit, as: owner, body)
    }

    /// Who holds permits and who waits for them now, as far as the engine knows.
    ///
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine does not answer within the limit that
    ///   ``LockConfiguration/releaseLimit`` sets for releases.
    /// - Complexity: One round trip.
    public func inspect() async throws(CoordinationError) -> PermitRecord {
        try await self.engine.inspectPermits(
            self.name, upTo: self.configuration.releaseLimit, on: self.keeper.clock)
    }
}
