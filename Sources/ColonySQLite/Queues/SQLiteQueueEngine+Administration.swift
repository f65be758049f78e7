import ColonyCore
public import ColonyQueues

extension SQLiteQueueEngine: QueueAdministration {
    /// How a queue stands.
    ///
    /// - Complexity: O(1) beside what has become due.
    public func inspect(_ queue: QueueName) async throws(QueueError) -> QueueRecord? {
        do throws(QueueError) {
            return try await self.change(queue) { queue throws(StoreError) in try queue.record() }
        } catch {
            if error.code == .unknownQueue { return nil }
            throw error
        }
    }

    /// A page of queues, by name, as they stood after the last operation on each.
    public func queues(after name: QueueName?, limit: Int) async throws(QueueError) -> [QueueRecord] {
        try QueueRequests.check(page: limit)
        return try await self.read { connection throws(StoreError) in
            try QueueLedgers.page(after: name, limit: limit, on: connection).map(\.record)
        }
    }

    /// A page of messages that are not dead, in the order of publishing.
    ///
    /// - Complexity: O(log *n*) per message, also per dead one between them.
    public func messages(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [QueuedMessage] {
        try QueueRequests.check(page: limit)
        return try await self.change(queue) { queue throws(StoreError) in
            try queue.messages(after: id?.rawValue ?? 0, limit: limit)
        }
    }

    /// A page of parked dead letters, in the order of publishing.
    ///
    /// - Complexity: O(log *n*) per letter.
    public func deadLetters(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [DeadLetter] {
        try QueueRequests.check(page: limit)
        return try await self.change(queue) { queue throws(StoreError) in
            try OpenQueue.deadLetters(of: queue.ledger, after: id?.rawValue ?? 0, limit: limit, on: queue.connection)
        }
    }

    /// Delivers dead letters again, whether or not there is room, in one durable transaction.
    @discardableResult
    public func redrive(
        _ ids: [MessageID], of queue: QueueName, to target: QueueName?
    ) async throws(QueueError) -> Int {
        try QueueRequests.check(batch: ids.count)
        let moved = try await self.change(queue) { queue throws(StoreError) -> Int? in
            guard let target else { return try queue.redrive(ids.map(\.rawValue), to: nil) }
            guard let other = try target == queue.ledger.name ? queue : queue.sibling(target) else { return nil }
            return try queue.redrive(ids.map(\.rawValue), to: other)
        }
        guard let moved else { throw QueueRequests.unknown(target ?? queue) }
        return moved
    }

    /// Removes parked dead letters for good, in one durable transaction.
    @discardableResult
    public func dropDeadLetters(_ ids: [MessageID], of queue: QueueName) async throws(QueueError) -> Int {
        try QueueRequests.check(batch: ids.count)
        return try await self.change(queue) { queue throws(StoreError) in try queue.drop(ids.map(\.rawValue)) }
    }

    /// Removes up to a thousand messages that are not with a consumer, the earliest first, in one durable transaction.
    @discardableResult
    public func purge(_ queue: QueueName) async throws(QueueError) -> Int {
        try await self.change(queue) { queue throws(StoreError) in try queue.purge(upTo: MessageLimits.batch) }
    }

    /// Has a queue deliver nothing until it is told to go on, in one durable transaction.
    @discardableResult
    public func pause(_ queue: QueueName, _ isPaused: Bool) async throws(QueueError) -> Bool {
        try await self.change(queue) { queue throws(StoreError) in
            if queue.ledger.isPaused == isPaused { return false }
            queue.ledger.isPaused = isPaused
            queue.ledger.announce()
            return true
        }
    }

    /// Removes a queue that has no messages, in one durable transaction.
    @discardableResult
    public func delete(_ queue: QueueName) async throws(QueueError) -> Bool {
        let store = try self.opened()
        let (news, cache) = (Self.news(of: store), Self.routing(of: store))
        let count = try await self.write { transaction throws(StoreError) -> Int? in
            // The notes are those of the whole batch, and others of it have news.
            let ledgers = transaction.notes(QueueLedgers.self) { QueueLedgers(news: news) }
            guard let ledger = try ledgers.ledger(of: queue, on: transaction.connection) else { return nil }
            if ledger.counts.count == 0 {
                ledgers.forget(queue)
                try QueueLedgers.delete(ledger, on: transaction.connection)
                try RoutingNotes.of(transaction, cache).unbindAll(of: queue, on: transaction.connection)
            }
            return ledger.counts.count
        }
        if let count, count > 0 { throw QueueRequests.notEmpty(queue, count) }
        return count != nil
    }
}

extension QueueLedger {
    var record: QueueRecord {
        QueueRecord(
            name: self.name, settings: self.settings, isPaused: self.isPaused, statistics: self.counts,
            totals: self.totals)
    }
}

extension OpenQueue {
    private static let selectFree = SQL(
        """
        SELECT place FROM queue_message m WHERE place BETWEEN ?1 AND ?2
            AND NOT EXISTS (SELECT 1 FROM queue_lease l WHERE l.place = m.place)
            AND NOT EXISTS (SELECT 1 FROM queue_dead d WHERE d.place = m.place)
        ORDER BY place LIMIT ?3
        """)
    private static let selectLiving = SQL(
        """
        SELECT m.place, EXISTS (SELECT 1 FROM queue_lease l WHERE l.place = m.place),
            EXISTS (SELECT 1 FROM queue_ready r WHERE r.queue = ?4 AND r.rank = 9 - m.priority AND r.id = m.place - ?5)
                OR EXISTS (SELECT 1 FROM queue_turn r WHERE r.queue = ?4 AND r.id = m.place - ?5),
            EXISTS (SELECT 1 FROM queue_appointment a WHERE a.queue = ?4 AND a.at_ms = m.at_ms AND a.id = m.place - ?5),
            m.due
        FROM queue_message m WHERE m.place BETWEEN ?1 AND ?2
            AND NOT EXISTS (SELECT 1 FROM queue_dead d WHERE d.place = m.place)
        ORDER BY m.place LIMIT ?3
        """)

    private static let selectFirstReady = SQL(
        """
        SELECT m.published_ms FROM queue_ready r CROSS JOIN queue_message m ON m.place = (?2 | r.id)
        WHERE r.queue = ?1 AND r.rank = ?3 ORDER BY r.id LIMIT 1
        """)

    private static let selectFirstTurn = SQL(
        """
        SELECT m.published_ms FROM queue_turn r CROSS JOIN queue_message m ON m.place = (?2 | r.id)
        WHERE r.queue = ?1 ORDER BY r.id LIMIT 1
        """)

    /// The queue as an operator sees it. The earliest ready message is the first of one of the ranks, or, where keys take turns, the
    /// one of the lowest number.
    func record() throws(StoreError) -> QueueRecord {
        var record = self.ledger.record
        if self.ledger.settings.order.isFair {
            let row = try self.connection.prepared(Self.selectFirstTurn)
            defer { row.reset() }
            row.bind(self.ledger.number, at: 1)
            row.bind(self.ledger.place(0), at: 2)
            if try row.step() { record.oldestReady = WallTime(millisecondsSince1970: row.integer(0)) }
            return record
        }
        for priority in MessageLimits.priorities where self.ledger.counts.ready > 0 {
            let row = try self.connection.prepared(Self.selectFirstReady)
            defer { row.reset() }
            row.bind(self.ledger.number, at: 1)
            row.bind(self.ledger.place(0), at: 2)
            row.bind(Int64(9 - priority), at: 3)
            guard try row.step() else { continue }
            let time = WallTime(millisecondsSince1970: row.integer(0))
            record.oldestReady = min(record.oldestReady ?? time, time)
        }
        return record
    }

    /// Removes the earliest messages that are not with a consumer.
    func purge(upTo limit: Int) throws(StoreError) -> Int {
        let rows = try self.range(Self.selectFree, after: 0, limit: limit)
        var ids: [Int64] = []
        while try rows.step() { ids.append(QueueLedger.message(at: rows.integer(0))) }
        rows.reset()
        for id in ids { try self.takeOut(id) }
        if !ids.isEmpty { self.ledger.announce() }
        return ids.count
    }

    func messages(after id: Int64, limit: Int) throws(StoreError) -> [QueuedMessage] {
        let rows = try self.range(Self.selectLiving, after: id, limit: limit)
        rows.bind(self.ledger.number, at: 4)
        rows.bind(self.ledger.place(0), at: 5)
        defer { rows.reset() }
        var messages: [QueuedMessage] = []
        while try rows.step() {
            guard let stored = try MessageTable.message(at: rows.integer(0), on: self.connection) else { continue }
            let standing: QueuedMessage.Standing
            if rows.integer(1) != 0 {
                standing = .leased
            } else if rows.integer(2) != 0 {
                standing = .ready
            } else if rows.integer(3) != 0 {
                standing = .delayed
            } else if let due = rows.optionalInteger(4), try self.delayedAttempts(stored.id, due: due) != nil {
                standing = .delayed
            } else {
                standing = .waiting
            }
            messages.append(
                QueuedMessage(
                    id: MessageID(rawValue: stored.id), message: stored.message, publishedAt: stored.publishedAt,
                    standing: standing))
        }
        return messages
    }

    private func range(_ sql: SQL, after id: Int64, limit: Int) throws(StoreError) -> PreparedStatement {
        let statement = try self.connection.prepared(sql)
        statement.bind(self.ledger.place(after: id), at: 1)
        statement.bind(self.ledger.place(1 << QueueSchema.messageBits - 1), at: 2)
        statement.bind(Int64(limit), at: 3)
        return statement
    }
}
