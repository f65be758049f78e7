import GRDBSQLite

/// Says for each transaction of a connection whether COMMIT waits until the log is on the medium.
///
/// In a write-ahead log a commit that is not synced is as atomic as one that is: a loss of power takes away the latest commits,
/// and never tears one. A later commit that is synced takes with it all that were written before it.
///
/// - SeeAlso: SQLite, *PRAGMA synchronous*, `NORMAL` and `FULL` in WAL mode.
final class SyncSwitch {
    private let connection: Connection
    /// As ``StoreFile`` opens it.
    private var isSyncing = true

    init(_ connection: Connection) {
        self.connection = connection
    }

    /// - Precondition: No transaction is open, in which SQLite would refuse.
    func set(_ isSyncing: Bool) throws(StoreError) {
        guard isSyncing != self.isSyncing else { return }
        // Not a prepared statement: this pragma acts while it is compiled, and running it again does nothing.
        let text = isSyncing ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"
        let code = sqlite3_exec(self.connection.handle, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw self.connection.failure(code) }
        self.isSyncing = isSyncing
    }
}
