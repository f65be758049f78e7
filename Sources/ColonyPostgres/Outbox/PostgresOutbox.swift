#if Postgres
public import ColonyCore
public import ColonyQueues
public import ColonyTransactions
import Foundation

/// An outbox in your own PostgreSQL database: a message is written in the transaction that it tells of.
///
/// ```swift
/// // With the client of your choice, in your transaction:
/// let row = try PostgresOutbox.addition(of: OutgoingMessage(body, key: order.customer), to: "orders")
/// try await connection.query(row.sql, [row.queue, row.body, row.key, …])
/// // and somewhere in the program, or in another one:
/// let outbox = try PostgresOutbox(url: "postgres://app:secret@db.example.com/app")
/// try await OutboxRelay(outbox, to: engine).run()
/// ```
///
/// ``addition(of:to:)`` is a statement of your own transaction, so it works with every client of PostgreSQL, in every language. What is rolled back
/// leaves nothing; what is committed is sent, and its row is then gone.
///
/// **Nothing is passed over.** Numbers are drawn when a row is written, and transactions commit in another order. A reader that remembers
/// how far it has read therefore loses what commits late with a low number. This one remembers nothing: it reads what is there, and
/// removes what was sent. A late row is there the next time, before the others. Nor does it wait for the oldest transaction of
/// the server (`pg_snapshot_xmin`), which would hold up all messages behind any long report.
///
/// **Order.** A message that is written after another was committed has the greater number and is never read without it, so it is sent after it. Of
/// two transactions that overlap neither comes first, unless one waits for the other: then write the message **after** the statement that
/// waits, such as the update of the order that both tell of. No lock is taken for the order of a key, because locks that
/// nobody has asked for are what transactions deadlock on.
///
/// **Space.** A sent row leaves room that autovacuum gives back, which the table asks for early. A transaction that is open for hours keeps
/// it from doing so, as everywhere in PostgreSQL. How many rows wait is bounded if you say so (``bound(to:)``); watch the age of the oldest in
/// ``OutboxRelayStatistics`` in any case.
///
/// **News.** The relay looks every ``OutboxRelayOptions/pollInterval``. It is not told by `NOTIFY`, with which each commit would take one
/// lock of the whole server.
///
/// Making an outbox does no I/O; the first call connects.
public final class PostgresOutbox: OutboxStore {
    /// Where the server is and how it is used.
    public let options: PostgresOptions
    /// The schema in which ``installation`` was run.
    public let schema: String

    private let clock: any MonotonicClock
    private let pool: PostgresPool
    private let statements: OutboxStatements

    /// Makes the relay's side of an outbox.
    ///
    /// - Parameters:
    ///   - options: Two connections are enough; their ``PostgresOptions/schema`` is not used.
    ///   - schema: The schema in which ``installation`` was run.
    ///   - clock: What all time limits are counted on; leases end by the clock of the server.
    ///   - generator: Spreads attempts to connect.
    public init(
        _ options: PostgresOptions, tablesIn schema: String = "public", clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.options = options
        self.schema = schema
        self.clock = clock
        self.pool = PostgresPool(options, channel: "colony_outbox", clock: clock, generator: generator)
        self.statements = OutboxStatements(schema: schema)
    }

    /// Makes the relay's side of an outbox from a URL; see ``PostgresOptions/init(url:)``.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(
        url: EngineURL, tablesIn schema: String = "public", clock: any MonotonicClock = HostClock()
    ) throws(InvalidName) {
        self.init(try PostgresOptions(url: url), tablesIn: schema, clock: clock)
    }

    /// Ends the outbox: refuses what comes later with `closed`, lets what is under way end, and disconnects.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.pool.close()
    }
}

// MARK: - The relay's side

