import GRDBSQLite
import Synchronization

/// A connection to the file with its prepared statements. It belongs to one thread or queue at a time.
///
/// GRDB opens, configures, and closes the connection; between the two, statements run on it directly.
package final class Connection {
    let handle: OpaquePointer
    let path: String
    /// Tells connections apart, also those that were closed.
    let generation: Int
    private var statements: [PreparedStatement?] = []

    init(handle: OpaquePointer, path: String) {
        self.handle = handle
        self.path = path
        self.generation = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    }

    private static let count = Atomic<Int>(0)

    /// Gives up the prepared statements, without which the connection cannot be closed.
    func finalizeStatements() {
        self.statements.removeAll()
    }

    package func prepared(_ sql: SQL) throws(StoreError) -> PreparedStatement {
        if sql.id < self.statements.count, let statement = self.statements[sql.id] {
            return statement
        }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(self.handle, sql.text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw self.failure(code) }
        let prepared = PreparedStatement(handle: statement, connection: self)
        while self.statements.count <= sql.id {
            self.statements.append(nil)
        }
        self.statements[sql.id] = prepared
        return prepared
    }

    package func run(_ sql: SQL) throws(StoreError) {
        try self.prepared(sql).run()
    }

    private static let selectDataVersion = SQL("PRAGMA data_version")

    /// A number that is another after every commit of another connection.
    var dataVersion: Int64 {
        get throws(StoreError) {
            let statement = try self.prepared(Self.selectDataVersion)
            defer { statement.reset() }
            return try statement.step() ? statement.integer(0) : 0
        }
    }

    /// How many rows the latest insert, update, or delete touched.
    package var changes: Int { Int(sqlite3_changes(self.handle)) }

    /// Whether no transaction is open: SQLite ends a transaction itself after the gravest errors.
    var isOutsideTransaction: Bool { sqlite3_get_autocommit(self.handle) != 0 }

    func failure(_ code: Int32, duringCommit: Bool = false) -> StoreError {
        let extended = sqlite3_extended_errcode(self.handle)
        let detail = String(cString: sqlite3_errmsg(self.handle))
        return .sqlite(
            extended & 0xFF == code & 0xFF ? extended : code, detail: detail, path: self.path,
            duringCommit: duringCommit)
    }
}
