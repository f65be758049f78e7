extension TransactionJournal {
    /// Which of these transactions are over, so that a participant's barrier can be told: nobody is called for them any more.
    ///
    /// ```swift
    /// var last: TransactionID?
    /// repeat {
    ///     let page = try await database.read { [last] db in try SQLiteBarrier.transactions(after: last, upTo: 100, in: db) }
    ///     let over = try await journal.ended(among: page)
    ///     try await database.write { db in
    ///         for transaction in over { try SQLiteBarrier.end(transaction, at: now, in: db) }
    ///     }
    ///     last = page.last
    /// } while last != nil
    /// ```
    ///
    /// - Parameter unknown: Whether one that the journal does not know counts as over. A participant is called only after its transaction was
    ///   written down, so an unknown one was over for longer than the journal keeps it, *if* all transactions that come to the
    ///   participant are of this journal. Off unless said otherwise, because nothing here can tell.
    /// - Returns: Those that are over, in the order given. One whose record is damaged is not among them.
    /// - Throws: ``TransactionError`` if the journal cannot be reached, or was closed.
    /// - Complexity: One read of the journal for each.
    public func ended(
        among transactions: [TransactionID], countingUnknown unknown: Bool = false
    ) async throws(TransactionError) -> [TransactionID] {
        var ended: [TransactionID] = []
        for transaction in transactions {
            do throws(TransactionError) {
                if try await self.isOver(transaction, countingUnknown: unknown) { ended.append(transaction) }
            } catch {
                // It keeps nobody from the others.
                guard error.isAboutDamage else { throw error }
            }
        }
        return ended
    }

    func isOver(_ transaction: TransactionID, countingUnknown unknown: Bool) async throws(TransactionError) -> Bool {
        guard let record = try await self.read(transaction) else { return unknown }
        return record.summary.state.isFinal
    }
}
