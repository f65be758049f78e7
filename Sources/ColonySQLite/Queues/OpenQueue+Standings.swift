import ColonyCore
import ColonyQueues

/// Where a message stands, and how it leaves.
extension OpenQueue {
    private static let insertReady = SQL("INSERT INTO queue_ready (queue, rank, id, attempts) VALUES (?, ?, ?, ?)")
    private static let deleteReady = SQL("DELETE FROM queue_ready WHERE queue = ? AND rank = ? AND id = ?")
    private static let insertAppointment = SQL("INSERT INTO queue_appointment (queue, at_ms, id) VALUES (?, ?, ?)")
    private static let deleteAppointment = SQL(
        "DELETE FROM queue_appointment WHERE queue = ? AND at_ms = ? AND id = ?")
    private static let insertAge = SQL("INSERT INTO queue_age (queue, due, id, civil_ms) VALUES (?, ?, ?, ?)")
    private static let deleteAge = SQL("DELETE FROM queue_age WHERE queue = ? AND due = ? AND id = ?")
    private static let selectLease = SQL("SELECT 1 FROM queue_lease WHERE place = ?")
    private static let deleteLease = SQL("DELETE FROM queue_lease WHERE place = ?")
    private static let selectReady = SQL("SELECT attempts FROM queue_ready WHERE queue = ? AND rank = ? AND id = ?")
    private static let insertLine = SQL("INSERT INTO queue_line (queue, key, turn, id) VALUES (?, ?, ?, ?)")
    private static let selectHead = SQL(
        "SELECT turn, id FROM queue_line WHERE queue = ? AND key = ? ORDER BY turn LIMIT 1")
    private static let deleteLine = SQL("DELETE FROM queue_line WHERE queue = ? AND key = ? AND turn = ?")

    // MARK: Ready

    /// - Parameter isNext: Whether it takes part in the next turn, where keys take turns.
    func makeReady(_ id: Int64, rank: Int64, attempts: Int64, isNext: Bool = false) throws(StoreError) {
        self.ledger.counts.ready += 1
        if self.ledger.settings.order.isFair {
            return try self.takeTurn(id, rank: rank, attempts: attempts, isNext: isNext)
        }
        let statement = try self.connection.prepared(Self.insertReady)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(rank, at: 2)
        statement.bind(id, at: 3)
        statement.bind(attempts, at: 4)
        try statement.run()
    }

    // MARK: Time

    func insertAppointment(_ id: Int64, at time: Int64) throws(StoreError) {
        try self.run(Self.insertAppointment, time, id)
        self.ledger.counts.delayed += 1
        self.ledger.nextAppointment = min(self.ledger.nextAppointment, time)
    }

