import ColonyCore
import Foundation
import GRDB
import GRDBSQLite

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Opens and closes the file: checks that it is ours, brings its tables up to date, and takes it over after a reboot.
struct StoreFile: Sendable {
    let path: String
    let boot: BootIdentity
    let configuration: SQLiteStoreConfiguration
    let wall: any WallClock

    /// "Clny", in the header of the file, so that `file` and other programs know whose it is.
    static let applicationID: Int32 = 0x436C_6E79

    /// The identity of a file in its file system; another one under the same path is another store.
    struct Inode: Equatable {
        let device: UInt64
        let number: UInt64
    }

    /// An open file, as the writer holds it.
    struct Opened {
        let queue: DatabaseQueue
        let connection: Connection
        let busyHandler: BusyHandler
        let inode: Inode

        func close() {
            self.connection.finalizeStatements()
            // A connection that cannot be closed now is closed when its last statement is gone.
            try? self.queue.close()
        }
    }

    var bell: Doorbell { Doorbell(storePath: self.path) }

    /// Opens the file for writing; creates it if it is not there. The directory must exist.
    func open() throws(StoreError) -> Opened {
        try self.checkPlace()
        // One process at a time looks at the schema and changes it; the lock is on the doorbell because SQLite's own
        // locks end with each transaction.
        let openingLock = try OpeningLock(bell: self.bell, path: self.path, limit: self.configuration.busyTimeout)
        defer { openingLock.release() }
        let busyHandler = BusyHandler(limit: self.configuration.busyTimeout)
        var configuration = Configuration()
        configuration.label = "colony.store"
        configuration.busyMode = .callback { tries in busyHandler.waits(after: tries) }
        do {
            let queue = try DatabaseQueue(path: self.path, configuration: configuration)
            do {
                let connection = try queue.writeWithoutTransaction { database in try self.prepare(database) }
                try StoreModules.migrator.migrate(queue)
                try queue.writeWithoutTransaction { database in
                    try self.takeOver(database, connection)
                }
                // From here on transactions bypass GRDB, whose hooks expect to have seen the statements that began
                // them.
                sqlite3_commit_hook(connection.handle, nil, nil)
                sqlite3_rollback_hook(connection.handle, nil, nil)
                guard let inode = Self.inode(at: self.path) else { throw self.replaced }
                return Opened(queue: queue, connection: connection, busyHandler: busyHandler, inode: inode)
            } catch {
                try? queue.close()
                throw error
            }
        } catch {
            throw self.translated(error)
        }
    }

    /// Opens a second connection that only reads.
    func openReader() throws(StoreError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "colony.reader"
        configuration.readonly = true
        configuration.busyMode = .timeout(Double(self.configuration.busyTimeout.clampedMilliseconds) / 1_000)
        do {
            return try DatabaseQueue(path: self.path, configuration: configuration)
        } catch {
            throw self.translated(error)
        }
    }

    /// What to say when the file is no longer the one that was opened.
    var replaced: StoreError {
        StoreError(
            .failed,
            "the store \"\(self.path)\" was removed or replaced while it was open; what it held is gone with it, "
                + "and fencing tokens of a new file start again")
    }

    static func inode(at path: String) -> Inode? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Inode(
            device: UInt64(truncatingIfNeeded: status.st_dev), number: UInt64(truncatingIfNeeded: status.st_ino))
    }

    func translated(_ error: any Error) -> StoreError {
        if let error = error as? StoreError { return error }
        guard let error = error as? DatabaseError else {
            return StoreError(.failed, "the store \"\(self.path)\" could not be opened: \(error)")
        }
        return .sqlite(error.extendedResultCode.rawValue, detail: error.message ?? "no detail", path: self.path)
    }
}

// MARK: - The steps of opening

extension StoreFile {
    private func refused(_ message: String) -> StoreError { StoreError(.failed, message) }

