public import ColonyCore
import Synchronization

/// A lock, or permits, that are held: renewed in the background until they are released or lost.
///
/// A held lock does not release itself when the last reference goes: the compiler may drop a reference right after its last
/// use, which is often before the protected work is done. ``DistributedLock/withLock(waiting:as:_:)`` releases by itself.
///
/// - Note: `@unchecked Sendable` because `record`, the only mutable part, is used under the lock of `keeper.state` alone.
public final class HeldLock: @unchecked Sendable {
    /// What the keeper knows of this lock. Only under the lock of `keeper.state`.
    struct Record {
        var keeping: LeaseKeeping
        var entry: DeadlineHeap<HeldLock>.Entry?
        var isReleased = false
        var lossReason: LockLossReason?
        var lossSignals: [OneShotSignal] = []
        /// What stops the body of a ``DistributedLock/withLock(waiting:as:_:)``.
        var lossActions: [@Sendable () -> Void] = []
        /// How many acquisitions of one ``LockOwner`` this stands for.
        var holds = 1
    }

    let engine: any LeaseEngine
    let key: LeaseKey
    let isImmediate: Bool
    let configuration: LockConfiguration
    let keeper: LeaseKeeper
    let owner: LockOwner?
    let ownerID: OwnerID
    var record: Record

    /// The fencing token of this grant: send it with every write to what the lock protects.
    public let token: FencingToken
    /// The name of the lock.
    public let name: LeaseName
    /// How many permits this stands for: those that were taken of a semaphore; 1 for a lock and for a reader.
    public let permits: Int

    init(
        _ lease: Lease, engine: any LeaseEngine, key: LeaseKey, permits: Int, isImmediate: Bool,
        configuration: LockConfiguration, keeper: LeaseKeeper, owner: LockOwner?
    ) {
        self.engine = engine
        self.key = key
        self.permits = permits
        self.isImmediate = isImmediate
        self.configuration = configuration
        self.keeper = keeper
        self.owner = owner
        self.ownerID = lease.owner
        self.token = lease.token
        self.name = lease.name
        self.record = Record(
            keeping: LeaseKeeping(
                lease, margin: configuration.safetyMargin, isRenewed: configuration.renewsAutomatically))
    }

    /// The lease with its present end.
    public var lease: Lease {
        self.keeper.state.withLock { _ in self.record.keeping.lease }
    }

    /// Whether the lock is held at this moment: neither released nor lost, by the clock and not by what was last heard.
    ///
    /// - Important: Only the present is known. What must not happen after a loss needs the fencing token's check at the
    ///   resource: the holder may be stopped right after it has looked.
    public var isHeld: Bool {
        let now = self.keeper.clock.now
        return self.keeper.state.withLock { _ in !self.record.isReleased && self.record.keeping.isValid(at: now) }
    }

    /// Waits until the lock is lost, and says why; returns `nil` when it is released instead.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func waitUntilLost() async throws -> LockLossReason? {
        let signal = OneShotSignal()
        let isOver = self.keeper.state.withLock { _ -> Bool in
            if self.record.isReleased || self.record.lossReason != nil { return true }
            self.record.lossSignals.append(signal)
            return false
        }
        defer {
            self.keeper.state.withLock { _ in self.record.lossSignals.removeAll { $0 === signal } }
        }
        if !isOver { try await signal.wait() }
        return self.keeper.state.withLock { _ in self.record.lossReason }
    }

    /// Gives the lock back and wakes who waits, also when the calling task has been cancelled.
    ///
    /// Under a ``LockOwner`` that acquired the lock more than once, only the last release gives it back. Releasing again
    /// does nothing.
    ///
    /// - Returns: Whether the lock was held until now. `false` means that it had been lost: the protected work may have
    ///   been done without protection.
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine did not answer within
    ///   ``LockConfiguration/releaseLimit``; the lease then runs out by itself.
    /// - Complexity: One round trip.
    @discardableResult
    public func release() async throws(CoordinationError) -> Bool {
        guard let farewell = self.keeper.dismiss(self, at: self.keeper.clock.now) else { return false }
        guard farewell.isLast else { return farewell.wasValid }
        self.owner?.forget(self)
        for signal in farewell.signals { signal.fire() }
        let wasHeld = try await self.giveBack()
        if wasHeld, farewell.wasValid, let onEvent = self.configuration.onEvent { onEvent(.released(self.lease)) }
        return wasHeld && farewell.wasValid
    }

    private func giveBack() async throws(CoordinationError) -> Bool {
        do throws(LeaseError) {
            if self.isImmediate {
                return try await self.engine.release(self.name, owner: self.ownerID, token: self.token)
            }
            return try await BoundedCall.run(
                upTo: self.configuration.releaseLimit, on: self.keeper.clock, isShielded: true
            ) { () throws(LeaseError) in
                try await self.engine.release(self.name, owner: self.ownerID, token: self.token)
            }
        } catch {
            throw CoordinationError(error)
        }
    }

    /// Has `action` called once when the lock is lost, at once if it is lost already, and never after a release.
    func whenLost(_ action: @escaping @Sendable () -> Void) {
        let isLost = self.keeper.state.withLock { _ -> Bool in
            if self.record.lossReason == nil { self.record.lossActions.append(action) }
            return self.record.lossReason != nil
        }
        if isLost { action() }
    }

    /// Why the lock is lost, if it is.
    var lossReason: LockLossReason? {
        self.keeper.state.withLock { _ in self.record.lossReason }
    }

    /// Called by the keeper, once, when the lock is lost.
    func surrender(_ reason: LockLossReason) {
        let reaction = self.keeper.state.withLock { _ -> (signals: [OneShotSignal], actions: [@Sendable () -> Void])? in
            guard self.record.lossReason == nil, !self.record.isReleased else { return nil }
            self.record.lossReason = reason
            defer {
                self.record.lossSignals = []
                self.record.lossActions = []
            }
            return (self.record.lossSignals, self.record.lossActions)
        }
        guard let reaction else { return }
        for action in reaction.actions { action() }
        for signal in reaction.signals { signal.fire() }
        self.configuration.onEvent?(.lost(self.lease, reason))
    }
}
