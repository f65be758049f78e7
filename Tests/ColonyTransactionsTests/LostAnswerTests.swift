import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Synchronization
import Testing

/// A journal that does what it is asked and then loses some answers, or finds something damaged.
final class ForgetfulJournal: TransactionAdministration {
    private let base: MemoryTransactionJournal
    private let lost = Mutex<[String: Int]>([:])
    /// What happens before the answer to an append is lost.
    private let interlude = Mutex<(@Sendable (TransactionID) async throws(TransactionError) -> Void)?>(nil)

    /// What cannot be read, and what a claim finds so.
    private let damaged = Mutex<Set<TransactionID>>([])
    private let found = Mutex<[UnreadableTransaction]>([])
    private let lists = Atomic<Int>(0)

    init(_ base: MemoryTransactionJournal) {
        self.base = base
    }

    /// How often it was asked what there is.
    var listCount: Int { self.lists.load(ordering: .relaxed) }

    /// Has a transaction not be readable any more.
    func damage(_ id: TransactionID) {
        self.damaged.withLock { _ = $0.insert(id) }
    }

    /// Has each claim from here on tell of these.
    func find(unreadable ids: [TransactionID]) {
        self.found.withLock { $0 = ids.map { UnreadableTransaction(id: $0, reason: "it is damaged") } }
    }

    /// Loses the next answers of a member.
    func lose(_ count: Int, of member: String) {
        self.lost.withLock { $0[member] = count }
    }

    func beforeLosing(_ interlude: @escaping @Sendable (TransactionID) async throws(TransactionError) -> Void) {
        self.interlude.withLock { $0 = interlude }
    }

    private func isLost(_ member: String) -> Bool {
        self.lost.withLock { lost in
            guard let left = lost[member], left > 0 else { return false }
            lost[member] = left - 1
            return true
        }
    }

    private var noAnswer: TransactionError { TransactionError(.unavailable, "the answer was lost") }

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
        if self.isLost("begin") { throw self.noAnswer }
        return outcome
    }

    func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        if self.isLost("append before") {
            if let interlude = self.interlude.withLock({ $0 }) { try await interlude(transaction) }
            throw self.noAnswer
        }
        let isDone = try await self.base.append(
            entries, to: transaction, state: state, durability: durability, by: coordinator)
        if self.isLost("append") { throw self.noAnswer }
        return isDone
    }

    func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        var outcome = try await self.base.claim(upTo: limit, of: definitions, by: coordinator)
        outcome.unreadable += self.found.withLock { $0 }
        if !outcome.claimed.isEmpty, self.isLost("claim") { throw self.noAnswer }
        return outcome
    }

    func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        if self.damaged.withLock({ $0.contains(transaction) }) {
            throw TransactionError(.storageFailed, "it is damaged")
        }
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
        self.lists.add(1, ordering: .relaxed)
        return try await self.base.list(states, limit: limit, after: last)
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

@Suite("When the answer of a journal is lost")
struct LostAnswerTests {
    @Test func `a saga that was begun all the same comes to its end`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let journal = ForgetfulJournal(stage.journal)
            let coordinator = try stage.coordinator([order], on: journal)
            try await coordinator.run {
                journal.lose(1, of: "begin")
                let error = await #expect(throws: TransactionError.self) {
                    try await coordinator.start(order, "a", id: "o-1")
                }
                #expect(error?.code == .unavailable)
                // Started again, as the error says, it is found; and it ends while its coordinator is alive.
                let result = try await coordinator.start(order, "a", id: "o-1").result(upTo: .seconds(60))
                #expect(result == "a-reserved 7")
            }
            #expect(stage.participants.calls == ["stock", "payment", "parcel", "mail"])
        }
    }

    @Test func `a saga that was claimed all the same comes to its end`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            stage.participants.answer("payment", .hang)
            let first = try stage.coordinator([order])
            try await first.run {
                _ = try await first.start(order, "a", id: "o-1")
                try await stage.simulation.clock.sleep(for: .seconds(1))
            }
            let journal = ForgetfulJournal(stage.journal)
            journal.lose(1, of: "claim")
            let second = try stage.coordinator([order], on: journal)
            try await second.run {
                try await stage.simulation.clock.sleep(for: .seconds(60))
                let record = try #require(try await journal.read("o-1"))
                #expect(record.summary.state == .completed)
            }
        }
    }

    @Test func `a decision that is there is not written down twice`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let journal = ForgetfulJournal(stage.journal)
            let coordinator = try stage.coordinator([order], on: journal)
            try await coordinator.run {
                journal.lose(3, of: "append")
                _ = try await coordinator.execute(order, "a", id: "o-1")
            }
            let entries = try #require(try await journal.read("o-1")).entries
            #expect(entries.count { if case .completed = $0.event { true } else { false } } == 5)
        }
    }

    @Test func `as many decisions of who has taken over are not taken for one's own`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let journal = ForgetfulJournal(stage.journal)
            let base = stage.journal
            // While the answer is lost, somebody takes over and decides: as many entries, and others.
            journal.beforeLosing { (id) async throws(TransactionError) in
                guard let owner = try await base.read(id)?.summary.coordinator else { return }
                _ = try await base.renew(owner, for: .zero)
                let other = try await base.enlist("usurper", for: .seconds(600))
                _ = try await base.claim(upTo: 1, of: [order.key], by: other)
                let at = WallTime(millisecondsSince1970: 0)
                _ = try await base.append(
                    [
                        JournalEntry(at: at, .turnedBack(.decided, reason: "")),
                        JournalEntry(at: at, .failed(step: 0, direction: .compensation, attempt: 1, reason: "")),
                    ], to: id, state: .compensating, durability: .synced, by: other)
            }
            let coordinator = try stage.coordinator([order], on: journal)
            try await coordinator.run {
                journal.lose(1, of: "append before")
                _ = try await coordinator.start(order, "a", id: "o-1")
                try await stage.simulation.clock.sleep(for: .seconds(30))
            }
            // Its owner has stopped after the one call whose outcome it could not write down.
            #expect(stage.participants.calls == ["stock"])
        }
    }
}
