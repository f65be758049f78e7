import ColonyCore
import ColonyQueues

/// When to look at which leases: one row for all that were given at once.
///
/// A row says where to look and not what is there, so it may outlive its leases, and settling a message does not have to find it. With
/// long leases that end early, as those of a message that is handed back again and again, rows would pile up until their time has come;
/// they are therefore written anew from the leases when they have become far more than those.
extension OpenQueue {
    private static let insert = SQL(
        "INSERT OR IGNORE INTO queue_deadline (queue, due, first, last) VALUES (?, ?, ?, ?)")
    private static let count = SQL("SELECT count(*) FROM (SELECT 1 FROM queue_deadline WHERE queue = ? LIMIT ?)")
    private static let deleteAll = SQL("DELETE FROM queue_deadline WHERE queue = ?")
    private static let insertAll = SQL(
        """
        INSERT INTO queue_deadline (queue, due, first, last)
        SELECT ?1, due, min(place), max(place) FROM queue_lease WHERE place BETWEEN ?2 AND ?3 GROUP BY due
        """)

    func insertDeadline(_ due: Int64, _ first: Int64, _ last: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.insert)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(due, at: 2)
        statement.bind(first, at: 3)
        statement.bind(last, at: 4)
        try statement.run()
        self.ledger.nextInstant = min(self.ledger.nextInstant, due)
    }

    /// Writes the rows anew if there are far more than leases.
    ///
    /// - Complexity: O(*n*) in the number of leases; called once in as many changes.
    static func tidyDeadlines(of ledger: QueueLedger, on connection: Connection) throws(StoreError) {
        // A lease that is extended all the time has about four rows.
        let limit = Int64(8 * ledger.counts.leased + QueueLedger.tidyPeriod)
        let count = try connection.prepared(Self.count)
        defer { count.reset() }
        count.bind(ledger.number, at: 1)
        count.bind(limit + 1, at: 2)
        guard try count.step(), count.integer(0) > limit else { return }
        let delete = try connection.prepared(Self.deleteAll)
        delete.bind(ledger.number, at: 1)
        try delete.run()
        let insert = try connection.prepared(Self.insertAll)
        insert.bind(ledger.number, at: 1)
        insert.bind(ledger.place(0), at: 2)
        insert.bind(ledger.place(1 << QueueSchema.messageBits - 1), at: 3)
        try insert.run()
    }
}
