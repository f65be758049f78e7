import ColonyCore
public import ColonyQueues
public import GRDB
import GRDBSQLite

/// Publishing inside a transaction of your own, in which your tables and the queue change together or not at all.
///
/// ```swift
/// try await database.write { db in
///     try order.insert(db)
///     try orders.publish(OrderPlaced(order.id), key: order.customer, in: db)
/// }
/// ```
///
/// A job that is enqueued after the commit is lost when the process dies in between, and one that is enqueued before it is worked on even
/// if the transaction is rolled back. Here there is no between: what is rolled back leaves no message and no deduplication identifier,
/// and a message can be delivered exactly from the commit on.
///
/// Your connection must be on the file of the engine: name your database as the store, with
/// ``SQLiteStoreConfiguration/sharesDatabase``, or keep your tables in the store's file. Give it a busy timeout, because the engine writes
/// as well. The message is as durable as your transaction: with `PRAGMA synchronous = NORMAL`, which is the default of a
/// `DatabasePool`, a loss of power may take both back together.
///
/// - Important: Do not wait for the engine inside the transaction: its writer waits for you.
extension SQLiteQueueEngine {
    /// Stores messages in their order, up to the first for which there is no room, as part of the caller's transaction.
    ///
    /// - Returns: An outcome per message, in their order. Nobody waits for room here.
    /// - Precondition: `database` is inside a transaction.
    /// - Throws: ``QueueError``: `unknownQueue` if the queue was not declared before; `invalidRequest` if `database` is another file or
    ///   a message cannot be published; `storageFailed`. Nothing was stored then, and the transaction may go on.
    public func publish(
        _ messages: [OutgoingMessage], to queue: QueueName, in database: Database
    ) throws -> [PublishOutcome] {
        precondition(
            database.isInsideTransaction,
            "messages for \"\(queue)\" were published outside a transaction, where nothing ties them to your tables")
        try QueueRequests.check(messages)
        let store = try self.opened()
        let connection = try Self.connection(of: database, on: store)
        defer { connection.finalizeStatements() }
        var outcomes: [PublishOutcome]?
        do {
            // What fails half way is undone alone, so that the caller's transaction can go on.
            try database.inSavepoint {
                outcomes = try self.publish(messages, to: queue, on: connection, of: store, in: database)
                return .commit
            }
        } catch let error as StoreError {
            throw QueueError(error)
        }
        guard let outcomes else { throw QueueRequests.unknown(queue) }
        return outcomes
    }

    private func publish(
        _ messages: [OutgoingMessage], to queue: QueueName, on connection: Connection, of store: Store,
        in database: Database
    ) throws(StoreError) -> [PublishOutcome]? {
        let transaction = WriteTransaction(connection: connection)
        transaction.begin(number: try store.file.checkedNumber(on: connection))
        let opened = try self.open(queue, in: transaction, news: Self.news(of: store))
        guard let opened else { return nil }
        let outcomes = try opened.publish(messages)
        try transaction.finish()
        let actions = transaction.takeActions()
        let bell = transaction.ringsBell ? store.file.bell : nil
        database.afterNextTransaction { _ in
            for action in actions { action() }
            bell?.ring()
        }
        return outcomes
    }

    /// The caller's connection, as the engine uses one.
    private static func connection(of database: Database, on store: Store) throws(QueueError) -> Connection {
        guard let handle = database.sqliteConnection else {
            throw QueueError(.closed, "the database is closed")
        }
        let path = sqlite3_db_filename(handle, "main").map { String(cString: $0) } ?? ""
        guard StoreRegistry.canonical(path) == store.path else {
            throw QueueError(
                .invalidRequest,
                "the transaction is of the database \"\(path)\", and the queue lies in \"\(store.path)\"; both must be one file"
            )
        }
        return Connection(handle: handle, path: store.path)
    }
}

extension MessageQueue {
    /// Publishes a message as part of the caller's own transaction; see `SQLiteQueueEngine`.
    ///
    /// - Returns: The number of the message, valid once the transaction is committed.
    /// - Throws: ``QueueError``: `invalidConfiguration` if the queue is not on an `SQLiteQueueEngine`; `unknownQueue` if it was not
    ///   declared before, which cannot be done inside the transaction; `full`. Nothing was stored then, and the transaction may go on.
    @discardableResult
    public func publish(
        _ payload: Payload, key: String? = nil, priority: Int = 4, availability: OutgoingMessage.Availability = .now,
        deduplicationID: String? = nil, headers: [String: String] = [:], in database: Database
    ) throws -> PublishedMessage {
        guard let engine = self.engine as? SQLiteQueueEngine else {
            throw QueueError(
                .invalidConfiguration,
                "the queue \"\(self.name)\" is on \(type(of: self.engine)), which cannot take part in a transaction of SQLite"
            )
        }
        let message = try self.encoded(
            NewMessage(
                payload, key: key, priority: priority, availability: availability, deduplicationID: deduplicationID,
                headers: headers))
        return try self.published(try engine.publish([message], to: self.name, in: database)[0])
    }
}
