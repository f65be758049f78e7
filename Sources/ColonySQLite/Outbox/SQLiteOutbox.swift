public import ColonyCore
public import ColonyQueues
public import ColonyTransactions
import Foundation
public import GRDB
import GRDBSQLite
import Synchronization

/// An outbox in your own SQLite database: a message is written in the transaction that it tells of.
///
/// ```swift
/// let outbox = SQLiteOutbox(path: "shop.db")
/// try await database.write { db in
///     try order.insert(db)
///     try outbox.add(OutgoingMessage(body, key: order.customer), to: "orders", in: db)
/// }
/// ```
///
/// An ``OutboxRelay`` brings it into its queue, on whatever engine that is. What is rolled back leaves nothing; what is committed is sent, and
/// its row is then gone.
///
/// If the queue lies in the same file (an ``SQLiteQueueEngine`` with ``SQLiteStoreConfiguration/sharesDatabase``), the relay moves messages in
/// one transaction, each once. There you may as well publish in your transaction, see `SQLiteQueueEngine.publish(_:to:in:)`.
///
/// **Order.** SQLite has one writer at a time, and a message gets its number while its transaction is that one: the order of the numbers is the
/// order of the commits.
///
/// **Space.** The outbox holds ``capacity`` messages at the most. A message that finds no room is refused, and with it usually your
/// transaction: a relay that does not run must not fill the disk.
///
/// The relay uses a connection of its own, so your own connections need a busy timeout. Making an outbox does no I/O. Your program makes the
/// tables in its migrations (``registerMigration(in:)``), or has them made by ``install(in:)``.
///
/// - Important: The file must be on a disk of this host.
public final class SQLiteOutbox: DirectOutboxStore {
    /// The file as it was named.
    public let path: String
    /// The most messages, parked ones included.
    public let capacity: Int

    let clock: any MonotonicClock
    let wall: any WallClock
    let boot: BootIdentity
    let desk: OutboxDesk
    let news = OutboxNews()
    /// The file as SQLite named it when a caller's connection was found to be on it, so that it is not looked up each time.
    private let known = Mutex("")

    /// Makes an outbox on a file.
    ///
    /// - Parameters:
    ///   - path: Your database. It must be there when the relay runs.
    ///   - capacity: The most messages; at least 1. A million is some hours of a busy service, and some hundred megabytes.
    ///   - busyTimeout: How long the relay waits for other writers of the file.
    ///   - wall: What messages are dated with.
    public convenience init(
        path: String, capacity: Int = 1_000_000, busyTimeout: Duration = .seconds(5),
        wall: any WallClock = SystemWallClock()
    ) {
        self.init(
            path: path, capacity: capacity, busyTimeout: busyTimeout, clock: HostClock(), wall: wall, boot: .current)
    }

    /// - Parameters:
    ///   - clock: What the lease of the relay is counted on; it must count from the boot.
    ///   - boot: Which boot of which host this is.
    package init(
        path: String, capacity: Int = 1_000_000, busyTimeout: Duration = .seconds(5), clock: any MonotonicClock,
        wall: any WallClock = SystemWallClock(), boot: BootIdentity
    ) {
        precondition(capacity >= 1, "an outbox must hold a message, not \(capacity)")
        precondition(busyTimeout > .zero, "the busy timeout must be greater than zero, not \(busyTimeout)")
        self.path = path
        self.capacity = capacity
        self.clock = clock
        self.wall = wall
        self.boot = boot
        self.desk = OutboxDesk(path: path, busyTimeout: busyTimeout)
    }

    /// Adds the making of the tables to the migrations of your database, under the name `colony-outbox-1`.
    public static func registerMigration(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("colony-outbox-1") { database in try Self.install(in: database) }
    }

    /// Makes the tables, for databases without migrations; does nothing if they are there.
    public static func install(in database: Database) throws {
        try database.execute(sql: OutboxTables.outbox)
    }

    /// Writes a message down as part of the caller's transaction.
    ///
    /// It can be sent from the commit on, and a rollback leaves nothing. A delay counts from now, and not from when it is sent.
    ///
    /// - Precondition: `database` is inside a transaction.
    /// - Throws: ``TransactionError``: `overloaded` if the outbox holds ``capacity`` messages; `invalidRequest` or `tooLarge` if no queue would
    ///   take the message, or `invalidRequest` if `database` is another file; `DatabaseError`. Nothing was written then, and the
    ///   transaction may go on.
    /// - Complexity: One statement; O(log *n*).
    public func add(_ message: OutgoingMessage, to queue: QueueName, in database: Database) throws {
        precondition(
            database.isInsideTransaction,
            "a message for \"\(queue)\" was added outside a transaction, where nothing ties it to your tables")
        try OutboxMessage.check(message)
        try self.checkFile(of: database)
        var delay: Int64?
        var time: Int64?
        switch message.availability {
        case .now: break
        case .after(let duration): delay = duration.clampedMilliseconds
        case .at(let civil): time = civil.millisecondsSince1970
        }
        let statement = try database.cachedStatement(sql: OutboxTables.add)
        let body = message.body.withUnsafeBytes { Data($0) }
        try statement.execute(
            arguments: [
                queue.rawValue, body, message.key, message.priority, delay, time, message.deduplicationID,
                HeaderText.text(of: message.headers), self.wall.now.millisecondsSince1970, self.capacity,
            ])
        guard database.changesCount > 0 else {
            throw TransactionError(
                .overloaded,
                "the outbox in \"\(self.path)\" holds \(self.capacity) messages, as many as it may; does a relay run?")
        }
        self.news.announce(afterCommitOf: database)
    }

    private func checkFile(of database: Database) throws(TransactionError) {
        guard let handle = database.sqliteConnection else { throw TransactionError(.closed, "the database is closed") }
        let name = sqlite3_db_filename(handle, "main").map { String(cString: $0) } ?? ""
        if self.known.withLock({ $0 == name }), !name.isEmpty { return }
        guard StoreRegistry.canonical(name) == StoreRegistry.canonical(self.path) else {
            throw TransactionError(
                .invalidRequest,
                "the transaction is of the database \"\(name)\", and the outbox lies in \"\(self.path)\"; both must be one file"
            )
        }
        self.known.withLock { $0 = name }
    }

    /// Ends the outbox: refuses what comes later with `closed`, and closes its connection. ``add(_:to:in:)`` goes on.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.desk.close()
    }
}

extension OutboxStore where Self == SQLiteOutbox {
    /// The outbox in the SQLite database at `path`.
    public static func sqlite(path: String) -> SQLiteOutbox {
        SQLiteOutbox(path: path)
    }
}
