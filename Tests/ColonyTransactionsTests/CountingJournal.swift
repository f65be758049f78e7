import ColonyCore
import ColonyTransactions
import Synchronization

/// Counts what another journal has to write durably.
final class CountingJournal: TransactionAdministration {
    private let base: any TransactionAdministration
    private let count = Atomic<Int>(0)
    private let unsyncedCount = Atomic<Int>(0)

    init(_ base: any TransactionAdministration) {
        self.base = base
    }

    var writes: Int { self.count.load(ordering: .relaxed) }
    /// Those of them that wait for no sync.
    var unsynced: Int { self.unsyncedCount.load(ordering: .relaxed) }

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
        self.count.wrappingAdd(1, ordering: .relaxed)
        return try await self.base.begin(transaction, by: coordinator)
    }

    func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        self.count.wrappingAdd(1, ordering: .relaxed)
        if durability < .synced { self.unsyncedCount.wrappingAdd(1, ordering: .relaxed) }
        return try await self.base.append(
            entries, to: transaction, state: state, durability: durability, by: coordinator)
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

    func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?
    ) async throws(TransactionError) -> [TransactionSummary] {
        try await self.base.list(states, limit: limit, after: last)
    }

    func counts() async throws(TransactionError) -> [TransactionState: Int] {
        try await self.base.counts()
    }

    func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool {
        try await self.base.requestCancellation(of: transaction)
    }

    func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool {
        try await self.base.intervene(entries, in: transaction, state: state, after: count)
    }
}
