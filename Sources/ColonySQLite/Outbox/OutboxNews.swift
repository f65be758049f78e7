import ColonyCore
import GRDB
import Synchronization

/// Who waits for messages that this process adds to an outbox.
final class OutboxNews: Sendable {
    private struct State {
        var changes: UInt64 = 0
        var waiters: [OneShotSignal] = []
        /// Connections whose transaction tells of its commit already.
        var told: Set<ObjectIdentifier> = []
    }

    private let state = Mutex(State())

    /// Tells those who wait once the transaction is committed; once for any number of messages in it.
    func announce(afterCommitOf database: Database) {
        let connection = ObjectIdentifier(database)
        guard self.state.withLock({ $0.told.insert(connection).inserted }) else { return }
        database.afterNextTransaction { _ in
            self.forget(connection)
            self.announce()
        } onRollback: { _ in
            self.forget(connection)
        }
    }

    private func forget(_ connection: ObjectIdentifier) {
        self.state.withLock { state in _ = state.told.remove(connection) }
    }

    private func announce() {
        let waiters = self.state.withLock { state in
            state.changes += 1
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fire() }
    }

    /// Waits until there were more changes than `seen`, or a deadline.
    ///
    /// - Returns: How many there were.
    /// - Throws: `CancellationError`.
    func wait(since seen: UInt64, until deadline: MonotonicInstant, on clock: any MonotonicClock) async throws -> UInt64
    {
        let signal = OneShotSignal()
        let (changes, mustWait) = self.state.withLock { state in
            let mustWait = state.changes == seen && deadline > clock.now
            if mustWait { state.waiters.append(signal) }
            return (state.changes, mustWait)
        }
        guard mustWait else { return changes }
        defer { self.state.withLock { state in state.waiters.removeAll { $0 === signal } } }
        _ = try await signal.wait(until: deadline, on: clock)
        return self.state.withLock { $0.changes }
    }
}
