#if Postgres
import ColonyCore
import Synchronization

/// A transaction of several statements, which has a connection of a pool to itself from its beginning to its end.
///
/// If it is not ended by its deadline, the connection is given up, and the server rolls back.
final class PostgresSession: Sendable {
    let deadline: MonotonicInstant
    private let pool: PostgresPool
    private let begun = Atomic(false)

    private init(_ pool: PostgresPool, deadline: MonotonicInstant) {
        self.pool = pool
        self.deadline = deadline
    }

    /// Whether it has a connection, or had one.
    var hasBegun: Bool { self.begun.load(ordering: .acquiring) }

    /// What makes a connection as a new one, whatever a session has left in it: settings, advisory locks, prepared statements, temporary
    /// tables. It is sent when the transaction is over, by itself: in one script with `BEGIN` it would be a part of the transaction, which
    /// could then not choose its isolation level any more, and whose end without effect would bring all of that back.
    static let clearing = "DISCARD ALL"

    /// How long it may take to clear a connection.
    var clearingLimit: Duration { self.pool.options.timeout }

    /// Waits for a connection, and begins.
    ///
    /// The pool must have no channel of its own.
    static func begin(on pool: PostgresPool, upTo limit: Duration) async throws(PostgresFailure) -> PostgresSession {
        let session = PostgresSession(pool, deadline: pool.clock.now.advanced(by: limit))
        do throws(PostgresFailure) {
            _ = try await pool.perform(.script("BEGIN"), in: session)
        } catch {
            // It may be under way.
            session.begun.store(true, ordering: .releasing)
            await session.rollBack()
            throw error
        }
        session.begun.store(true, ordering: .releasing)
        return session
    }

    func perform(_ work: PostgresCall.Work) async throws(PostgresFailure) -> PostgresAnswer {
        try await self.pool.perform(work, in: self)
    }

    /// Ends it without effect, also in a task that is cancelled. If that does not succeed the connection is gone, or its deadline ends it.
    func rollBack() async {
        await Task { _ = try? await self.perform(.script("ROLLBACK")) }.value
    }
}
#endif
