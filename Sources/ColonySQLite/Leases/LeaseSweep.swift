import ColonyCore
import Synchronization

/// Removes leases that ran out without being released, so that the file does not grow with the names that were ever
/// used.
///
/// A lease that ran out is harmless: every decision compares its end with the clock, and a new grant of the name
/// replaces it. It only takes space. An index on the end would find such rows at once, but would cost a second tree to
/// update with every single operation. Instead the sweep walks the table like the hand of a clock, two rows for each
/// grant, and starts over at the end. Each grant adds one row at the most, so the hand outruns the growth: when it
/// comes round, every row that was dead when it left is gone. The table therefore holds at most about twice the rows
/// that were alive at one time.
///
/// - Complexity: Two rows per grant, a few hundred nanoseconds, done once per ``grantsPerWalk`` grants.
final class LeaseSweep: Sendable {
    static let grantsPerWalk = 256
    private static let rowsPerWalk = 2 * grantsPerWalk

    private struct State {
        var grants = 0
        /// The last name that was looked at.
        var hand = ""
    }

    private let state = Mutex(State())

    /// Counts a grant; `true` if it is time for a walk.
    func isDue(afterGrants count: Int = 1) -> Bool {
        self.state.withLock { state in
            state.grants += count
            guard state.grants >= Self.grantsPerWalk else { return false }
            state.grants = 0
            return true
        }
    }

    private static let select = SQL("SELECT name, expires_at FROM lease WHERE name > ? ORDER BY name LIMIT ?")
    private static let delete = SQL("DELETE FROM lease WHERE name = ? AND expires_at <= ?")

    /// Walks on from where the hand is, and removes what has run out. Readers and decisions see no difference.
    func walk(at now: Int64, in transaction: WriteTransaction) throws(StoreError) {
        let hand = self.state.withLock { $0.hand }
        let statement = try transaction.connection.prepared(Self.select)
        var dead: [String] = []
        var last = ""
        var count = 0
        do {
            defer { statement.reset() }
            statement.bind(hand, at: 1)
            statement.bind(Int64(Self.rowsPerWalk), at: 2)
            while try statement.step() {
                count += 1
                if statement.integer(1) <= now { dead.append(statement.text(0)) }
                if count == Self.rowsPerWalk { last = statement.text(0) }
            }
        }
        let delete = try transaction.connection.prepared(Self.delete)
        for name in dead {
            delete.bind(name, at: 1)
            delete.bind(now, at: 2)
            try delete.run()
        }
        // Fewer rows than asked for: the end of the table, from which the hand starts over.
        let next = last
        transaction.afterCommit { self.state.withLock { $0.hand = next } }
    }
}
