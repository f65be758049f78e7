#if Postgres
public import ColonyTransactions

/// The marks of ``PostgresBarrier`` in a database of yours, for a `BarrierSweeper`.
public struct PostgresBarrierMarks: BarrierMarks {
    private let run: @Sendable (PostgresBarrier.Statement) async throws -> [[String?]]

    /// Says how the database is asked.
    ///
    /// - Parameter run: Runs a statement with the client of your choice, in a transaction of its own, and gives its rows as text.
    public init(running run: @escaping @Sendable (PostgresBarrier.Statement) async throws -> [[String?]]) {
        self.run = run
    }

    /// The names of transactions that have marks and are not known to be over.
    ///
    /// - Throws: What the client throws.
    public func transactions(after last: String?, upTo limit: Int) async throws -> [String] {
        try await self.run(PostgresBarrier.names(after: last, upTo: limit)).compactMap { row in row.first ?? nil }
    }

    /// Says of transactions that they are over.
    public func end(_ transactions: [TransactionID]) async throws {
        _ = try await self.run(PostgresBarrier.ending(transactions))
    }

    /// Removes marks.
    public func sweep(endedFor age: Duration, upTo limit: Int) async throws -> Int {
        let sweeping = PostgresBarrier.sweeping(endedFor: age, upTo: limit)
        let counting = PostgresBarrier.Statement(
            sql: "WITH gone AS (\(sweeping.sql) RETURNING 1) SELECT count(*) FROM gone",
            parameters: sweeping.parameters)
        let row = try await self.run(counting).first ?? []
        return row.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
    }
}
#endif
