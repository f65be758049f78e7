public import ColonyCore

/// Locks that are held together: renewed in the background until they are released or lost.
public struct HeldLocks: Sendable {
    private let locks: [HeldLock]

    init(_ locks: [HeldLock]) { self.locks = locks }

    /// The leases with their present ends, by name.
    public var leases: [LeaseName: Lease] {
        Dictionary(self.locks.map { ($0.name, $0.lease) }) { first, _ in first }
    }

    /// Whether all locks are held at this moment, by the clock; see ``HeldLock/isHeld``.
    public var isHeld: Bool { self.locks.allSatisfy { $0.isHeld } }

    /// Waits until one of the locks is lost, and says which and why; returns `nil` when they are released instead.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func waitUntilLost() async throws -> (name: LeaseName, reason: LockLossReason)? {
        try await withThrowingTaskGroup(of: (LeaseName, LockLossReason)?.self) { group in
            for lock in self.locks {
                group.addTask { try await lock.waitUntilLost().map { (lock.name, $0) } }
            }
            defer { group.cancelAll() }
            for try await loss in group {
                if let loss { return (name: loss.0, reason: loss.1) }
            }
            return nil
        }
    }

    /// Gives all locks back, also when the calling task has been cancelled. Releasing again does nothing.
    ///
    /// - Returns: Whether all were held until now.
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine did not answer for one of them within
    ///   ``LockConfiguration/releaseLimit``; that lease then runs out by itself. The others are given back all the same.
    /// - Complexity: One round trip a name, all at once.
    @discardableResult
    public func release() async throws(CoordinationError) -> Bool {
        let outcome = await self.releaseAll()
        if let failure = outcome.failure { throw failure }
        return outcome.ended == nil
    }

    struct Outcome: Sendable {
        /// One that was over when it was given back.
        var ended: HeldLock?
        var failure: CoordinationError?
    }

    func releaseAll() async -> Outcome {
        await withTaskGroup(of: Outcome.self) { group in
            for lock in self.locks {
                group.addTask {
                    do throws(CoordinationError) {
                        return Outcome(ended: try await lock.release() ? nil : lock)
                    } catch {
                        return Outcome(failure: error)
                    }
                }
            }
            var all = Outcome()
            for await outcome in group {
                if all.ended == nil { all.ended = outcome.ended }
                if all.failure == nil { all.failure = outcome.failure }
            }
            return all
        }
    }

    func run<Value: Sendable>(
        _ body: @escaping @Sendable ([LeaseName: Lease]) async throws -> Value
    ) async throws -> Value {
        let leases = self.leases
        let work = startedAtOnce { try await body(leases) }
        for lock in self.locks { lock.whenLost { work.cancel() } }
        let result = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
        let lost = self.locks.first { $0.lossReason != nil }
        let outcome = await self.releaseAll()
        // A release that was not answered leaves a lease that runs out by itself; the work was protected to its end.
        if let lost = lost ?? outcome.ended {
            throw lost.lossError(lost.lossReason ?? .takenAway, result)
        }
        return try result.get()
    }
}
