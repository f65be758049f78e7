import ColonyCore
import ColonySimulation
import ColonyTransactions
import Synchronization

/// A journal whose calls take their time now and then, before or after they have their effect, or whose answers are lost.
final class SlowJournal: TransactionAdministration {
    private let base: any TransactionAdministration
    private let simulation: Simulation
    private let chance: Mutex<SeededGenerator>
    private let isHealed = Atomic<Bool>(false)

    init(_ base: any TransactionAdministration, _ simulation: Simulation, _ name: String) {
        self.base = base
        self.simulation = simulation
        self.chance = Mutex(simulation.generator(for: "journal \(name)"))
    }

    func heal() { self.isHealed.store(true, ordering: .relaxed) }

    var guarantee: Guarantee { self.base.guarantee }

    /// Longer than a lease of ten seconds at times.
    private func dawdle() async throws(TransactionError) {
        if self.isHealed.load(ordering: .relaxed) { return }
        let roll = self.chance.withLock { Int.random(in: 0..<20, using: &$0) }
        switch roll {
        case 0:
            try? await self.simulation.clock.sleep(for: .seconds(25))
        case 1:
            try? await self.simulation.clock.sleep(for: .seconds(2))
        case 2:
            throw TransactionError(.unavailable, "the request or the answer was lost")
        default:
            break
        }
    }

    func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        try await self.dawdle()
        return try await self.base.enlist(owner, for: lease)
    }

    func renew(_ coordinator: FencingToken, for lease: Duration) async throws(TransactionError) -> [TransactionID]? {
        try await self.dawdle()
        return try await self.base.renew(coordinator, for: lease)
    }

    func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        try await self.dawdle()
        let outcome = try await self.base.begin(transaction, by: coordinator)
        try await self.dawdle()
        return outcome
    }

    func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        try await self.dawdle()
        let isDone = try await self.base.append(
            entries, to: transaction, state: state, durability: durability, by: coordinator)
        try await self.dawdle()
        return isDone
    }

    func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        try await self.dawdle()
        let outcome = try await self.base.claim(upTo: limit, of: definitions, by: coordinator)
        try await self.dawdle()
        return outcome
    }

    func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        try await self.dawdle()
        return try await self.base.read(transaction)
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

    func counts() async throws(TransactionError) -> [TransactionState: Int] { try await self.base.counts() }

    func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool {
        try await self.base.requestCancellation(of: transaction)
    }

    func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool {
        try await self.base.intervene(entries, in: transaction, state: state, after: count)
    }
}
