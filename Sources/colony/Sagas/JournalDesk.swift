import ColonyCore
import ColonyTransactions

/// Transactions in the journal of a store.
struct JournalDesk: TransactionDesk {
    let journal: any TransactionAdministration

    func list(_ states: [TransactionState], named name: String?, limit: Int) async throws -> TransactionPageDocument {
        let wanted = Set(states.isEmpty ? TransactionState.allCases : states)
        var found: [TransactionSummary] = []
        var last: TransactionSummary?
        while found.count < limit {
            let page = min(TransactionLimits.batch, name == nil ? limit - found.count : TransactionLimits.batch)
            let next = try await self.journal.list(wanted, limit: page, after: last)
            found += next.filter { name == nil || $0.label.rawValue == name }
            last = next.last
            if next.count < page { break }
        }
        let counts = try await self.journal.counts()
        return TransactionPageDocument(
            transactions: found.prefix(limit).map { TransactionSummaryDocument($0) },
            counts: Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) }), next: nil)
    }

    func read(_ transaction: TransactionID) async throws -> TransactionDocument? {
        try await self.journal.read(transaction).map { try TransactionDocument($0) }
    }

    func decide(
        _ intervention: Intervention, about transaction: TransactionID, by person: OwnerID, note: String
    ) async throws -> TransactionDocument {
        try await self.journal.intervene(intervention, in: transaction, by: person, note: note)
        return try await self.existing(transaction)
    }

    func cancel(_ transaction: TransactionID, by person: OwnerID, note: String) async throws -> TransactionDocument {
        if try await self.existing(transaction).state == TransactionState.stuck.rawValue {
            throw TransactionError(
                .decisionNotPossible,
                "the transaction \(NameRules.quoted(transaction.rawValue)) is stuck, and is not cancelled but decided about: "
                    + "turn-back undoes what was done")
        }
        let isOpen = try await self.journal.requestCancellation(of: transaction)
        let document = try await self.existing(transaction)
        guard isOpen else { throw Failure.hasEnded(document) }
        return document
    }
}
