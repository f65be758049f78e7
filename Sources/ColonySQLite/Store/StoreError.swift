import GRDBSQLite

/// Why the store could not do what it was asked, in words of storage; each port translates it into its own error.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// Other processes kept the file locked for the whole time limit. *Not done*.
        case busy
        /// As many operations wait already as the configuration allows. *Not done*.
        case queueFull
        /// The calling task was cancelled before its operation began, or while it read. *Not done*.
        case cancelled
        /// The store was closed. *Not done*.
        case closed
        /// The medium failed while the commit was being made durable. *Unknown* whether it was done.
        case outcomeUnknown
        /// The file cannot be used: missing, foreign, corrupt, full, read-only, from the future. *Not done*.
        case failed
        /// The file is in use by another host. *Not done*; it lasts until the store is opened anew.
        case otherHost
    }

    package let code: Code
    /// A sentence that names the file and what an operator can do.
    package let message: String
    /// The extended result code of SQLite, if SQLite failed.
    package let sqliteCode: Int32?

    package init(_ code: Code, _ message: String, sqliteCode: Int32? = nil) {
        self.code = code
        self.message = message
        self.sqliteCode = sqliteCode
    }

    package var description: String { self.message }
}

extension StoreError {
    /// Translates a result code of SQLite into what is known and what to do.
    ///
    /// - Parameter duringCommit: Whether COMMIT itself failed. An I/O error there leaves the outcome unknown: the
    ///   frames may have reached the log although `fsync` did not confirm it.
    static func sqlite(_ code: Int32, detail: String, path: String, duringCommit: Bool = false) -> StoreError {
        let quoted = "\"\(path)\""
        func failed(_ message: String) -> StoreError { StoreError(.failed, message, sqliteCode: code) }
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
            return StoreError(
                .busy, "the store \(quoted) was locked by other processes for too long (\(detail)); try again",
                sqliteCode: code)
        case SQLITE_INTERRUPT:
            // Only a read is interrupted, by the cancellation of its task; nothing is wrong with the file.
            return StoreError(
                .cancelled, "the task was cancelled while it read from the store \(quoted)", sqliteCode: code)
        case SQLITE_FULL:
            return failed(
                "the disk that holds the store \(quoted) is full; free some space; "
                    + "nothing that was acknowledged is lost"
            )
        case SQLITE_IOERR where duringCommit:
            return StoreError(
                .outcomeUnknown,
                "the disk failed while a commit to the store \(quoted) was made durable (\(detail)); "
                    + "whether it was done is unknown", sqliteCode: code)
        case SQLITE_IOERR:
            return failed("the store \(quoted) could not be read or written (\(detail)); check the disk")
        case SQLITE_READONLY:
            return failed("the store \(quoted) is read-only (\(detail)); make the file and its directory writable")
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
            return failed("the store \(quoted) could not be opened (\(detail)); check its path and permissions")
        case SQLITE_NOTADB:
            return failed(
                "\(quoted) is not a store of Colony: it is no SQLite database; name another file, or move it away")
        case SQLITE_CORRUPT:
            return failed(
                "the store \(quoted) is damaged (\(detail)); restore it from a copy, or move it away to start anew")
        default:
            return failed("the store \(quoted) failed with SQLite error \(code) (\(detail))")
        }
    }
}

extension StoreError {
    /// Says that the file holds what no version has written.
    static func damaged(_ finding: String, in connection: Connection) -> StoreError {
        StoreError(.failed, "the store \"\(connection.path)\" is damaged: \(finding); restore it from a copy")
    }
}