    func insertAge(_ id: Int64, at end: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.insertAge)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(end, at: 2)
        statement.bind(id, at: 3)
        statement.bind(self.civil + (end - self.now) / 1_000_000, at: 4)
        try statement.run()
        self.ledger.nextInstant = min(self.ledger.nextInstant, end)
    }

    func deleteAge(_ end: Int64, _ id: Int64) throws(StoreError) {
        try self.run(Self.deleteAge, end, id)
    }

    func isLeased(_ id: Int64) throws(StoreError) -> Bool {
        let statement = try self.connection.prepared(Self.selectLease)
        defer { statement.reset() }
        statement.bind(self.ledger.place(id), at: 1)
        return try statement.step()
    }

    func deleteLease(at place: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.deleteLease)
        statement.bind(place, at: 1)
        try statement.run()
    }

    // MARK: Lines

    /// A message whose time has come takes its place at the end of its line, or is ready if it has none.
    func join(_ id: Int64) throws(StoreError) {
        let place = self.ledger.place(id)
        guard let ties = try MessageTable.ties(at: place, on: self.connection) else { return }
        guard let key = ties.key, self.ledger.settings.order.isPerKey else {
            return try self.makeReady(id, rank: ties.rank, attempts: 0)
        }
        let turn = self.transaction.nextNumber()
        try MessageTable.setTurn(turn, at: place, on: self.connection)
        try self.join(id, key: key, turn: turn, rank: ties.rank)
    }

    func join(_ id: Int64, key: String, turn: Int64, rank: Int64) throws(StoreError) {
        let hasHead = try self.head(of: key) != nil
        let statement = try self.connection.prepared(Self.insertLine)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(key, at: 2)
        statement.bind(turn, at: 3)
        statement.bind(id, at: 4)
        try statement.run()
        if hasHead {
            self.ledger.counts.waiting += 1
        } else {
            try self.makeReady(id, rank: rank, attempts: 0)
        }
    }

    private func head(of key: String) throws(StoreError) -> (turn: Int64, id: Int64)? {
        let statement = try self.connection.prepared(Self.selectHead)
        defer { statement.reset() }
        statement.bind(self.ledger.number, at: 1)
        statement.bind(key, at: 2)
        return try statement.step() ? (statement.integer(0), statement.integer(1)) : nil
    }

    /// Takes a message out of its line; the next one is ready then, if this was the head.
    private func leaveLine(_ key: String, turn: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.deleteLine)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(key, at: 2)
        statement.bind(turn, at: 3)
        try statement.run()
        guard let head = try self.head(of: key), head.turn > turn,
            let ties = try MessageTable.ties(at: self.ledger.place(head.id), on: self.connection)
        else { return }
        self.ledger.counts.waiting -= 1
        try self.makeReady(head.id, rank: ties.rank, attempts: 0)
    }

    // MARK: Leaving

    /// Takes a message that is not leased out of where it stands.
    ///
    /// - Returns: How often it was handed out.
    func takeFromStanding(_ id: Int64) throws(StoreError) -> Int64 {
        guard let ties = try MessageTable.ties(at: self.ledger.place(id), on: self.connection) else { return 0 }
        let isFair = self.ledger.settings.order.isFair
        if let attempts = try isFair ? self.turnAttempts(id) : self.attempts(Self.selectReady, ties.rank, id) {
            if isFair { try self.deleteTurn(id) } else { try self.run(Self.deleteReady, ties.rank, id) }
            self.ledger.counts.ready -= 1
            return attempts
        }
        if let due = ties.due, let attempts = try self.removeDelay(id, due: due) { return attempts }
        if let time = ties.appointment {
            try self.run(Self.deleteAppointment, time, id)
            if self.connection.changes > 0 {
                self.ledger.counts.delayed -= 1
                return 0
            }
        }
        self.ledger.counts.waiting -= 1
        return 0
    }

    /// Unties a message that stands nowhere any more from its line and its age.
    ///
    /// - Returns: What it counted for in bytes; `nil` if there is no such message.
    func untie(_ id: Int64) throws(StoreError) -> Int? {
        guard let ties = try MessageTable.ties(at: self.ledger.place(id), on: self.connection) else { return nil }
        if let key = ties.key, let turn = ties.turn { try self.leaveLine(key, turn: turn) }
        if let expires = ties.expires { try self.deleteAge(expires, id) }
        return ties.bytes
    }

    /// Removes a message that is not leased, from where it stands and from the queue.
    func takeOut(_ id: Int64) throws(StoreError) {
        if try self.takeFromStanding(id) > 0 { try self.deleteFailures(at: self.ledger.place(id)) }
        try self.remove(id)
    }

    /// Takes messages back that are with no consumer.
    func cancel(_ ids: [Int64]) throws(StoreError) -> [Bool] {
        var found: [Bool] = []
        for id in ids { found.append(try self.cancel(id)) }
        if found.contains(true) { self.ledger.announce() }
        return found
    }

    private func cancel(_ id: Int64) throws(StoreError) -> Bool {
        guard (1..<1 << QueueSchema.messageBits).contains(id), try !self.isLeased(id), try !self.isDead(id),
            try MessageTable.ties(at: self.ledger.place(id), on: self.connection) != nil
        else { return false }
        try self.takeOut(id)
        return true
    }

    /// Removes a message that stands nowhere any more.
    func remove(_ id: Int64) throws(StoreError) {
        guard let bytes = try self.untie(id) else { return }
        try MessageTable.delete(at: self.ledger.place(id), on: self.connection)
        self.ledger.counts.bytes -= bytes
    }

    func attempts(_ sql: SQL, _ first: Int64, _ id: Int64) throws(StoreError) -> Int64? {
        let statement = try self.connection.prepared(sql)
        defer { statement.reset() }
        statement.bind(self.ledger.number, at: 1)
        statement.bind(first, at: 2)
        statement.bind(id, at: 3)
        return try statement.step() ? statement.integer(0) : nil
    }

    func run(_ sql: SQL, _ first: Int64, _ id: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(sql)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(first, at: 2)
        statement.bind(id, at: 3)
        try statement.run()
    }
}
