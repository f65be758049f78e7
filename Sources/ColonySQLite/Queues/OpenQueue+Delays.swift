import ColonyCore
import ColonyQueues

/// Messages that wait for an instant: soon ones in the order of their instants, the others in the buckets of the ``DelayWheel``.
extension OpenQueue {
    private static let insertTimer = SQL(
        "INSERT INTO queue_timer (queue, due, id, civil_ms, rank, attempts, joins) VALUES (?, ?, ?, ?, ?, ?, ?)")
    private static let selectTimer = SQL("SELECT attempts FROM queue_timer WHERE queue = ? AND due = ? AND id = ?")
    private static let deleteTimer = SQL("DELETE FROM queue_timer WHERE queue = ? AND due = ? AND id = ?")
    private static let insertLater = SQL(
        """
        INSERT INTO queue_later (queue, due, id, civil_ms, rank, attempts, joins, opens) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """)
    private static let selectLater = SQL("SELECT attempts FROM queue_later WHERE queue = ? AND opens = ? AND id = ?")
    private static let deleteLater = SQL("DELETE FROM queue_later WHERE queue = ? AND opens = ? AND id = ?")
    private static let selectOpening = SQL(
        """
        SELECT due, id, civil_ms, rank, attempts, joins, opens FROM queue_later
        WHERE queue = ?1 AND opens <= ?2 ORDER BY opens, id LIMIT ?3
        """)
    private static let deleteOpened = SQL("DELETE FROM queue_later WHERE queue = ?1 AND (opens, id) <= (?2, ?3)")

    private struct Delay {
        let due: Int64
        let id: Int64
        let civil: Int64
        let rank: Int64
        let attempts: Int64
        let joins: Bool
    }

    /// Has a message wait.
    ///
    /// - Parameter joins: Whether it takes its place in the line of its key only then.
    /// - Returns: The instant.
    func insertTimer(
        _ id: Int64, after delay: Int64, rank: Int64, attempts: Int64, joins: Bool
    ) throws(StoreError) -> Int64 {
        let due = MonotonicInstant(nanoseconds: self.now).advanced(byNanoseconds: delay).nanoseconds
        // Rounded up: after a restart of the host it may be late by a millisecond, and never early.
        let civil = self.civil + delay / 1_000_000 + 1
        try self.insert(Delay(due: due, id: id, civil: civil, rank: rank, attempts: attempts, joins: joins))
        self.ledger.counts.delayed += 1
        return due
    }

    private func insert(_ delay: Delay) throws(StoreError) {
        let opens = DelayWheel.opening(of: delay.due, at: self.now)
        let statement = try self.connection.prepared(opens == nil ? Self.insertTimer : Self.insertLater)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(delay.due, at: 2)
        statement.bind(delay.id, at: 3)
        statement.bind(delay.civil, at: 4)
        statement.bind(delay.rank, at: 5)
        statement.bind(delay.attempts, at: 6)
        statement.bind(delay.joins ? 1 : 0, at: 7)
        if let opens { statement.bind(opens, at: 8) }
        try statement.run()
        self.ledger.nextInstant = min(self.ledger.nextInstant, opens.map { $0 - DelayWheel.lead } ?? delay.due)
    }

    /// Empties the buckets that open soon.
    func openBuckets(upTo limit: Int64) throws(StoreError) {
        let rows = try self.connection.prepared(Self.selectOpening)
        rows.bind(self.ledger.number, at: 1)
        rows.bind(self.now + DelayWheel.lead, at: 2)
        rows.bind(limit, at: 3)
        var delays: [Delay] = []
        var lastOpening: Int64 = 0
        while try rows.step() {
            delays.append(
                Delay(
                    due: rows.integer(0), id: rows.integer(1), civil: rows.integer(2), rank: rows.integer(3),
                    attempts: rows.integer(4), joins: rows.integer(5) != 0))
            lastOpening = rows.integer(6)
        }
        rows.reset()
        guard let last = delays.last else { return }
        let statement = try self.connection.prepared(Self.deleteOpened)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(lastOpening, at: 2)
        statement.bind(last.id, at: 3)
        try statement.run()
        for delay in delays { try self.insert(delay) }
    }

    /// How often a message was handed out that waits for this instant; `nil` if it does not.
    func delayedAttempts(_ id: Int64, due: Int64) throws(StoreError) -> Int64? {
        try self.findDelay(id, due: due)?.attempts
    }

    /// Has a message wait no longer.
    ///
    /// - Returns: How often it was handed out; `nil` if it did not wait for this instant.
    func removeDelay(_ id: Int64, due: Int64) throws(StoreError) -> Int64? {
        guard let (attempts, opens) = try self.findDelay(id, due: due) else { return nil }
        if let opens {
            try self.run(Self.deleteLater, opens, id)
        } else {
            try self.run(Self.deleteTimer, due, id)
        }
        self.ledger.counts.delayed -= 1
        return attempts
    }

    private func findDelay(_ id: Int64, due: Int64) throws(StoreError) -> (attempts: Int64, opens: Int64?)? {
        if let attempts = try self.attempts(Self.selectTimer, due, id) { return (attempts, nil) }
        for opens in DelayWheel.openings(of: due) {
            if let attempts = try self.attempts(Self.selectLater, opens, id) { return (attempts, opens) }
        }
        return nil
    }
}
