public import ColonyCore
public import ColonyTransactions
public import GRDB

/// The marks of ``SQLiteBarrier`` in a database of yours, for a `BarrierSweeper`.
public struct SQLiteBarrierMarks: BarrierMarks {
    private let database: any DatabaseWriter
    private let wall: any WallClock

    /// Names the database in which the marks are.
    ///
    /// - Parameter wall: What says since when a transaction is over.
    public init(_ database: any DatabaseWriter, wall: any WallClock = SystemWallClock()) {
        self.database = database
        self.wall = wall
    }

    /// The names of transactions that have marks and are not known to be over.
    public func transactions(after last: String?, upTo limit: Int) async throws -> [String] {
        try await self.database.read { try SQLiteBarrier.names(after: last, upTo: limit, in: $0) }
    }

    /// Says of transactions that they are over, in one transaction of the database.
    public func end(_ transactions: [TransactionID]) async throws {
        let now = self.wall.now
        try await self.database.write { database in
            for transaction in transactions { try SQLiteBarrier.end(transaction, at: now, in: database) }
        }
    }

    /// Removes marks, in one transaction of the database.
    public func sweep(endedFor age: Duration, upTo limit: Int) async throws -> Int {
        let moment = WallTime(
            millisecondsSince1970: self.wall.now.millisecondsSince1970 &- age.clampedMilliseconds)
        return try await self.database.write {
            try SQLiteBarrier.sweep(endedBefore: moment, upTo: limit, in: $0)
        }
    }
}
