import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Testing

@Suite("A coordinator whose lease is over")
struct LapsedLeaseTests {
    @Test func `begins under another token what it is asked for, before it has noticed by itself`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            stage.participants.answer("payment", .hang)
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                _ = try await coordinator.start(order, "a", id: "o-1")
                let former = try #require(try await stage.journal.read("o-1")?.summary.coordinator)
                // As after a stop of the process for longer than the lease.
                _ = try await stage.journal.renew(former, for: .zero)
                let before = stage.simulation.clock.now
                let result = try await coordinator.start(order, "b", id: "o-2").result()
                #expect(result == "b-reserved 7")
                #expect(before.duration(to: stage.simulation.clock.now) < .seconds(1))
                // What it had before goes on as well.
                let first = try await coordinator.start(order, "a", id: "o-1").result()
                #expect(first == "a-reserved 7")
            }
        }
    }

    @Test func `says that it is not running if the journal takes no other one`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let journal = SlowJournal(stage.journal, stage.simulation, "unused")
            journal.heal()
            let closed = UnenlistedJournal(journal)
            let coordinator = try stage.coordinator([order], on: closed)
            try await coordinator.run {
                let error = await #expect(throws: TransactionError.self) {
                    _ = try await coordinator.start(order, "a", id: "o-1")
                }
                #expect(error?.code == .notRunning)
            }
        }
    }
}

/// A journal that gives tokens, and forgets them at once.
private final class UnenlistedJournal: TransactionAdministration {
    private let base: SlowJournal

    init(_ base: SlowJournal) {
        self.base = base
    }

    var guarantee: Guarantee { self.base.guarantee }

    func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        let token = try await self.base.enlist(owner, for: lease)
        _ = try await self.base.renew(token, for: .zero)
        return token
    }

    func renew(_ coordinator: FencingToken, for lease: Duration) async throws(TransactionError) -> [TransactionID]? {
        try await self.base.renew(coordinator, for: lease)
    }

    func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        try await self.base.begin(transaction, by: coordinator)
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
