package import ColonyCore
import GRDB
import Synchronization

/// The embedded store: one file, one writer thread, one reader connection, shared by all engines of a process on that
/// file.
///
/// It knows nothing of leases; the ports that keep their data in it bring their tables as a ``StoreModule`` and their
/// operations as closures. Writes go through ``GroupCommitWriter``. Reads go through a connection of their own, which
/// sees what was committed and is held up by no writer.
///
/// Making a store does no I/O. Engines join it and leave it; the last to leave closes it.
package final class Store: Sendable {
    package let path: String
    let file: StoreFile
    let writer: GroupCommitWriter

    private struct State {
        var members = 0
        var reader: Reader?
        /// What ports keep per store and process, by type.
        var companions: [ObjectIdentifier: any Sendable] = [:]
    }

    private let state = Mutex(State())

    /// A read connection with its statements.
    ///
    /// - Note: `@unchecked Sendable` because `connection` is used only inside blocks of `queue`, which run one at a
    ///   time.
    private final class Reader: @unchecked Sendable {
        let queue: DatabaseQueue
        let connection: Connection
        let inode: StoreFile.Inode?

        init(queue: DatabaseQueue, connection: Connection, inode: StoreFile.Inode?) {
            self.queue = queue
            self.connection = connection
            self.inode = inode
        }

        deinit {
            self.connection.finalizeStatements()
        }
    }

    init(file: StoreFile) {
        self.path = file.path
        self.file = file
        self.writer = GroupCommitWriter(file: file)
    }

    deinit {
        self.writer.stopEventually()
    }

    package var statistics: StoreStatistics { self.writer.statistics }
    package var queuedOperations: Int { self.writer.queuedOperations }

    /// The one object of type `Companion` that a port keeps beside this store.
    func companion<Companion: Sendable>(_ type: Companion.Type, make: () -> Companion) -> Companion {
        self.state.withLock { state in
            if let companion = state.companions[ObjectIdentifier(type)] as? Companion { return companion }
            let companion = make()
            state.companions[ObjectIdentifier(type)] = companion
            return companion
        }
    }

    // MARK: Membership

    func join() {
        self.state.withLock { $0.members += 1 }
    }

    /// Ends a membership; the last one finishes what is queued and closes the file.
    ///
    /// - Returns: Whether this was the last.
    func leave() -> Bool {
        self.state.withLock { state in
            state.members -= 1
            return state.members == 0
        }
    }

    func close() async {
        await self.writer.stop()
        self.state.withLock { $0.reader = nil }
    }
}

// MARK: - Operations

extension Store {
    /// Runs `body` in the next batch, and returns once that is durable.
    ///
    /// - Parameter durability: With `written` the batch is not synced on account of this operation: what it did outlives the
    ///   process, and a loss of power may take it back. Nothing that was synced before depends on it.
    /// - Throws: What `body` threw, or why the batch was not committed. After `cancelled` the body did not run; a body
    ///   that has begun is carried through.
    package func write<Value: Sendable>(
        _ isolation: WriteIsolation = .savepoint, durability: Durability = .synced,
        _ body: @escaping @Sendable (WriteTransaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let cancellation = JobCancellation()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let job = WriteJob.make(isolation, durability: durability, hasCaller: true, body) {
                    continuation.resume(returning: $0)
                }
                cancellation.watch(job)
                self.writer.enqueue(job)
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }

    /// Runs `body` on what was committed last, in a transaction that only reads.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (Connection) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let reader = try await self.openedReader()
        let file = self.file
        do {
            return try await reader.queue.read { _ in
                try Self.checkBoot(reader.connection, file)
                return try body(reader.connection)
            }
        } catch is CancellationError {
            throw StoreError(.cancelled, "the task was cancelled while it read from the store")
        } catch {
            let error = file.translated(error)
            if error.code == .failed {
                // The next read opens the file anew.
                self.state.withLock { if $0.reader === reader { $0.reader = nil } }
            }
            throw error
        }
    }

    private static let selectBoot = SQL("SELECT boot FROM colony WHERE id = 1")

    private static func checkBoot(_ connection: Connection, _ file: StoreFile) throws(StoreError) {
        let statement = try connection.prepared(Self.selectBoot)
        defer { statement.reset() }
        guard try statement.step(), statement.text(0, equals: file.boot.text) else {
            throw StoreError(
                .otherHost,
                "the store \"\(file.path)\" is in use by another host, which opened it after this one; give each "
                    + "host a file of its own, or use a daemon")
        }
    }

    private func openedReader() async throws(StoreError) -> Reader {
        if let reader = self.state.withLock({ $0.reader }), reader.inode == StoreFile.inode(at: self.path) {
            return reader
        }
        // The writer makes the file, and checks it, before anybody reads from it.
        try await self.write(.readOnly) { _ in }
        let queue = try self.file.openReader()
        let connection = try self.connection(of: queue)
        let reader = Reader(queue: queue, connection: connection, inode: StoreFile.inode(at: self.path))
        self.state.withLock { $0.reader = reader }
        return reader
    }

    private func connection(of queue: DatabaseQueue) throws(StoreError) -> Connection {
        let path = self.path
        let handle = queue.unsafeReentrantWrite { $0.sqliteConnection }
        guard let handle else { throw StoreError(.closed, "the store \"\(path)\" was closed") }
        return Connection(handle: handle, path: path)
    }
}
