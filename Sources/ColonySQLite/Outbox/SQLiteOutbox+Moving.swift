import ColonyCore
public import ColonyQueues
public import ColonyTransactions

extension SQLiteOutbox {
    /// Moves messages into a queue of the same file, in one durable transaction that it shares with what else waits for the writer.
    ///
    /// - Complexity: At most one `fsync`, shared; O(log *n*) per message.
    public func move(
        _ limit: Int, for queue: QueueName, into engine: any QueueEngine
    ) async throws(QueueError) -> OutboxMove? {
        guard let engine = engine as? SQLiteQueueEngine,
            StoreRegistry.canonical(engine.path) == StoreRegistry.canonical(self.path)
        else { return nil }
        do throws(TransactionError) {
            // A table that is not there would give up the batch, and with it what others do in it.
            try await self.desk.opened()
        } catch {
            let code: QueueError.Code =
                switch error.code {
                case .closed: .closed
                case .cancelled: .cancelled
                case .unavailable: .unavailable
                default: .storageFailed
                }
            throw QueueError(code, error.message, cause: error.cause)
        }
        let wall = self.wall
        return try await engine.change(queue) { opened throws(StoreError) in
            try OutboxRows.move(limit, for: queue, into: opened, at: wall.now)
        }
    }
}

/// The rows of an outbox on the connection of the store.
private enum OutboxRows {
    private static let select = SQL(
        """
        SELECT number, identity, body, key, priority, delay_ms, at_ms, deduplication, headers, added_ms
        FROM colony_outbox WHERE parked IS NULL AND queue = ?1 ORDER BY number LIMIT ?2
        """)
    private static let delete = SQL("DELETE FROM colony_outbox WHERE parked IS NULL AND queue = ?1 AND number <= ?2")

    static func move(
        _ limit: Int, for name: QueueName, into queue: OpenQueue, at now: WallTime
    ) throws(StoreError) -> OutboxMove {
        var messages = try Self.next(limit, for: name, on: queue.connection)
        var outgoing: [OutgoingMessage] = []
        outgoing.reserveCapacity(messages.count)
        var refused: OutboxMessage?
        for message in messages {
            let published = message.outgoing(at: now, mayComeAgain: false)
            guard (try? published.validate()) != nil else {
                refused = message
                break
            }
            outgoing.append(published)
        }
        messages.removeSubrange(outgoing.count...)
        var move = OutboxMove(moved: 0, duplicates: 0, isFull: false)
        for outcome in try queue.publish(outgoing) {
            switch outcome {
            case .stored: move.moved += 1
            case .duplicate:
                move.moved += 1
                move.duplicates += 1
            case .full: move.isFull = true
            }
        }
        if !move.isFull { move.refused = refused }
        if move.moved > 0 {
            let statement = try queue.connection.prepared(Self.delete)
            statement.bind(name.rawValue, at: 1)
            statement.bind(messages[move.moved - 1].number, at: 2)
            try statement.run()
        }
        return move
    }

    private static func next(
        _ limit: Int, for queue: QueueName, on connection: Connection
    ) throws(StoreError) -> [OutboxMessage] {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(queue.rawValue, at: 1)
        statement.bind(Int64(max(0, limit)), at: 2)
        var messages: [OutboxMessage] = []
        var bytes = 0
        while try statement.step() {
            let body = statement.bytes(2)
            bytes += body.count
            if bytes > OutboxLimits.bytesAtOnce, !messages.isEmpty { break }
            let number = statement.integer(0)
            guard let headers = HeaderText.headers(of: statement.optionalText(8)) else {
                throw .damaged("the message \(number) of the outbox has headers that are none", in: connection)
            }
            var availability = OutgoingMessage.Availability.now
            if let delay = statement.optionalInteger(5) { availability = .after(.milliseconds(delay)) }
            if let time = statement.optionalInteger(6) { availability = .at(WallTime(millisecondsSince1970: time)) }
            messages.append(
                OutboxMessage(
                    number: number, identity: statement.text(1), queue: queue,
                    content: OutgoingMessage(
                        body, key: statement.optionalText(3), priority: Int(statement.integer(4)),
                        availability: availability, deduplicationID: statement.optionalText(7), headers: headers),
                    addedAt: WallTime(millisecondsSince1970: statement.integer(9))))
        }
        return messages
    }
}
