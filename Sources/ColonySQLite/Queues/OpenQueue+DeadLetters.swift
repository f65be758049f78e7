import ColonyCore
import ColonyQueues

extension OpenQueue {
    private static let insert = SQL(
        "INSERT INTO queue_dead (place, origin, attempts, reason, died_ms) VALUES (?, ?, ?, ?, ?)")
    private static let delete = SQL("DELETE FROM queue_dead WHERE place = ?")
    private static let select = SQL(
        "SELECT origin, attempts, reason, died_ms FROM queue_dead WHERE place = ?")
    private static let page = SQL(
        "SELECT place, origin, attempts, reason, died_ms FROM queue_dead WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?"
    )

    /// Gives a message up that stands nowhere any more: moves it to the dead-letter queue, or parks it here.
    func bury(_ id: Int64, _ reason: String, _ attempts: Int64) throws(StoreError) {
        let place = self.ledger.place(id)
        guard let bytes = try self.untie(id) else { return }
        if let name = self.ledger.settings.deadLetterQueue, let target = try self.sibling(name),
            let stored = try MessageTable.message(at: place, on: self.connection)
        {
            let history = try Self.failures(at: place, on: self.connection)
            if !history.isEmpty { try self.deleteFailures(at: place) }
            try MessageTable.delete(at: place, on: self.connection)
            self.ledger.counts.bytes -= bytes
            let letter = DeadLetter(
                id: MessageID(rawValue: id), message: stored.message, publishedAt: stored.publishedAt,
                origin: self.ledger.name, attempts: Int(attempts), reason: reason,
                diedAt: WallTime(millisecondsSince1970: self.civil), history: history)
            let message = letter.forwarded
            try target.take(
                id, message, bytes: message.byteCount, publishedAt: stored.publishedAt.millisecondsSince1970)
            target.ledger.announce()
            return
        }
        let statement = try self.connection.prepared(Self.insert)
        statement.bind(place, at: 1)
        statement.bind(self.ledger.name.rawValue, at: 2)
        statement.bind(attempts, at: 3)
        statement.bind(reason, at: 4)
        statement.bind(self.civil, at: 5)
        try statement.run()
        self.ledger.counts.dead += 1
    }

    /// Removes a parked dead letter for good.
    func dropDead(_ place: Int64) throws(StoreError) {
        guard let ties = try MessageTable.ties(at: place, on: self.connection) else { return }
        try self.deleteDead(place)
        try self.deleteFailures(at: place)
        try MessageTable.delete(at: place, on: self.connection)
        self.ledger.counts.bytes -= ties.bytes
    }

    private func deleteDead(_ place: Int64) throws(StoreError) {
        let statement = try self.connection.prepared(Self.delete)
        statement.bind(place, at: 1)
        try statement.run()
        self.ledger.counts.dead -= 1
    }

    /// The dead letters of a queue after a number.
    static func deadLetters(
        of ledger: QueueLedger, after id: Int64, limit: Int, on connection: Connection
    ) throws(StoreError) -> [DeadLetter] {
        let rows = try connection.prepared(Self.page)
        defer { rows.reset() }
        rows.bind(ledger.place(after: id), at: 1)
        rows.bind(ledger.place(1 << QueueSchema.messageBits - 1), at: 2)
        rows.bind(Int64(limit), at: 3)
        var letters: [DeadLetter] = []
        while try rows.step() {
            guard let stored = try MessageTable.message(at: rows.integer(0), on: connection),
                let origin = try? QueueName(rows.text(1))
            else { continue }
            letters.append(
                DeadLetter(
                    id: MessageID(rawValue: stored.id), message: stored.message, publishedAt: stored.publishedAt,
                    origin: origin, attempts: Int(rows.integer(2)), reason: rows.text(3),
                    diedAt: WallTime(millisecondsSince1970: rows.integer(4)),
                    history: try Self.failures(at: rows.integer(0), on: connection)))
        }
        return letters
    }

    /// Delivers dead letters again as if they had just been published: parked ones, and those that were moved here and are with no
    /// consumer.
    ///
    /// - Parameters:
    ///   - ids: Which; those that are none are left out.
    ///   - target: Where to; `nil` for where they came from.
    /// - Returns: How many were moved. Whether there is room is not asked: here they are counted already, and elsewhere the operator
    ///   has decided.
    func redrive(_ ids: [Int64], to target: OpenQueue?) throws(StoreError) -> Int {
        var moved = 0
        for id in ids where (1..<1 << QueueSchema.messageBits).contains(id) {
            let place = self.ledger.place(id)
            guard let stored = try MessageTable.message(at: place, on: self.connection) else { continue }
            let message: OutgoingMessage
            let destination: OpenQueue
            if try self.isDead(id) {
                message = stored.message
                destination = target ?? self
                try self.dropDead(place)
            } else {
                guard let letter = stored.message.redriven, try !self.isLeased(id) else { continue }
                let origin = target == nil ? try self.sibling(letter.origin) : target
                guard let home = origin else { continue }
                message = letter.message
                destination = home
                try self.takeOut(id)
            }
            try destination.take(
                id, message, bytes: message.byteCount, publishedAt: stored.publishedAt.millisecondsSince1970)
            destination.ledger.announce()
            moved += 1
        }
        if moved > 0 { self.ledger.announce() }
        return moved
    }

    /// Removes parked dead letters for good.
    ///
    /// - Returns: How many there were.
    func drop(_ ids: [Int64]) throws(StoreError) -> Int {
        var dropped = 0
        for id in ids where try self.isDead(id) {
            try self.dropDead(self.ledger.place(id))
            dropped += 1
        }
        if dropped > 0 { self.ledger.announce() }
        return dropped
    }

    func isDead(_ id: Int64) throws(StoreError) -> Bool {
        guard (1..<1 << QueueSchema.messageBits).contains(id) else { return false }
        let statement = try self.connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(self.ledger.place(id), at: 1)
        return try statement.step()
    }
}
