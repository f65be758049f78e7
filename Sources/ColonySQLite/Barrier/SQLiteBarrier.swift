public import ColonyCore
public import ColonyTransactions
public import GRDB

/// Has each call of a participant take effect once, in *your* SQLite database, in the transaction that does the work.
///
/// ```swift
/// let seats = try await database.write { db in
///     try SQLiteBarrier.once(call.barrier, in: db) {
///         try Seats.reserve(call.input.seats, in: db)
///     }.get()
/// }
/// ```
///
/// A call that is repeated, a cancel without its try, and a try after its cancel do no work; why they come, and how they are told, is written
/// at ``/ColonyTransactions/BarrierDecision``. The marks are in the table `colony_barrier`, and are rolled back with the work.
///
/// **How long marks stay.** A mark stays until somebody has said with ``end(_:at:in:)`` that its transaction is over, and after that for as
/// long as you choose for ``sweep(endedBefore:upTo:in:)``; take longer than a call can be on its way. Marks of transactions of which nobody
/// said anything stay for good.
public enum SQLiteBarrier {
    /// The table of the marks.
    public static let tableName = "colony_barrier"

    // MARK: The barrier

    /// Does the work of a call unless it was done before, may not be done any more, or has nothing to undo.
    ///
    /// What the work gives is kept, so that a repetition gives the same. If the work throws, the marks are gone with all that it did, also
    /// when the caller goes on with its transaction.
    ///
    /// - Precondition: `database` is inside a transaction. Outside of one nothing would tie the marks to the work.
    /// - Parameters:
    ///   - call: Which call it is: `call.barrier` in a step, or what a program elsewhere has sent along.
    ///   - work: What to do, on the same `database`. Its value is stored as JSON.
    /// - Throws: What the work throws; `DatabaseError`; `DecodingError` if the kept value is of another type.
    /// - Complexity: Three statements for a try or confirm that does its work, four for a cancel, each O(log *n*) in the number of marks.
    @discardableResult
    public static func once<Value: Codable & Sendable>(
        _ call: BarrierCall, in database: Database, _ work: () throws -> Value
    ) throws -> BarrierOutcome<Value> {
        try Self.enter(call, in: database, work) { value in
            try JSONCoding.encode(value)
        } decode: { bytes in
            try JSONCoding.decode(Value.self, from: bytes)
        }
    }

    /// Does the work of a call that gives nothing, unless it was done before, may not be done any more, or has nothing to undo.
    @discardableResult
    public static func once(
        _ call: BarrierCall, in database: Database, _ work: () throws -> Void
    ) throws -> BarrierOutcome<Void> {
        try Self.enter(call, in: database, work) { _ in
            nil
        } decode: { _ in
            ()
        }
    }

    private static func enter<Value: Sendable>(
        _ call: BarrierCall, in database: Database, _ work: () throws -> Value,
        encode: (Value) throws -> [UInt8]?, decode: ([UInt8]) throws -> Value
    ) throws -> BarrierOutcome<Value> {
        precondition(
            database.isInsideTransaction,
            "the barrier of \(call) was asked outside a transaction, where it protects nothing")
        var outcome = BarrierOutcome<Value>.empty
        try database.inSavepoint {
            let authors = try BarrierDecision.marks(of: call.operation).map { mark in
                try Self.leave(mark, of: call, in: database)
            }
            switch BarrierDecision(call.operation, authors: authors) {
            case .proceed:
                let value = try work()
                if let bytes = try encode(value) { try Self.keep(bytes, of: call, in: database) }
                outcome = .done(value)
            case .repeated: outcome = .repeated(try decode(try Self.kept(of: call, in: database)))
            case .empty: outcome = .empty
            case .hanging: outcome = .hanging
            }
            return .commit
        }
        return outcome
    }

