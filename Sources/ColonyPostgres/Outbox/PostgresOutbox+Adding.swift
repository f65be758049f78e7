#if Postgres
public import ColonyCore
public import ColonyQueues
public import ColonyTransactions
import Foundation

/// The caller's side: what is run in his own transaction, by his own client.
extension PostgresOutbox {
    /// A statement with the values of its parameters, in their order, for the client library of your choice.
    public struct Statement: Hashable, Sendable {
        /// With `$1` to `$8` in place of the values.
        public let sql: String
        /// Of type `text`.
        public let queue: String
        /// Of type `bytea`.
        public let body: [UInt8]
        /// Of type `text`, or NULL.
        public let key: String?
        /// Of type `bigint`.
        public let priority: Int64
        /// Of type `bigint`, or NULL.
        public let delayMilliseconds: Int64?
        /// Milliseconds since 1970, of type `bigint`, or NULL.
        public let atMilliseconds: Int64?
        /// Of type `text`, or NULL.
        public let deduplicationID: String?
        /// An object of JSON whose values are strings, of type `text`.
        public let headers: String
    }

    /// Statements that make the tables `colony_outbox` and `colony_outbox_relay` in the first schema of the search path. They may be run
    /// again, and belong into the migrations of your database.
    ///
    /// Who adds messages needs `INSERT` on `colony_outbox`; a relay needs `SELECT`, `UPDATE`, and `DELETE` there, and with `INSERT` on
    /// `colony_outbox_relay`.
    public static let installation = OutboxTables.outbox

    /// Statements that bound the outbox: from then on a message that would be one more than `capacity` is refused with the state `53400`
    /// (`configuration_limit_exceeded`), and with it the transaction that it tells of. They may be run again with another number, after
    /// ``installation``.
    ///
    /// A count that is exact at each moment would make all writers wait for each other. So each looks at the span of numbers from the oldest
    /// message that waits to its own first, and counts what waits only where that is as large as `capacity`: where transactions were rolled
    /// back, or one message waits for long while others are sent. Then it does not see what others have not committed yet, and all of them
    /// together may go beyond the bound by what they are writing at that moment. Parked messages do not count.
    ///
    /// Who adds messages needs `SELECT` as well then. The search path must be that under which ``installation`` was run.
    ///
    /// - Parameter capacity: At least 1. A million is some hours of a busy service, and some hundred megabytes.
    /// - Complexity: One step in an index for each message that is added; O(*n*) in what waits while the oldest of it is further behind than
    ///   `capacity`.
    public static func bound(to capacity: Int) -> String {
        precondition(capacity >= 1, "an outbox must hold a message, not \(capacity)")
        return OutboxTables.bound(capacity)
    }

    /// The statement that writes a message down in the caller's transaction.
    ///
    /// It can be sent from the commit on, and a rollback leaves nothing. A delay counts from when the statement is run.
    ///
    /// - Throws: ``TransactionError``: `invalidRequest` or `tooLarge` if no queue would take the message, or a text has a NUL character,
    ///   which PostgreSQL does not keep.
    public static func addition(
        of message: OutgoingMessage, to queue: QueueName
    ) throws(TransactionError) -> Statement {
        try OutboxMessage.check(message)
        if let name = message.headers.first(where: { $0.value.utf8.contains(0) })?.key {
            throw TransactionError(
                .invalidRequest, "the header \"\(name)\" has a NUL character, which PostgreSQL does not keep")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let headers: Data
        do {
            headers = try encoder.encode(message.headers)
        } catch {
            throw TransactionError(.invalidRequest, "the headers cannot be written down", cause: error)
        }
        var delay: Int64?
        var time: Int64?
        switch message.availability {
        case .now: break
        case .after(let duration): delay = duration.clampedMilliseconds
        case .at(let civil): time = civil.millisecondsSince1970
        }
        return Statement(
            sql: """
                INSERT INTO colony_outbox (queue, body, key, priority, delay_ms, at_ms, deduplication, headers)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb)
                """,
            queue: queue.rawValue, body: message.body, key: message.key, priority: Int64(message.priority),
            delayMilliseconds: delay, atMilliseconds: time, deduplicationID: message.deduplicationID,
            headers: String(decoding: headers, as: UTF8.self))
    }
}

extension OutboxStore where Self == PostgresOutbox {
    /// The outbox in a PostgreSQL database, such as `.postgres("postgres://app:secret@db.example.com/app?sslmode=verify-full")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func postgres(_ url: String) throws(InvalidName) -> PostgresOutbox {
        try PostgresOutbox(url: EngineURL(url))
    }
}
#endif
