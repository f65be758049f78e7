import ColonyCore
public import ColonyTransactions
import Synchronization

extension MemoryTransactionJournal: TransactionAdministration {
    /// What there is, in the order in which an operator wants to see it.
    ///
    /// - Complexity: O(*n* log *n*).
    public func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?
    ) async throws(TransactionError) -> [TransactionSummary] {
        try TransactionRequests.check(batch: limit)
        let all = self.state.withLock { state in state.transactions.values.map(\.record.summary) }
        return Array(
            all.filter { summary in
                states.contains(summary.state) && (last.map { TransactionOrder.comes($0, before: summary) } ?? true)
            }
            .sorted { TransactionOrder.comes($0, before: $1) }.prefix(limit))
    }

    /// How many there are in each state.
    public func counts() async throws(TransactionError) -> [TransactionState: Int] {
        self.state.withLock { state in
            state.transactions.values.reduce(into: [:]) { $0[$1.record.summary.state, default: 0] += 1 }
        }
    }

    /// Notes that a transaction is to turn back.
    public func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool {
        self.state.withLock { state in
            guard let stored = state.transactions[transaction], !stored.record.summary.state.isFinal else {
                return false
            }
            state.transactions[transaction]?.record.isCancellationRequested = true
            return true
        }
    }

    /// Writes down what a person has decided.
    public func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool {
        try TransactionRequests.check(entries)
        return self.change(transaction, to: state, adding: entries) { record in
            record.summary.state == .stuck && record.entries.count == count
        }
    }
}
