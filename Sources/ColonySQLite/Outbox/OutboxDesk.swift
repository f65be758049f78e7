import ColonyCore
import ColonyTransactions
import Dispatch
import Foundation
import GRDB
import Synchronization

/// The relay's own connection to the caller's database, opened on first use.
final class OutboxDesk: Sendable {
    private enum Phase {
        case unopened
        case open(DatabaseQueue)
        case closed
    }

    private let path: String
    private let busyTimeout: Duration
    private let phase = Mutex(Phase.unopened)
    /// Opens one connection at a time, and not on a thread of the tasks.
    private let opener = DispatchQueue(label: "colony.outbox")

    init(path: String, busyTimeout: Duration) {
        self.path = path
        self.busyTimeout = busyTimeout
    }

    /// Runs `body` in a transaction.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(TransactionError) -> Value {
        let queue = try await self.opened()
        do {
            return try await queue.write(body)
        } catch {
            throw self.translated(error)
        }
    }

    /// Runs `body` on what was committed.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(TransactionError) -> Value {
        let queue = try await self.opened()
        do {
            return try await queue.read(body)
        } catch {
            throw self.translated(error)
        }
    }

    func close() async {
        let queue = self.phase.withLock { phase -> DatabaseQueue? in
            defer { phase = .closed }
            if case .open(let queue) = phase { return queue }
            return nil
        }
        guard let queue else { return }
        await withCheckedContinuation { continuation in
            self.opener.async {
                // A connection that cannot be closed now is closed when nobody uses it any more.
                try? queue.close()
                continuation.resume()
            }
        }
    }

    /// The connection, with the tables there.
    @discardableResult
    func opened() async throws(TransactionError) -> DatabaseQueue {
        if let queue = try self.present() { return queue }
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<DatabaseQueue, TransactionError>, Never>) in
            self.opener.async {
                do throws(TransactionError) {
                    continuation.resume(returning: .success(try self.open()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    private func present() throws(TransactionError) -> DatabaseQueue? {
        let (queue, isClosed) = self.phase.withLock { phase -> (DatabaseQueue?, Bool) in
            switch phase {
            case .unopened: (nil, false)
            case .open(let queue): (queue, false)
            case .closed: (nil, true)
            }
        }
        if isClosed { throw TransactionError(.closed, "the outbox in \"\(self.path)\" was closed") }
        return queue
    }

    private func open() throws(TransactionError) -> DatabaseQueue {
        if let queue = try self.present() { return queue }
        guard FileManager.default.fileExists(atPath: self.path) else {
            throw TransactionError(.storageFailed, "there is no database \"\(self.path)\" for an outbox to be in")
        }
        var configuration = Configuration()
        configuration.label = "colony.outbox"
        configuration.busyMode = .timeout(Double(self.busyTimeout.clampedMilliseconds) / 1_000)
        configuration.prepareDatabase { database in
            // What is removed here comes back after a loss of power, and is published again: that is known by its identity.
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
        }
        do {
            let queue = try DatabaseQueue(path: self.path, configuration: configuration)
            try queue.write { database in
                if try !database.tableExists("colony_outbox_state") { try SQLiteOutbox.install(in: database) }
            }
            let isClosed = self.phase.withLock { phase -> Bool in
                if case .closed = phase { return true }
                phase = .open(queue)
                return false
            }
            if isClosed { throw TransactionError(.closed, "the outbox in \"\(self.path)\" was closed") }
            return queue
        } catch {
            throw self.translated(error)
        }
    }

    private func translated(_ error: any Error) -> TransactionError {
        if let error = error as? TransactionError { return error }
        if error is CancellationError {
            return TransactionError(.cancelled, "the task was cancelled while it used the outbox in \"\(self.path)\"")
        }
        guard let error = error as? DatabaseError else {
            return TransactionError(.storageFailed, "the outbox in \"\(self.path)\" could not be used", cause: error)
        }
        return TransactionError(
            StoreError.sqlite(
                error.extendedResultCode.rawValue, detail: error.message ?? "no detail", path: self.path))
    }
}