    /// Leaves a mark.
    ///
    /// - Returns: Who had left it before.
    private static func leave(
        _ mark: BarrierCall.Operation, of call: BarrierCall, in database: Database
    ) throws -> BarrierCall.Operation? {
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO \(Self.tableName) (tx, branch, operation, author) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
                """)
        let key = [call.transaction.rawValue, call.branch.rawValue, mark.rawValue]
        try insert.execute(arguments: StatementArguments(key + [call.operation.rawValue]))
        if database.changesCount > 0 { return nil }
        let select = try database.cachedStatement(
            sql: "SELECT author FROM \(Self.tableName) WHERE (tx, branch, operation) = (?, ?, ?)")
        let author = try String.fetchOne(select, arguments: StatementArguments(key))
        return author.flatMap { BarrierCall.Operation(rawValue: $0) }
    }

    private static func keep(_ bytes: [UInt8], of call: BarrierCall, in database: Database) throws {
        let update = try database.cachedStatement(
            sql: "UPDATE \(Self.tableName) SET result = ? WHERE (tx, branch, operation) = (?, ?, ?)")
        try update.execute(
            arguments: [
                String(decoding: bytes, as: UTF8.self), call.transaction.rawValue, call.branch.rawValue,
                call.operation.rawValue,
            ])
    }

    private static func kept(of call: BarrierCall, in database: Database) throws -> [UInt8] {
        let select = try database.cachedStatement(
            sql: "SELECT result FROM \(Self.tableName) WHERE (tx, branch, operation) = (?, ?, ?)")
        let text = try String.fetchOne(
            select, arguments: [call.transaction.rawValue, call.branch.rawValue, call.operation.rawValue])
        return Array((text ?? "").utf8)
    }

    // MARK: The table

    /// Adds the making of the table to the migrations of your database, under the name `colony-barrier-1`.
    public static func registerMigration(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("colony-barrier-1") { database in
            try Self.createTable(in: database)
        }
    }

    /// Makes the table, for databases without migrations; does nothing if it is there.
    public static func createTable(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS \(Self.tableName) (
                    tx TEXT NOT NULL,
                    branch TEXT NOT NULL,
                    operation TEXT NOT NULL CHECK (operation IN ('try', 'confirm', 'cancel')),
                    author TEXT NOT NULL CHECK (author IN ('try', 'confirm', 'cancel')),
                    result TEXT,
                    ended_at INTEGER,
                    PRIMARY KEY (tx, branch, operation)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX IF NOT EXISTS \(Self.tableName)_ended ON \(Self.tableName) (ended_at)
                    WHERE ended_at IS NOT NULL;
                CREATE INDEX IF NOT EXISTS \(Self.tableName)_open ON \(Self.tableName) (tx) WHERE ended_at IS NULL;
                """)
    }

    // MARK: The end of marks

    /// Transactions that have marks and of which nobody has said that they are over, in the order of their names.
    ///
    /// What is no name of a transaction is left out.
    ///
    /// - Parameters:
    ///   - last: The last one of the page before.
    ///   - limit: The most that are given; at least 1.
    /// - Complexity: O(*n*) in the marks of transactions that are given.
    public static func transactions(
        after last: TransactionID? = nil, upTo limit: Int, in database: Database
    ) throws -> [TransactionID] {
        var found: [TransactionID] = []
        let names = try String.fetchCursor(
            database, sql: Self.namesSQL, arguments: [last?.rawValue ?? "", -1])
        while found.count < limit, let name = try names.next() {
            if let id = try? TransactionID(name) { found.append(id) }
        }
        return found
    }

    /// The names of transactions as they are, for a `BarrierSweeper`.
    static func names(after last: String?, upTo limit: Int, in database: Database) throws -> [String] {
        try String.fetchAll(database, sql: Self.namesSQL, arguments: [last ?? "", limit])
    }

    private static let namesSQL =
        "SELECT DISTINCT tx FROM \(Self.tableName) WHERE tx > ? AND ended_at IS NULL ORDER BY tx LIMIT ?"

    /// Says that a transaction is over: its coordinator will not call anybody any more. Saying it again changes nothing.
    ///
    /// Its marks stay nevertheless, for calls that are still on their way.
    public static func end(_ transaction: TransactionID, at now: WallTime, in database: Database) throws {
        try database.execute(
            sql: "UPDATE \(Self.tableName) SET ended_at = ? WHERE tx = ? AND ended_at IS NULL",
            arguments: [now.millisecondsSince1970, transaction.rawValue])
    }

    /// Removes marks of transactions that were over before `moment`: choose one that is further back than a call can be on its way,
    /// with all the queues and retries that are between coordinator and participant; a day, rather than a minute.
    ///
    /// - Returns: How many marks were removed; fewer than `limit` if there are no more.
    @discardableResult
    public static func sweep(endedBefore moment: WallTime, upTo limit: Int, in database: Database) throws -> Int {
        try database.execute(
            sql: """
                DELETE FROM \(Self.tableName) WHERE (tx, branch, operation) IN (
                    SELECT tx, branch, operation FROM \(Self.tableName) WHERE ended_at < ? LIMIT ?)
                """, arguments: [moment.millisecondsSince1970, limit])
        return database.changesCount
    }
}
