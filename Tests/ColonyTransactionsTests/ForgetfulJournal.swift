import ColonyCore
import ColonyTransactions
import Synchronization

/// Begins what it is told to begin, and loses the first answer.
final class ForgetfulJournal: TransactionJournal {
    private let base: any TransactionJournal
    private let hasLost = Atomic(false)

    init(_ base: any TransactionJournal) {
        self.base = base
    }

    var guarantee: Guarantee { self.base.guarantee }

    func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        try await self.base.enlist(owner, for: lease)
    }

    func renew(_ coordinator: FencingToken, for lease: Duration) async throws(TransactionError) -> [TransactionID]? {
        try await self.base.renew(coordinator, for: lease)
    }

    func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        let outcome = try await self.base.begin(transaction, by: coordinator)
        if !self.hasLost.exchange(true, ordering: .relaxed) {
            throw TransactionError(.unavailable, "the answer is lost")
        }
        return outcome
    }

    func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        try await self.base.append(entries, to: transaction, state: state, durability: durability, by: coordinator)
    }

    func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        try await self.base.claim(upTo: limit, of: definitions, by: coordinator)
    }

    func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        try await self.base.read(transaction)
    }

    func waitForChange(
        of transaction: TransactionID, since entries: Int, upTo limit: Duration
    ) async throws(TransactionError) {
        try await self.base.waitForChange(of: transaction, since: entries, upTo: limit)
    }
}
