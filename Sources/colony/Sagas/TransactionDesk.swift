import ColonyCore
import ColonyTransactions

/// Where transactions are looked at and decided about: at the journal of a store, or at a daemon.
protocol TransactionDesk: Sendable {
    /// Transactions of these states and this name, stuck ones first, no more than `limit`; and how many there are in each state.
    func list(_ states: [TransactionState], named name: String?, limit: Int) async throws -> TransactionPageDocument

    /// A transaction; `nil` if there is none.
    func read(_ transaction: TransactionID) async throws -> TransactionDocument?

    /// Writes down what a person decides about a transaction that is stuck.
    ///
    /// - Returns: The transaction afterwards.
    func decide(
        _ intervention: Intervention, about transaction: TransactionID, by person: OwnerID, note: String
    ) async throws -> TransactionDocument

    /// Has a transaction turn back.
    func cancel(_ transaction: TransactionID, by person: OwnerID, note: String) async throws -> TransactionDocument
}

extension TransactionDesk {
    /// A transaction.
    ///
    /// - Throws: ``Failure`` if there is none.
    func existing(_ transaction: TransactionID) async throws -> TransactionDocument {
        guard let document = try await self.read(transaction) else { throw Failure.noTransaction(transaction) }
        return document
    }
}

extension Failure {
    static func noTransaction(_ transaction: TransactionID) -> Failure {
        Failure(
            "unknown_transaction",
            "there is no transaction \(NameRules.quoted(transaction.rawValue)), or it ended too long ago.")
    }

    static func hasEnded(_ document: TransactionDocument) -> Failure {
        Failure(
            "transaction_ended", "the transaction \(NameRules.quoted(document.id)) has ended: it is \(document.state).")
    }
}
