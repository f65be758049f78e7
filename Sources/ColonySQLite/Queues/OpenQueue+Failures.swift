import ColonyCore
import ColonyQueues

/// The deliveries of a message that have failed: written when one fails, read when the message is given up, deleted with it.
extension OpenQueue {
    private static let insert = SQL(
        "INSERT OR REPLACE INTO queue_failure (place, attempt, at_ms, reason) VALUES (?, ?, ?, ?)")
    private static let deleteEarly = SQL("DELETE FROM queue_failure WHERE place = ? AND attempt <= ?")
    private static let deleteAll = SQL("DELETE FROM queue_failure WHERE place = ?")
    private static let select = SQL("SELECT attempt, at_ms, reason FROM queue_failure WHERE place = ? ORDER BY attempt")

    func noteFailure(_ id: Int64, attempt: Int64, _ reason: String) throws(StoreError) {
        let statement = try self.connection.prepared(Self.insert)
        statement.bind(self.ledger.place(id), at: 1)
        statement.bind(attempt, at: 2)
        statement.bind(self.civil, at: 3)
        statement.bind(reason, at: 4)
        try statement.run()
        if attempt > MessageLimits.history {
            let early = try self.connection.prepared(Self.deleteEarly)
            early.bind(self.ledger.place(id), at: 1)
            early.bind(attempt - Int64(MessageLimits.history), at: 2)
            try early.run()
        }
    }

    func deleteFailures(at place: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.deleteAll)
        statement.bind(place, at: 1)
        try statement.run()
    }

    static func failures(at place: Int64, on connection: Connection) throws(StoreError) -> [FailedAttempt] {
        let rows = try connection.prepared(Self.select)
        defer { rows.reset() }
        rows.bind(place, at: 1)
        var failures: [FailedAttempt] = []
        while try rows.step() {
            failures.append(
                FailedAttempt(
                    attempt: Int(rows.integer(0)), at: WallTime(millisecondsSince1970: rows.integer(1)),
                    reason: rows.text(2)))
        }
        return failures
    }
}
