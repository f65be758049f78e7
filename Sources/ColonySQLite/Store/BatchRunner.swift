import ColonyCore
import GRDBSQLite

/// Runs one batch after the other on the writer's thread, and holds the connection between them.
///
/// A batch goes: look whether the file is still ours, BEGIN, the operations, the counter, COMMIT with its `fsync`; only
/// then the callers, the doorbell, and a checkpoint if the log has grown. After a failure of the storage the connection
/// is given up, and the next batch opens the file again, so that the store recovers when the cause is gone.
final class BatchRunner {
    private let file: StoreFile
    private let counters: BatchCounters
    private let bell: Doorbell
    private var session: Session?
    /// Set once another host has taken the file over: opening it again would take it back, and so on for ever.
    private var takenOver: StoreError?
    /// Smoothed measures of what a commit takes, in nanoseconds: one that is synced, and one that is only written.
    private var syncedNanoseconds: Int64 = 0
    private var writtenNanoseconds: Int64 = 0
    /// Whether the latest batch was synced; the callers that come back are most likely to want the same.
    private var wasSynced = true

    /// From this size on, in pages of 4 KiB, the log is copied into the database after a batch.
    private static let checkpointPages: Int32 = 1_000
    private static let pageBytes = 4_096

    private struct Session {
        let opened: StoreFile.Opened
        let transaction: WriteTransaction
        let log: LogGauge
        let syncing: SyncSwitch
    }

    /// What the hook of the write-ahead log reports: it is called once for each transaction that wrote.
    private final class LogGauge {
        /// How long the log was after the latest commit; short again when it was started anew.
        var pages: Int32 = 0 {
            didSet { if self.pages < oldValue { self.copiesAt = 0 } }
        }
        /// The lengths from which on the next checkpoint of either kind is worth its while.
        var copiesAt: Int32 = 0
        var restartsAt: Int32 = 0
        var commits = 0
    }

    init(file: StoreFile, counters: BatchCounters) {
        self.file = file
        self.counters = counters
        self.bell = file.bell
    }

    /// How long a batch may be held open for callers that are expected back.
    var gathering: Duration { .nanoseconds((self.wasSynced ? self.syncedNanoseconds : self.writtenNanoseconds) / 2) }

    /// Runs a batch.
    ///
    /// - Returns: How many callers were resumed, who may all be back at once.
    func run(_ batch: [WriteJob]) -> Int {
        do {
            let session = try self.openedSession()
            return try self.run(batch, in: session)
        } catch {
            // Those that have run as well as those that have not: nothing of the batch was done.
            for job in batch {
                job.finishUnlessCancelled(failure: error)
            }
            self.recover(from: error)
            return 0
        }
    }

    func close() {
        self.session?.opened.close()
        self.session = nil
    }

    private func recover(from error: StoreError) {
        if error.code == .otherHost { self.takenOver = error }
        switch error.code {
        case .otherHost: self.close()
        // What was written before a sync that failed may never reach the medium, although later syncs succeed. This connection knows
        // that it is not part of the log, and writes over it. Another one that had to recover the log would find it in the cache of the
        // system, take it for committed, and put after it what a loss of power then takes away with it.
        case .outcomeUnknown where self.session?.opened.connection.isOutsideTransaction == true: break
        case .outcomeUnknown: self.close()
        // A full disk does no harm to the connection, and opening it again would need space.
        case .failed where error.sqliteCode.map({ $0 & 0xFF }) != SQLITE_FULL: self.close()
        default: break
        }
    }
}

// MARK: - A batch

extension BatchRunner {
    private static let beginImmediate = SQL("BEGIN IMMEDIATE")
    private static let beginDeferred = SQL("BEGIN")
    private static let commit = SQL("COMMIT")
    private static let rollback = SQL("ROLLBACK")

