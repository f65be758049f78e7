package import ColonyTransactions
import NIOCore

/// Transactions as the HTTP interface tells them, for who reads a journal without a daemon: one shape for all who look.
package enum TransactionJSON {
    /// A transaction with its steps and entries, as an object.
    package static func bytes(of record: TransactionRecord) -> [UInt8] {
        Array(TransactionAnswers.answer(record).body.readableBytesView)
    }
}
