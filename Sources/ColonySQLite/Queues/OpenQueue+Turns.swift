import ColonyCore
import ColonyQueues

/// Queues in which keys take turns: there, what can be delivered stands in `queue_turn` and not in `queue_ready`.
///
/// A message gets the turn after the last one of its key, and none before those that have been delivered: start-time fair queueing with
/// messages of one length (P. Goyal, H. Vin, H. Cheng, 1996). The last turn of a key is forgotten once it is over, because it says no
/// more than none then.
extension OpenQueue {
    static let selectTurns = SQL(
        """
        SELECT r.rank, r.id, r.attempts, m.body, m.key, m.headers, m.published_ms, m.turn IS NOT NULL OR m.expires IS NOT NULL,
            r.turn
        FROM queue_turn r CROSS JOIN queue_message m ON m.place = (?2 | r.id)
        WHERE r.queue = ?1 ORDER BY r.rank, r.turn, r.id LIMIT ?3
        """)
    private static let deleteTurns = SQL("DELETE FROM queue_turn WHERE queue = ?1 AND (rank, turn, id) <= (?2, ?3, ?4)")
    private static let insert = SQL("INSERT INTO queue_turn (queue, rank, turn, id, attempts) VALUES (?, ?, ?, ?, ?)")
    private static let select = SQL("SELECT attempts FROM queue_turn WHERE queue = ? AND id = ?")
    private static let delete = SQL("DELETE FROM queue_turn WHERE queue = ? AND id = ?")
    private static let selectFirst = SQL(
        "SELECT turn FROM queue_turn WHERE queue = ? AND rank = ? ORDER BY turn LIMIT 1")
    private static let selectHighest = SQL(
        "SELECT last FROM queue_share WHERE queue = ? AND rank = ? ORDER BY last DESC LIMIT 1")
    private static let selectLast = SQL("SELECT last FROM queue_share WHERE queue = ? AND rank = ? AND key = ?")
    private static let upsertLast = SQL(
        """
        INSERT INTO queue_share (queue, rank, key, last) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (queue, rank, key) DO UPDATE SET last = max(last, excluded.last)
        """)
    // Two for one that may come, so that no more are kept than there are keys with a turn to come.
    private static let deleteOver = SQL(
        """
        DELETE FROM queue_share WHERE queue = ?1 AND rank = ?2 AND key IN (
            SELECT key FROM queue_share WHERE queue = ?1 AND rank = ?2 AND last < ?3 ORDER BY last LIMIT 2)
        """)

    /// Has a message stand where it can be delivered.
    ///
    /// - Parameter isNext: Whether it takes part in the turn that is next, because it has had its own and did not use it.
    func takeTurn(_ id: Int64, rank: Int64, attempts: Int64, isNext: Bool) throws(StoreError) {
        // No key is empty, so that those without one can have this one in common.
        let key = try MessageTable.key(at: self.ledger.place(id), on: self.connection) ?? ""
        let first = try self.number(Self.selectFirst, rank)
        let highest = try self.number(Self.selectHighest, rank) ?? 0
        let next = first ?? highest + 1
        let last = try self.number(Self.selectLast, rank, key) ?? 0
        let turn = isNext ? first ?? highest : max(next, last + 1)
        let share = try self.connection.prepared(Self.upsertLast)
        share.bind(self.ledger.number, at: 1)
        share.bind(rank, at: 2)
        share.bind(key, at: 3)
        share.bind(turn, at: 4)
        try share.run()
        let over = try self.connection.prepared(Self.deleteOver)
        over.bind(self.ledger.number, at: 1)
        over.bind(rank, at: 2)
        over.bind(min(next, turn), at: 3)
        try over.run()
        let statement = try self.connection.prepared(Self.insert)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(rank, at: 2)
        statement.bind(turn, at: 3)
        statement.bind(id, at: 4)
        statement.bind(attempts, at: 5)
        try statement.run()
    }

    /// How often a message was handed out that can be delivered; `nil` if it cannot.
    func turnAttempts(_ id: Int64) throws(StoreError) -> Int64? { try self.number(Self.select, id) }

    func deleteTurn(_ id: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.delete)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(id, at: 2)
        try statement.run()
    }

    /// What was handed out stood before everything that was not.
    func deleteTurns(upTo turn: Int64, rank: Int64, id: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.deleteTurns)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(rank, at: 2)
        statement.bind(turn, at: 3)
        statement.bind(id, at: 4)
        try statement.run()
    }

    private func number(_ sql: SQL, _ second: Int64, _ third: String? = nil) throws(StoreError) -> Int64? {
        let statement = try self.connection.prepared(sql)
        defer { statement.reset() }
        statement.bind(self.ledger.number, at: 1)
        statement.bind(second, at: 2)
        if let third { statement.bind(third, at: 3) }
        return try statement.step() ? statement.integer(0) : nil
    }
}
