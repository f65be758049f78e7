public import ColonyQueues
public import GRDB

extension SQLiteOutbox {
    /// Writes a typed message down as part of the caller's transaction, with the codec of its queue and the trace of the current task.
    ///
    /// ```swift
    /// try await database.write { db in
    ///     try order.insert(db)
    ///     try outbox.add(order, to: orders, key: order.customer, in: db)
    /// }
    /// ```
    ///
    /// The queue may be on any engine, and is not asked: it must have been declared before a relay runs.
    ///
    /// - Precondition: `database` is inside a transaction.
    /// - Throws: What ``add(_:to:in:)`` throws; `QueueError` with code `invalidRequest` or `tooLarge` if the payload cannot be encoded, or no queue
    ///   would take it. Nothing was written then, and the transaction may go on.
    /// - Complexity: One statement; O(log *n*).
    public func add<Payload: Sendable>(
        _ payload: Payload, to queue: MessageQueue<Payload>, key: String? = nil, priority: Int = 4,
        availability: OutgoingMessage.Availability = .now, deduplicationID: String? = nil,
        headers: [String: String] = [:], in database: Database
    ) throws {
        let message = try queue.encoded(
            NewMessage(
                payload, key: key, priority: priority, availability: availability, deduplicationID: deduplicationID,
                headers: headers))
        try self.add(message, to: queue.name, in: database)
    }
}
