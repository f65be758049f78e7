public import ColonyCore
public import GRDB

/// Has each message take effect once: a table in *your* SQLite database that remembers which were handled.
///
/// ```swift
/// let inbox: SQLiteInbox = "billing"
/// try await orders.consume { message in
///     try await database.write { db in
///         try inbox.once(message.delivery.identity, in: db) {
///             try Invoice(for: message.payload).insert(db)
///         }
///     }
/// }
/// ```
///
/// A queue delivers at least once: a consumer that dies between its commit and its acknowledgement gets the message again, and a relay that dies
/// between publishing and removing publishes it again. Here the note that a message was handled is part of the transaction of what was
/// done for it. Both are there, or neither is.
///
/// **Retention.** A note must outlive every repeat of its message. A message can come again for as long as its queue keeps it: while it is
/// retried, while its consumers are down, after a redrive from its dead letters, and, from an outbox, while its relay is down.
/// ``retention`` is a week unless you say otherwise; make it longer than you would ever leave a queue standing. It is measured by the civil
/// clock of the host. What is older is removed by and by, two notes with each new one, so that the table has no more than a retention's worth.
///
/// - Important: Do in the body only what the transaction covers. A call to another service is made again with each attempt.
public struct SQLiteInbox: Hashable, Sendable {
    /// Whose effects are meant: what two consumers do with one message are two effects.
    public let consumer: String
    /// How long a note is kept at the least.
    public let retention: Duration

    /// - Parameters:
    ///   - consumer: 1 to 255 bytes of UTF-8 without control characters.
    ///   - retention: Greater than zero; see above.
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    public init(consumer: String, retention: Duration = .seconds(7 * 86_400)) throws(InvalidName) {
        if let defect = NameRules.defect(in: consumer) {
            throw InvalidName(role: "consumer of an inbox", value: consumer, reason: defect)
        }
        precondition(retention > .zero, "the notes of an inbox are kept for some time, not for \(retention)")
        self.consumer = consumer
        self.retention = retention
    }
}

extension SQLiteInbox: ExpressibleByStringLiteral {
    /// Makes an inbox from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(consumer: value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension SQLiteInbox {
    /// Adds the making of the table to the migrations of your database, under the name `colony-inbox-1`.
    public static func registerMigration(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("colony-inbox-1") { database in try Self.install(in: database) }
    }

    /// Makes the table, for databases without migrations; does nothing if it is there.
    public static func install(in database: Database) throws {
        try database.execute(sql: OutboxTables.inbox)
    }

    /// Runs `body` unless it was run for this message before, by the same consumer, in a transaction that was committed.
    ///
    /// If `body` throws, what it changed and the note are undone together, also if the caller's transaction goes on.
    ///
    /// - Parameters:
    ///   - identity: What tells the message from all others, such as `Delivery.identity`.
    ///   - wall: What the note is dated with.
    /// - Precondition: `database` is inside a transaction.
    /// - Returns: Whether `body` was run. `false` says that its effect is there already: acknowledge the message.
    /// - Throws: What `body` throws; `DatabaseError`.
    /// - Complexity: Two statements beside those of `body`; O(log *n*) in the number of notes.
    @discardableResult
    public func once(
        _ identity: String, in database: Database, wall: any WallClock = SystemWallClock(), _ body: () throws -> Void
    ) throws -> Bool {
        precondition(
            database.isInsideTransaction,
            "the message \"\(identity)\" was handled outside a transaction, where nothing ties the note to what was done"
        )
        var isFirst = false
        try database.inSavepoint {
            let now = wall.now
            try database.cachedStatement(
                sql: "INSERT OR IGNORE INTO colony_inbox (consumer, identity, at_ms) VALUES (?, ?, ?)"
            ).execute(arguments: [self.consumer, identity, now.millisecondsSince1970])
            isFirst = database.changesCount > 0
            guard isFirst else { return .commit }
            try body()
            try self.sweep(before: now.advanced(by: .zero - self.retention), in: database)
            return .commit
        }
        return isFirst
    }

    /// How many are removed with each new one: one more than comes, so that what is old gets less.
    private static let sweptAtOnce = 2

    private func sweep(before end: WallTime, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                DELETE FROM colony_inbox WHERE (consumer, identity) IN (
                    SELECT consumer, identity FROM colony_inbox WHERE consumer = ?1 AND at_ms < ?2
                    ORDER BY at_ms LIMIT ?3)
                """
        ).execute(arguments: [self.consumer, end.millisecondsSince1970, Self.sweptAtOnce])
    }
}