    private func run(_ batch: [WriteJob], in session: Session) throws(StoreError) -> Int {
        let connection = session.opened.connection
        let transaction = session.transaction
        let commitsBefore = session.log.commits
        let isReadOnly = batch.allSatisfy { $0.isolation == .readOnly }
        guard StoreFile.inode(at: self.file.path) == session.opened.inode else { throw self.file.replaced }
        let isSynced = batch.contains { $0.isolation != .readOnly && $0.durability > .written }
        if !isReadOnly {
            try session.syncing.set(isSynced)
            self.wasSynced = isSynced
        }
        try connection.run(isReadOnly ? Self.beginDeferred : Self.beginImmediate)
        do {
            transaction.begin(number: try self.file.checkedNumber(on: connection))
            for job in batch where job.begin() {
                try Self.run(job, in: transaction)
            }
            try transaction.finish()
            try self.commit(connection, isSynced: isSynced)
        } catch {
            if !connection.isOutsideTransaction {
                // The error that led here says more than one of the rollback, after which the connection is closed
                // anyway.
                try? connection.run(Self.rollback)
            }
            throw error
        }
        self.counters.count(
            operations: batch.count, commits: session.log.commits - commitsBefore, areSynced: isSynced)
        for action in transaction.takeActions() { action() }
        var callers = 0
        for job in batch where job.hasBegun {
            if job.hasCaller { callers += 1 }
            job.finish(failure: nil)
        }
        if transaction.ringsBell { self.bell.ring() }
        self.checkpoint(session)
        return callers
    }

    /// Runs one operation. What it throws concerns only itself, unless SQLite has ended the transaction over it or the operation
    /// stands and falls with its batch.
    private static func run(_ job: WriteJob, in transaction: WriteTransaction) throws(StoreError) {
        do {
            if job.isolation == .savepoint {
                try transaction.atomically { () throws(StoreError) in try job.run(transaction) }
            } else {
                try job.run(transaction)
            }
        } catch {
            if job.isolation == .wholeBatch || transaction.connection.isOutsideTransaction { throw error }
        }
    }

    private func commit(_ connection: Connection, isSynced: Bool) throws(StoreError) {
        let start = HostClock().now
        let statement = try connection.prepared(Self.commit)
        try statement.stepCommit()
        let took = start.duration(to: HostClock().now).clampedNanoseconds
        func smooth(_ measure: inout Int64) { measure = measure == 0 ? took : (measure * 7 + took) / 8 }
        if isSynced { smooth(&self.syncedNanoseconds) } else { smooth(&self.writtenNanoseconds) }
    }

    /// Copies the log into the database once it has grown, so that the next transactions start it anew.
    ///
    /// Readers that are under way keep the log from starting anew. When it nears the configured limit, the writer
    /// therefore holds back for a moment until they are done; readers that come meanwhile no longer need the log. A
    /// reader that stays for minutes, such as another program with an open transaction, makes the log outgrow its
    /// limit, because what it sees must not change; the writer then tries again each time the log has grown by a
    /// quarter of the limit.
    private func checkpoint(_ session: Session) {
        let limit = Int32(clamping: self.file.configuration.maximumLogBytes / Self.pageBytes)
        let pages = session.log.pages
        guard pages >= min(Self.checkpointPages, limit / 4) else {
            session.log.restartsAt = 0
            return
        }
        let handle = session.opened.connection.handle
        if pages >= max(limit / 2, session.log.restartsAt) {
            session.log.restartsAt = pages + limit / 4
            session.opened.busyHandler.limited(to: .milliseconds(100)) {
                _ = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_RESTART, nil, nil)
            }
        } else if pages >= session.log.copiesAt {
            // Not after each batch: a checkpoint syncs the database. One that fails or finds another process at it is
            // made up for by the next.
            session.log.copiesAt = pages + min(Self.checkpointPages, limit / 4)
            sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        }
    }

    private func openedSession() throws(StoreError) -> Session {
        if let takenOver { throw takenOver }
        if let session { return session }
        let opened = try self.file.open()
        let log = LogGauge()
        let context = Unmanaged.passUnretained(log).toOpaque()
        // The gauge lives as long as the session, and the hook as long as the connection, which ends before it.
        sqlite3_wal_hook(
            opened.connection.handle,
            { context, _, _, pages in
                guard let context else { return SQLITE_OK }
                let log = Unmanaged<LogGauge>.fromOpaque(context).takeUnretainedValue()
                log.pages = pages
                log.commits += 1
                return SQLITE_OK
            }, context)
        let session = Session(
            opened: opened, transaction: WriteTransaction(connection: opened.connection), log: log,
            syncing: SyncSwitch(opened.connection))
        self.session = session
        return session
    }
}