extension PostgresOutbox {
    /// Gives the right to relay, by the clock of the server.
    public func claim(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> Bool {
        if lease == .zero {
            _ = try await self.query(self.statements.giveBack, [owner.rawValue])
            return false
        }
        if let defect = SettingRange.defect(of: lease, in: TransactionLimits.lease, as: "the lease of a relay") {
            throw TransactionError(.invalidRequest, defect)
        }
        let rows = try await self.query(self.statements.claim, [owner.rawValue, "\(lease.clampedMilliseconds)"])
        return !rows.isEmpty
    }

    /// Queues for which messages wait, each found by one step in the index.
    public func queues(limit: Int) async throws(TransactionError) -> [QueueName] {
        // A name that cannot be one gets past the table's check only by changing the table.
        try await self.query(self.statements.queues, ["\(max(0, limit))"]).compactMap { row in
            row.first.flatMap { $0 }.flatMap { try? QueueName($0) }
        }
    }

    /// The messages for a queue that come first, in the order of their numbers.
    public func next(_ limit: Int, for queue: QueueName) async throws(TransactionError) -> [OutboxMessage] {
        let rows = try await self.query(
            self.statements.next, [queue.rawValue, "\(max(0, limit))", "\(OutboxLimits.bytesAtOnce)"])
        return try self.messages(rows)
    }

    /// Removes messages that were sent, in one transaction.
    public func remove(_ messages: [OutboxMessage]) async throws(TransactionError) {
        let numbers = messages.map { "\($0.number)" }.joined(separator: ",")
        _ = try await self.query(self.statements.remove, ["{\(numbers)}"])
    }

    /// Sets a message aside.
    public func park(_ message: OutboxMessage, reason: String) async throws(TransactionError) {
        // PostgreSQL's text has no NUL.
        _ = try await self.query(
            self.statements.park, ["\(message.number)", reason.replacing("\0", with: "\u{FFFD}")])
    }

    /// Counts up to ``OutboxStatus/countLimit``.
    public func status() async throws(TransactionError) -> OutboxStatus {
        let row = try await self.query(self.statements.status, ["\(OutboxStatus.countLimit)"]).first ?? []
        func number(_ column: Int) -> Int64? { row.count > column ? row[column].flatMap { Int64($0) } : nil }
        return OutboxStatus(
            waiting: Int(number(0) ?? 0), parked: Int(number(1) ?? 0),
            oldest: number(2).map { WallTime(millisecondsSince1970: $0) })
    }

    /// Waits for all of the time: nothing tells of commits.
    public func waitForChange(since seen: UInt64, upTo limit: Duration) async throws(TransactionError) -> UInt64 {
        if limit <= .zero { return seen }
        do {
            try await self.clock.sleep(until: self.clock.now.advanced(by: limit), tolerance: nil)
        } catch {
            throw TransactionError(.cancelled, "the wait for the outbox on \(self.options) was cancelled", cause: error)
        }
        return seen
    }

    private func query(
        _ statement: PostgresStatement, _ parameters: [String?]
    ) async throws(TransactionError) -> [[String?]] {
        do throws(PostgresFailure) {
            return try await self.pool.query(statement, parameters).rows
        } catch {
            throw TransactionError(outbox: error, at: self.options.description)
        }
    }

    private func messages(_ rows: [[String?]]) throws(TransactionError) -> [OutboxMessage] {
        var messages: [OutboxMessage] = []
        messages.reserveCapacity(rows.count)
        for row in rows {
            guard let message = OutboxRow.message(row) else {
                throw TransactionError(
                    .storageFailed, "\(self.options): the table colony_outbox has a row that is none of an outbox")
            }
            messages.append(message)
        }
        return messages
    }
}

extension PostgresOutbox: OutboxAdministration {
    /// Messages that are parked, in the order of their numbers.
    public func parked(after number: Int64, limit: Int) async throws(TransactionError) -> [ParkedMessage] {
        if let defect = SettingRange.defect(of: limit, in: 1...1_000, as: "the length of a page") {
            throw TransactionError(.invalidRequest, defect)
        }
        let rows = try await self.query(self.statements.parked, ["\(number)", "\(limit)"])
        let messages = try self.messages(rows)
        return zip(messages, rows).map { message, row in
            ParkedMessage(message: message, reason: row.last.flatMap { $0 } ?? "")
        }
    }

    /// Has a parked message tried again, in its old place.
    public func release(_ number: Int64) async throws(TransactionError) -> Bool {
        try await !self.query(self.statements.release, ["\(number)"]).isEmpty
    }

    /// Throws a parked message away.
    public func drop(_ number: Int64) async throws(TransactionError) -> Bool {
        try await !self.query(self.statements.drop, ["\(number)"]).isEmpty
    }
}

extension TransactionError {
    /// What a failure means to one who relays.
    ///
    /// - Parameter place: The URL of the server without its password.
    fileprivate init(outbox failure: PostgresFailure, at place: String) {
        if failure.sqlState == "42P01" {
            self.init(
                .storageFailed, "\(place): \(failure.message) – run the installation of the outbox in this database",
                cause: SQLState(rawValue: "42P01"))
            return
        }
        let error = LeaseError(failure, at: place)
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .closed: .closed
            case .invalidRequest: .invalidRequest
            case .unavailable: .unavailable
            default: .storageFailed
            }
        self.init(code, code == .closed ? "the outbox on \(place) was closed" : error.message, cause: error.cause)
    }
}
#endif
