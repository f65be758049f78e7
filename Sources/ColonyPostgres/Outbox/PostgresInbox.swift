#if Postgres
public import ColonyCore

/// Has each message take effect once: a table and a function in *your* PostgreSQL database that remember which were handled.
///
/// ```sql
/// BEGIN;
/// SELECT colony_once('billing', '5f0c…', 604800000);   -- false: its effect is there already
/// INSERT INTO invoice …;                                -- only if it was true
/// COMMIT;
/// ```
///
/// A queue delivers at least once: a consumer that dies between its commit and its acknowledgement gets the message again, and a relay that dies
/// between publishing and removing publishes it again. Here the note that a message was handled is part of the transaction of what was
/// done for it. Both are there, or neither is. Who comes while another transaction handles the same message waits for its end; at the
/// isolation levels above `READ COMMITTED` it may then fail with SQLSTATE 40001, and is run again like any transaction there.
///
/// **Retention.** A note must outlive every repeat of its message. A message can come again for as long as its queue keeps it: while it is
/// retried, while its consumers are down, after a redrive from its dead letters, and, from an outbox, while its relay is down. A week
/// is the default; make it longer than you would ever leave a queue standing. It is measured by the clock of the server. What is older
/// is removed by and by, two notes with each new one.
///
/// - Important: Do only what the transaction covers. A call to another service is made again with each attempt.
public struct PostgresInbox: Hashable, Sendable {
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

    /// A statement with the values of its parameters, in their order, for the client library of your choice.
    public struct Statement: Hashable, Sendable {
        /// With `$1` to `$3` in place of the values. It gives one row with one `boolean`: whether the message was not handled before.
        public let sql: String
        /// Of type `text`.
        public let consumer: String
        /// Of type `text`.
        public let identity: String
        /// Of type `bigint`.
        public let retentionMilliseconds: Int64
    }

    /// Statements that make the table `colony_inbox` and the function `colony_once` in the first schema of the search path. They may be run
    /// again, and belong into the migrations of your database.
    ///
    /// Who handles messages needs `SELECT`, `INSERT`, `UPDATE`, and `DELETE` on the table.
    public static let installation = OutboxTables.inbox

    /// The statement that says whether a message was not handled before, and notes that it is now.
    ///
    /// Run it first in the transaction that does what the message asks for. If it gives `false`, do nothing more and acknowledge the message.
    ///
    /// - Parameter identity: What tells the message from all others, such as `Delivery.identity`.
    public func admission(of identity: String) -> Statement {
        Statement(
            sql: "SELECT colony_once($1, $2, $3)", consumer: self.consumer, identity: identity,
            retentionMilliseconds: self.retention.clampedMilliseconds)
    }
}

extension PostgresInbox: ExpressibleByStringLiteral {
    /// Makes an inbox from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(consumer: value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}
#endif
