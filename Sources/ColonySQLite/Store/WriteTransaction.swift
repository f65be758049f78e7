/// What an operation works on: the connection inside the transaction of its batch.
///
/// It lives on the thread of the writer and is handed to one operation after the other.
package final class WriteTransaction {
    package let connection: Connection

    /// Whether other processes should be told once the batch is committed.
    var ringsBell = false
    /// The latest number that was drawn, and whether that is more than the file knows.
    private var number: Int64 = 0
    private var numberIsDrawn = false
    private var afterCommit: [@Sendable () -> Void] = []
    private var notes: [(type: ObjectIdentifier, notes: any BatchNotes)] = []

    init(connection: Connection) {
        self.connection = connection
    }

    func begin(number: Int64) {
        self.number = number
        self.numberIsDrawn = false
        self.ringsBell = false
        self.afterCommit.removeAll(keepingCapacity: true)
        self.notes.removeAll(keepingCapacity: true)
    }

    /// The notes of a kind for this batch; empty ones at first.
    func notes<Notes: BatchNotes>(_ type: Notes.Type, make: () -> Notes) -> Notes {
        for entry in self.notes where entry.type == ObjectIdentifier(type) {
            return unsafeDowncast(entry.notes, to: type)
        }
        let notes = make()
        self.notes.append((ObjectIdentifier(type), notes))
        return notes
    }

    private static let updateNumber = SQL("UPDATE colony SET number = ? WHERE id = 1")

    /// Writes down what the notes say and which numbers were drawn, as the last thing before the commit.
    func finish() throws(StoreError) {
        for entry in self.notes { try entry.notes.write(in: self) }
        if self.numberIsDrawn {
            let statement = try self.connection.prepared(Self.updateNumber)
            statement.bind(self.number, at: 1)
            try statement.run()
        }
    }

    /// A number greater than every one that was drawn from this file before, in any process.
    ///
    /// The counter is written back once per batch. Numbers drawn by an operation that was rolled back are left out.
    package func nextNumber() -> Int64 {
        self.number += 1
        self.numberIsDrawn = true
        return self.number
    }

    /// Has other processes look at the store after the commit.
    package func ring() {
        self.ringsBell = true
    }

    /// Runs `action` on the writer's thread once the batch is durable, before any caller learns of it; not after a
    /// rollback.
    package func afterCommit(_ action: @escaping @Sendable () -> Void) {
        self.afterCommit.append(action)
    }

    /// Runs `body` so that all of it or nothing is done.
    package func atomically<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        let pending = self.afterCommit.count
        let rang = self.ringsBell
        try self.connection.run(Self.savepoint)
        do {
            let value = try body()
            try self.connection.run(Self.release)
            return value
        } catch {
            self.afterCommit.removeSubrange(pending...)
            self.ringsBell = rang
            // After the gravest errors SQLite has ended the whole transaction itself, and the savepoint with it.
            if !self.connection.isOutsideTransaction {
                try self.connection.run(Self.rollback)
                try self.connection.run(Self.release)
            }
            throw error
        }
    }

    /// Hands over what is to be done after the commit.
    func takeActions() -> [@Sendable () -> Void] {
        defer { self.afterCommit.removeAll(keepingCapacity: true) }
        return self.afterCommit
    }

    private static let savepoint = SQL("SAVEPOINT operation")
    private static let release = SQL("RELEASE operation")
    private static let rollback = SQL("ROLLBACK TO operation")
}

/// What a module keeps in memory from one operation of a batch to the next, so that it is read once and written once.
///
/// Only operations of the isolation `wholeBatch` may change notes: they cannot be undone alone.
protocol BatchNotes: AnyObject {
    /// Writes down what has changed.
    func write(in transaction: WriteTransaction) throws(StoreError)
}
