#if Postgres
import ColonyCore
import Synchronization

/// A transaction of several statements, which has a connection of a pool to itself from its first statement to its end.
///
/// It costs no round trip of its own: `BEGIN` goes out with the first statement, and what clears the connection with the last one. If it is not
/// ended by its deadline, the connection is given up, and the server rolls back.
final class PostgresSession: Sendable {
    private enum Standing: Int, AtomicRepresentable {
        case new
        /// Its first statement is on its way to a connection.
        case opening
        /// It has a connection, or had one.
        case begun
    }

    let deadline: MonotonicInstant
    private let pool: PostgresPool
    private let standing = Atomic(Standing.new)

    /// Does no I/O. The pool must have no channel of its own.
    init(on pool: PostgresPool, upTo limit: Duration) {
        self.pool = pool
        self.deadline = pool.clock.now.advanced(by: limit)
    }

    /// Whether its first statement waits for a connection, so that later ones wait as well.
    var isOpening: Bool { self.standing.load(ordering: .acquiring) == .opening }

    /// Told when the first statement has a connection, or will have none.
    func begin() { self.standing.store(.begun, ordering: .releasing) }

    /// What makes a connection as a new one, whatever a session has left in it: settings, advisory locks, prepared statements, temporary
    /// tables. It is a statement of its own after the transaction: in one script with `BEGIN` it would be a part of the transaction, which
    /// could then not choose its isolation level any more, and whose end without effect would bring all of that back.
    static let clearing = "DISCARD ALL"

    /// How long it may take to clear a connection.
    var clearingLimit: Duration { self.pool.options.timeout }

    /// Runs a statement; the first one waits for a connection, and begins.
    func query(_ sql: String, _ parameters: [String?]) async throws(PostgresFailure) -> PostgresAnswer {
        let (isFirst, _) = self.standing.compareExchange(
            expected: .new, desired: .opening, ordering: .acquiringAndReleasing)
        guard isFirst else { return try await self.pool.perform(.direct(sql, parameters), in: self) }
        defer { self.begin() }
        return try await self.pool.perform(.opening(sql, parameters), in: self)
    }

    /// Runs the statement that ends the transaction, and has the connection cleared behind it.
    func end(by sql: String) async throws(PostgresFailure) -> PostgresAnswer {
        if self.standing.load(ordering: .acquiring) == .new { _ = try await self.query("SELECT", []) }
        return try await self.pool.perform(.closing(sql), in: self)
    }

    /// Ends it without effect, also in a task that is cancelled. If that does not succeed the connection is gone, or its deadline ends it.
    func rollBack() async {
        if self.standing.load(ordering: .acquiring) == .new { return }
        await Task { _ = try? await self.pool.perform(.script("ROLLBACK"), in: self) }.value
    }
}
#endif