    /// Says in plain words what SQLite would call "unable to open database file".
    private func checkPlace() throws(StoreError) {
        if self.path.isEmpty || self.path.hasPrefix(":memory:") || self.path.utf8.contains(0) {
            throw self.refused("\"\(self.path)\" is no path of a file; for leases in memory use the memory engine")
        }
        var status = stat()
        if stat(self.path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw self.refused(
                    "\"\(self.path)\" is a directory or a device; name a file for the store, "
                        + "such as \(self.path)/colony.db"
                )
            }
            guard access(self.path, R_OK | W_OK) == 0 else {
                throw self.refused(
                    "the store \"\(self.path)\" may not be written by this user; change its permissions or its owner")
            }
        }
        let directory = (self.path as NSString).deletingLastPathComponent
        let place = directory.isEmpty ? "." : directory
        guard stat(place, &status) == 0 else {
            throw self.refused(
                "the directory \"\(place)\" of the store does not exist; make it with: mkdir -p \(place)")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw self.refused("\"\(place)\" is no directory, so the store \"\(self.path)\" cannot lie in it")
        }
        // The log and its index are made beside the file, so the directory must be writable even for an existing store.
        guard access(place, W_OK | X_OK) == 0 else {
            throw self.refused(
                "the directory \"\(place)\" may not be written by this user; the store needs to make files in it")
        }
    }

    private func prepare(_ database: Database) throws -> Connection {
        guard let handle = database.sqliteConnection else {
            throw StoreError(.failed, "the store \"\(self.path)\" could not be opened")
        }
        // Before anything is changed: is the file ours, or new?
        let applicationID = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        let isKnown =
            try database.tableExists("colony") && database.columns(in: "colony").contains { $0.name == "boot" }
        if applicationID != Self.applicationID, !isKnown {
            if applicationID == 0, tables == 0 {
                // A disk that is full or read-only shows itself here, before the file is claimed.
                try database.execute(sql: "PRAGMA application_id = \(Self.applicationID)")
            } else if !self.configuration.sharesDatabase {
                throw self.refused(
                    "\"\(self.path)\" is not a store of Colony: another program made this SQLite database; "
                        + "name another file, or say that the store shares it"
                )
            }
        }
        if isKnown, try self.isNewer(database) {
            throw self.refused(
                "the store \"\(self.path)\" was changed by a newer version of Colony; "
                    + "update this program to at least that version"
            )
        }
        let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
            throw self.refused(
                "the store \"\(self.path)\" cannot have a write-ahead log (journal mode \(mode ?? "unknown")): "
                    + "the file system "
                    + "has no shared memory; put the store on a local disk")
        }
        // The migrations need no sync of their own: what the power cuts off is the end of them, and the next one to open the file
        // goes on from there. Checkpoints are the writer's business, after its callers have their answers.
        try database.execute(sql: "PRAGMA synchronous = NORMAL")
        try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
        return Connection(handle: handle, path: self.path)
    }

    /// Whether a version of Colony that knows more migrations has opened the file.
    private func isNewer(_ database: Database) throws -> Bool {
        guard try database.columns(in: "colony").contains(where: { $0.name == "schema" }) else { return false }
        let schema = try Int.fetchOne(database, sql: "SELECT schema FROM colony WHERE id = 1") ?? 0
        return schema > StoreModules.migrator.migrations.count
    }

    private func takeOver(_ database: Database, _ connection: Connection) throws {
        // From here on COMMIT returns after the log was synced, and the first one syncs the migrations as well.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        try database.inTransaction(.immediate) {
            let boot = try String.fetchOne(database, sql: "SELECT boot FROM colony WHERE id = 1")
            if boot == nil {
                try database.execute(
                    sql: "INSERT INTO colony (id, boot, number, created_ms) VALUES (1, ?, 0, ?)",
                    arguments: [self.boot.text, self.wall.now.millisecondsSince1970])
            } else if boot != self.boot.text {
                // The clock has started again, so no instant in the file means anything now.
                for module in StoreModules.all {
                    try module.hostRestarted(connection)
                }
                try database.execute(sql: "UPDATE colony SET boot = ? WHERE id = 1", arguments: [self.boot.text])
            }
            let schema = StoreModules.migrator.migrations.count
            try database.execute(sql: "UPDATE colony SET schema = ?1 WHERE schema < ?1", arguments: [schema])
            return .commit
        }
    }
}

/// Held while a process opens the file, so that no two of them migrate it at once.
private struct OpeningLock {
    private let file: Int32

    init(bell: Doorbell, path: String, limit: Duration) throws(StoreError) {
        let file = try bell.create()
        let clock = HostClock()
        let deadline = clock.now.advanced(by: limit)
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard clock.now < deadline else {
                close(file)
                throw StoreError(
                    .busy, "another process has been opening the store \"\(path)\" for too long; try again")
            }
            napThread(microseconds: 500)
        }
        self.file = file
    }

    /// Closing the file gives up the lock.
    func release() {
        close(self.file)
    }
}
