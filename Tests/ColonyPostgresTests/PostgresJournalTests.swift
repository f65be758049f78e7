#if Postgres
import ColonyCore
import ColonyPostgres
import ColonyTransactions
import Testing

@Suite("A journal in PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct PostgresJournalTests {
    private static let key = DefinitionKey("order", version: 1)
    private static let at = WallTime(millisecondsSince1970: 1_700_000_000_000)

    private static func saga(_ id: TransactionID) -> NewTransaction {
        NewTransaction(
            id: id, kind: .saga, label: "order", definition: Self.key,
            outline: [StepOutline("stock", .retryable, after: [])], input: [1], timeout: nil, startedAt: Self.at,
            entries: [JournalEntry(at: Self.at, .started(step: 0))], state: .running)
    }

    private static func failed(_ attempt: Int) -> [JournalEntry] {
        [JournalEntry(at: Self.at, .failed(step: 0, direction: .action, attempt: attempt, reason: ""))]
    }

    @Test func `refuses a decision that arrives after its transaction was read again`() async throws {
        let server = try await PostgresProcess()
        let journal = PostgresTransactionJournal(try server.options { $0.timeout = .milliseconds(700) })
        let token = try await journal.enlist("a", for: .seconds(600))
        #expect(try await journal.begin(Self.saga("t"), by: token) == .begun)
        // Somebody holds the row, so that the answer does not come in time.
        let blocker = try RawClient(server)
        _ = try blocker.ask("BEGIN; SELECT number FROM colony.distributed_transaction WHERE id = 't' FOR UPDATE")
        let error = await #expect(throws: TransactionError.self) {
            try await journal.append(Self.failed(1), to: "t", state: .running, durability: .synced, by: token)
        }
        #expect(error?.code == .unavailable)
        _ = try blocker.ask("ROLLBACK; SELECT 1")
        // As the coordinator does: it looks, and what it sees decides.
        var record: TransactionRecord?
        try await eventually("the transaction is read") {
            record = try? await journal.read("t")
            return record != nil
        }
        let count = record?.entries.count ?? 0
        // The same statement, late.
        let late = try server.psql(
            "SELECT colony.append_decision('t', \(token.rawValue), 0, 0, 0, 1, '\\x00', true)")
        #expect(late == "f")
        let isDone = try await journal.append(
            Self.failed(2), to: "t", state: .running, durability: .synced, by: token)
        #expect(isDone)
        #expect(try await journal.read("t")?.entries.count == count + 1)
        await journal.close()
    }

    @Test func `gives what can be read, and tells of what cannot`() async throws {
        let server = try await PostgresProcess()
        let journal = PostgresTransactionJournal(try server.options())
        let first = try await journal.enlist("a", for: .seconds(600))
        for index in 0..<5 {
            let id = try TransactionID("t-\(index)")
            #expect(try await journal.begin(Self.saga(id), by: first) == .begun)
        }
        _ = try await journal.renew(first, for: .zero)
        try server.psql("UPDATE colony.distributed_transaction SET beginning = '\\x07' WHERE id = 't-2'")
        let second = try await journal.enlist("b", for: .seconds(600))
        let outcome = try await journal.claim(upTo: 10, of: [Self.key], by: second)
        #expect(outcome.claimed.map(\.summary.id) == ["t-0", "t-1", "t-3", "t-4"])
        #expect(outcome.unreadable.map(\.id) == ["t-2"])
        #expect(outcome.unreadable.first?.reason.contains("version 7") == true)
        // It is told of once, and no other coordinator meets it as long as this one lives.
        let again = try await journal.claim(upTo: 10, of: [Self.key], by: second)
        #expect(again.claimed.isEmpty && again.unreadable.isEmpty)
        await journal.close()
    }

    @Test func `takes a transaction away when its time of retention is over`() async throws {
        let server = try await PostgresProcess()
        let journal = PostgresTransactionJournal(try server.options(), retention: .zero)
        let token = try await journal.enlist("a", for: .seconds(600))
        for index in 0..<20 {
            let id = try TransactionID("t-\(index)")
            #expect(try await journal.begin(Self.saga(id), by: token) == .begun)
            let isDone = try await journal.append(
                [JournalEntry(at: Self.at, .finished(.completed))], to: id, state: .completed, durability: .synced,
                by: token)
            #expect(isDone)
        }
        #expect(try await journal.read("t-0") == nil)
        #expect(try await journal.begin(Self.saga("t-0"), by: token) == .begun)
        #expect(try server.psql("SELECT count(*) <= 2 FROM colony.distributed_transaction") == "t")
        #expect(try server.psql("SELECT count(*) <= 2 FROM colony.transaction_decision") == "t")
        await journal.close()
    }

    @Test func `keeps transactions and coordinators over the death of its server`() async throws {
        let server = try await PostgresProcess()
        let journal = PostgresTransactionJournal(try server.options())
        let token = try await journal.enlist("a", for: .seconds(600))
        #expect(try await journal.begin(Self.saga("t"), by: token) == .begun)
        let isDone = try await journal.append(
            Self.failed(1), to: "t", state: .running, durability: .synced, by: token)
        #expect(isDone)
        server.kill()
        try await server.start()
        var record: TransactionRecord?
        try await eventually("the transaction is read") {
            record = try? await journal.read("t")
            return record != nil
        }
        #expect(record?.entries == Self.saga("t").entries + Self.failed(1))
        #expect(try await journal.renew(token, for: .seconds(600)) == [])
        let next = try await journal.enlist("b", for: .seconds(600))
        #expect(next > token)
        await journal.close()
    }

    @Test func `that was closed refuses what comes later, and ends who waits`() async throws {
        let server = try await PostgresProcess()
        let journal = PostgresTransactionJournal(try server.options())
        let token = try await journal.enlist("a", for: .seconds(600))
        #expect(try await journal.begin(Self.saga("t"), by: token) == .begun)
        let waiting = Task {
            while true { try await journal.waitForChange(of: "t", since: 1, upTo: .seconds(600)) }
        }
        try await eventually("somebody waits") {
            try server.psql("SELECT count(*) FROM colony.transaction_watch") == "1"
        }
        await journal.close()
        await journal.close()
        let error = await #expect(throws: TransactionError.self) { try await waiting.value }
        #expect(error?.code == .closed)
        let late = await #expect(throws: TransactionError.self) { try await journal.read("t") }
        #expect(late?.code == .closed)
    }

    @Test func `tells nobody its password`() async throws {
        let server = try await PostgresProcess()
        let url = server.url(password: "wr0ng-secret")
        let journal = try PostgresTransactionJournal(url: EngineURL(url))
        let error = await #expect(throws: TransactionError.self) { try await journal.read("t") }
        #expect(error?.code == .storageFailed)
        #expect(error.map { !"\($0)".contains("wr0ng-secret") } == true, "\(error.map { "\($0)" } ?? "")")
    }
}
#endif
