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

    /// Makes a lock on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ name: LeaseName, on engine: some LeaseEngine, requiring demand: Guarantee,
        configuration: LockConfiguration = LockConfiguration(), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        if let shortfall = engine.guarantee.shortfall(against: demand) {
            throw CoordinationError(
                .guaranteeNotMet, "the engine of the lock \(name) does not give \(demand): \(shortfall)")
        }
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
        guard let owner else {
            return try await self.acquireAnew(waiting: limit, id: .unique(), owner: nil)
        }
        switch owner.enter(self.name, on: self.engine) {
        case .again(let held):
            return held
        case .busy:
            throw CoordinationError(
                .ownerBusy, "the owner \(owner.id) is acquiring the lock \(self.name) in another task at this moment")
        case .first:
            do throws(CoordinationError) {
                let held = try await self.acquireAnew(waiting: limit, id: owner.id, owner: owner)
                owner.settle(held, self.name, on: self.engine)
                return held
            } catch {
                owner.settle(nil, self.name, on: self.engine)
                throw error
            }
        }
    }

    private func acquireAnew(
        waiting limit: Duration?, id: OwnerID, owner: LockOwner?
    ) async throws(CoordinationError) -> HeldLock? {
        let limit = limit ?? self.configuration.waiting
        // Reading the clock is the dearest part of taking a lock in memory, so it is done for those who ask.
        let start = self.configuration.onEvent == nil ? nil : self.keeper.clock.now
        let answer: Acquisition
        do throws(LeaseError) {
            if self.isImmediate, limit <= .zero {
                answer = try await self.engine.tryAcquire(self.name, owner: id, for: self.configuration.duration)
            } else {
                answer = try await self.room.acquire(
                    WaitingRoom.Attempt(
                        name: self.name, owner: id, duration: self.configuration.duration, engine: self.engine,
                        isImmediate: self.isImmediate),
                    upTo: limit)
            }
        } catch {
            throw CoordinationError(error)
        }
        switch answer {
        case .held(let holder):
            self.report(since: start) { .refused(self.name, holder, waited: $0) }
            return nil
        case .granted(let lease):
            let held = HeldLock(
                lease, engine: self.engine, isImmediate: self.isImmediate, configuration: self.configuration,
                keeper: self.keeper, owner: owner)
            // An answer that took longer than the lease is worth nothing: somebody else may have the lock by now.
            guard self.isImmediate || held.isHeld else {
                _ = try? await held.release()
                throw CoordinationError(
                    .leaseLost, "the lease of \(self.name) was over before the engine's answer arrived")
            }
            self.keeper.keep(held)
            self.report(since: start) { .acquired(lease, waited: $0) }
            return held
        }
    }

    private func report(since start: MonotonicInstant?, _ event: (Duration) -> LockEvent) {
        guard let start, let onEvent = self.configuration.onEvent else { return }
        onEvent(event(start.duration(to: self.keeper.clock.now)))
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
        guard let held = try await self.acquire(waiting: limit, as: owner) else {
            throw CoordinationError(
                .timedOut, "the lock \(self.name) was not free within \(limit ?? self.configuration.waiting)")
        }
        // A task of its own, because only a task can be cancelled, and the caller's is not ours to cancel.
        let work = startedAtOnce { try await body(held.lease) }
        held.whenLost { work.cancel() }
        let result = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
        return try await self.conclude(held, result, lossReason: held.lossReason)
    }

    private func conclude<Value>(
        _ held: HeldLock, _ result: Result<Value, any Error>, lossReason: LockLossReason?
    ) async throws -> Value {
        let wasHeld: Bool
        do {
            wasHeld = try await held.release()
        } catch {
            // The work is done and was protected to the end; the lease runs out by itself.
            wasHeld = error.code == .unavailable || error.code == .cancelled ? lossReason == nil : false
        }
        if lossReason != nil || !wasHeld {
            let reason = lossReason ?? .takenAway
            var cause: (any Error)?
            if case .failure(let error) = result { cause = error }
            throw CoordinationError(.leaseLost, "the lease of \(self.name) was lost: \(reason)", cause: cause)
        }
        return try result.get()
    }
}
