#if Postgres
import ColonyCore
import ColonyTransactions
import Synchronization

/// Which decisions of this process may still be on their way to the server although nobody waits for them any more.
///
/// When the answer to a decision is lost, its coordinator reads the transaction and, if the decision is not there, sends it again. The
/// first one may arrive after that look: its bytes lie in a buffer, or its backend has not come to it. Then it would be written down
/// twice. So before such a look the epoch of the transaction is raised in the database, and decisions carry the epoch that they were made
/// in: what comes late is refused. The lock of the row has the look wait for a decision that is just being written.
final class TransactionEpochs: Sendable {
    private struct State {
        /// Those that are not zero.
        var epochs: [Key: Int64] = [:]
        /// Transactions with a decision that has an unknown outcome, and who made it.
        var unsettled: [TransactionID: FencingToken] = [:]
    }

    private struct Key: Hashable {
        let transaction: TransactionID
        let holder: FencingToken
    }

    private let state = Mutex(State())

    /// The epoch in which a coordinator decides about a transaction.
    func epoch(of transaction: TransactionID, for holder: FencingToken) -> Int64 {
        self.state.withLock { $0.epochs[Key(transaction: transaction, holder: holder)] ?? 0 }
    }

    /// Takes down in which epoch a transaction was given to a coordinator.
    func set(_ epoch: Int64, of transaction: TransactionID, for holder: FencingToken) {
        let key = Key(transaction: transaction, holder: holder)
        // Two looks may come back in another order; an epoch only rises.
        self.state.withLock { if epoch > $0.epochs[key] ?? 0 { $0.epochs[key] = epoch } }
    }

    /// The answer to a decision was lost.
    func lose(_ transaction: TransactionID, of holder: FencingToken) {
        self.state.withLock { $0.unsettled[transaction] = holder }
    }

    /// Who has made a decision with an unknown outcome.
    func unsettled(_ transaction: TransactionID) -> FencingToken? {
        self.state.withLock { $0.unsettled[transaction] }
    }

    /// The epoch was raised, or the transaction is not the coordinator's any more.
    func settle(_ transaction: TransactionID, of holder: FencingToken, at epoch: Int64?) {
        self.state.withLock { state in
            if state.unsettled[transaction] == holder { state.unsettled[transaction] = nil }
            let key = Key(transaction: transaction, holder: holder)
            if let epoch { state.epochs[key] = max(epoch, state.epochs[key] ?? 0) } else { state.epochs[key] = nil }
        }
    }

    /// The coordinator has nothing more to do with the transaction.
    func forget(_ transaction: TransactionID, of holder: FencingToken) {
        self.state.withLock { $0.epochs[Key(transaction: transaction, holder: holder)] = nil }
    }
}
#endif
