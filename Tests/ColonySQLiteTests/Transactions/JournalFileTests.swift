import ColonyCore
import ColonySQLite
import ColonyTransactions
import GRDB
import Testing

@Suite("The file of a journal")
struct JournalFileTests {
    private static let key = DefinitionKey("order", version: 1)
    private static let at = WallTime(millisecondsSince1970: 1_700_000_000_000)

    private static func saga(_ id: TransactionID) -> NewTransaction {
        NewTransaction(
            id: id, kind: .saga, label: "order", definition: Self.key,
            outline: [StepOutline("stock", .retryable, after: [])], input: [1, 2], timeout: .seconds(9),
            startedAt: Self.at, entries: [JournalEntry(at: Self.at, .started(step: 0))], state: .running)
    }

    private static func journal(_ folder: TemporaryFolder) -> SQLiteTransactionJournal {
        SQLiteTransactionJournal(path: folder.store)
    }

    @Test func `that an earlier version has made is brought up to date with everything in it`() async throws {
        let folder = try TemporaryFolder()
        var journal = Self.journal(folder)
        var token = try await journal.enlist("a", for: .seconds(600))
        var before: [TransactionRecord] = []
        let states: [TransactionState] = [.running, .compensating, .stuck, .completed, .compensated]
        for state in states {
            let id = try TransactionID("t-\(state.rawValue)")
            _ = try await journal.begin(Self.saga(id), by: token)
            let failed = JournalEvent.failed(step: 0, direction: .action, attempt: 1, reason: "no")
            _ = try await journal.append(
                [JournalEntry(at: Self.at, failed)], to: id, state: .running, durability: .synced, by: token)
            if state != .running, !state.isFinal {
                _ = try await journal.append(
                    [JournalEntry(at: Self.at, failed)], to: id, state: state, durability: .synced, by: token)
            }
            before.append(try #require(try await journal.read(id)))
        }
        await journal.close()
        try await DatabaseQueue(path: folder.store).write { try $0.execute(sql: Self.formerTables) }

        journal = Self.journal(folder)
        for record in before {
            let now = try await journal.read(record.summary.id)
            #expect(now == record)
        }
        #expect(try await journal.counts() == [.running: 3, .compensating: 1, .stuck: 1])
        token = try await journal.enlist("b", for: .seconds(600))
        // Coordinators were counted with everything else, so that is where their numbers go on.
        #expect(token == FencingToken(rawValue: 101))
        _ = try await journal.begin(Self.saga("new"), by: token)
        let open = try await journal.list(Set(states), limit: 10, after: nil)
        #expect(open.map(\.id) == ["t-stuck", "t-running", "t-compensating", "t-completed", "t-compensated", "new"])
        await journal.close()
    }

    /// The tables of `transactions-1`, with what those of now have in them.
    private static let formerTables = """
        CREATE TABLE former (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, label TEXT NOT NULL,
            definition TEXT NOT NULL, version INTEGER NOT NULL, outline BLOB NOT NULL, input BLOB NOT NULL, timeout INTEGER,
            started_ms INTEGER NOT NULL, beginning BLOB NOT NULL, state INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
            holder INTEGER NOT NULL, cancels INTEGER NOT NULL, ended_at INTEGER
        ) STRICT;
        INSERT INTO former SELECT number, id, kind, label, definition, version, outline, input, timeout, started_ms, beginning,
            state, changed_ms, holder, cancels, ended_at FROM distributed_transaction;
        DROP TABLE distributed_transaction;
        ALTER TABLE former RENAME TO distributed_transaction;
        CREATE INDEX distributed_transaction_open ON distributed_transaction (holder, number) WHERE state < 2;
        CREATE INDEX distributed_transaction_cancel ON distributed_transaction (holder) WHERE cancels = 1 AND state < 2;
        CREATE INDEX distributed_transaction_end ON distributed_transaction (ended_at) WHERE state > 2;
        CREATE INDEX distributed_transaction_state ON distributed_transaction (state, number);
        DROP TABLE coordinator_number;
        UPDATE colony SET number = 100;
        DELETE FROM grdb_migrations WHERE identifier IN ('transactions-2', 'transactions-3');
        """

    @Test func `with transactions that cannot be read gives the others, and tells of those`() async throws {
        let folder = try TemporaryFolder()
        let journal = Self.journal(folder)
        let first = try await journal.enlist("a", for: .seconds(600))
        for number in 0..<120 { _ = try await journal.begin(Self.saga(try TransactionID("t-\(number)")), by: first) }
        _ = try await journal.renew(first, for: .zero)
        try await DatabaseQueue(path: folder.store).write {
            try $0.execute(sql: "UPDATE distributed_transaction SET outline = x'07' WHERE number <= 60")
        }
        let second = try await journal.enlist("b", for: .seconds(600))
        let outcome = try await journal.claim(upTo: 50, of: [Self.key], by: second)
        #expect(outcome.claimed.map(\.summary.id.rawValue) == (60..<110).map { "t-\($0)" })
        #expect(outcome.unreadable.map(\.id.rawValue) == (0..<60).map { "t-\($0)" })
        #expect(outcome.unreadable.allSatisfy { $0.reason.contains("version 7") })

        let saga = try Saga<Int, Int>("order") { saga in saga.read("look") { $0.input } }
        let coordinator = try TransactionCoordinator(journal, definitions: [saga])
        let events = coordinator.events()
        try await coordinator.run {
            var told: Set<TransactionID> = []
            for await event in events {
                if case .unreadable(let id, _) = event { told.insert(id) }
                if told.count == 60 { break }
            }
        }
        await journal.close()
    }

    /// What a decision costs beyond its `fsync` is pages.
    @Test func `grows by few pages with each decision`() async throws {
        let folder = try TemporaryFolder()
        let journal = Self.journal(folder)
        let token = try await journal.enlist("a", for: .seconds(600))
        let log = folder.store + "-wal"
        func frames(_ body: () async throws -> Void) async throws -> Int {
            let before = fileSize(log)
            try await body()
            return (fileSize(log) - before) / (4_096 + 24)
        }
        // So that every table has its pages.
        _ = try await journal.begin(Self.saga("t-0"), by: token)
        let begun = try await frames { _ = try await journal.begin(Self.saga("t-1"), by: token) }
        let decided = try await frames {
            _ = try await journal.append(
                [JournalEntry(at: Self.at, .failed(step: 0, direction: .action, attempt: 1, reason: ""))], to: "t-1",
                state: .running, durability: .synced, by: token)
        }
        let ended = try await frames {
            _ = try await journal.append(
                [JournalEntry(at: Self.at, .finished(.completed))], to: "t-1", state: .completed, durability: .synced,
                by: token)
        }
        #expect(begun == 3 && decided == 1 && ended == 3, "\(begun), \(decided), and \(ended) pages")
        await journal.close()
    }
}
