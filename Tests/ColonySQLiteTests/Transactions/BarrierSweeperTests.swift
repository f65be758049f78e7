import ColonyCore
import ColonyMemory
import ColonySQLite
import ColonySimulation
import ColonyTransactions
import GRDB
import Testing

@Suite("A sweeper of barriers", .timeLimit(.minutes(3)))
struct BarrierSweeperTests {
    private static func begin(
        _ id: TransactionID, _ state: TransactionState, in journal: some TransactionJournal
    ) async throws {
        let token = try await journal.enlist("a", for: .seconds(600))
        let at = WallTime(millisecondsSince1970: 0)
        let end: JournalEvent = state.isFinal ? .finished(state) : .started(step: 0)
        _ = try await journal.begin(
            NewTransaction(
                id: id, kind: .tcc, label: "booking", definition: DefinitionKey("booking", version: 1),
                outline: [StepOutline("seats", .retryable, after: [])], input: [], timeout: nil, startedAt: at,
                entries: [JournalEntry(at: at, end)], state: state), by: token)
    }

    @Test func `removes marks when their transactions have been over for long enough, and no others`() async throws {
        let folder = try TemporaryFolder()
        let database = try DatabaseQueue(path: folder.path(of: "seats.db"))
        try await database.write { try SQLiteBarrier.createTable(in: $0) }
        let journal = MemoryTransactionJournal()
        let ids = try (0..<250).map { try TransactionID("over-\($0)") } + ["open", "unknown"]
        for id in ids {
            try await database.write { db in
                _ = try SQLiteBarrier.once(BarrierCall(transaction: id, branch: "seats", operation: .try), in: db) {}
            }
            if id != "unknown" { try await Self.begin(id, id == "open" ? .running : .completed, in: journal) }
        }
        @Sendable func left() async throws -> [String] {
            try await database.read {
                try String.fetchAll($0, sql: "SELECT DISTINCT tx FROM colony_barrier ORDER BY tx")
            }
        }
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: 1_000_000_000_000))
        let marks = SQLiteBarrierMarks(database, wall: wall)
        let sweeper = try BarrierSweeper(marks, journal, retention: .seconds(60))
        var report = await sweeper.sweep()
        #expect(report.ended == 250 && report.open == 2 && report.removed == 0 && report.failure == nil)
        wall.step(by: .seconds(59))
        report = await sweeper.sweep()
        #expect(report.ended == 0 && report.open == 2 && report.removed == 0)
        #expect(try await left().count == 252)
        wall.step(by: .seconds(2))
        report = await sweeper.sweep()
        #expect(report.removed == 250)
        #expect(try await left() == ["open", "unknown"])
        let bold = try BarrierSweeper(marks, journal, retention: .zero, countingUnknown: true)
        report = await bold.sweep()
        #expect(report.ended == 1 && report.open == 1)
        wall.step(by: .seconds(1))
        _ = await bold.sweep()
        #expect(try await left() == ["open"])
    }

    @Test func `clears away what it can when something is damaged, and says what is`() async throws {
        let folder = try TemporaryFolder()
        let database = try DatabaseQueue(path: folder.path(of: "seats.db"))
        let file = SQLiteTransactionJournal(path: folder.store)
        let ids = try (0..<120).map { try TransactionID("over-\($0)") }
        try await database.write { db in
            try SQLiteBarrier.createTable(in: db)
            for id in ids {
                _ = try SQLiteBarrier.once(BarrierCall(transaction: id, branch: "seats", operation: .try), in: db) {}
            }
            // More than a page of names that are none, before and after the others.
            for text in (0..<150).flatMap({ ["\n\($0)", "p\n\($0)"] }) {
                try db.execute(
                    sql: "INSERT INTO colony_barrier (tx, branch, operation, author) VALUES (?, 'seats', 'try', 'try')",
                    arguments: [text])
            }
            let named = try SQLiteBarrier.transactions(upTo: 1_000, in: db)
            #expect(named.count == 120)
        }
        for id in ids { try await Self.begin(id, .completed, in: file) }
        try await DatabaseQueue(path: folder.store).write {
            try $0.execute(sql: "UPDATE distributed_transaction SET outline = x'07' WHERE id = 'over-7'")
        }
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: 1_000_000_000_000))
        let marks = SQLiteBarrierMarks(database, wall: wall)
        let sweeper = try BarrierSweeper(marks, file, retention: .seconds(60))
        var report = await sweeper.sweep()
        #expect(report.ended == 119 && report.open == 301 && report.unclear == 301, "\(report)")
        #expect(report.failure?.contains("transaction identifier") == true, "\(report.failure ?? "")")
        let over = try await file.ended(among: ["over-7", "over-8"])
        #expect(over == ["over-8"])
        // What may be removed is removed, also if nothing more can be found out.
        wall.step(by: .seconds(61))
        await file.close()
        report = await sweeper.sweep()
        #expect(report.removed == 119 && report.failure != nil, "\(report)")
    }

    @Test func `does not read what is over to find what is not`() async throws {
        let database = try DatabaseQueue()
        let plan = try await database.write { db in
            try SQLiteBarrier.createTable(in: db)
            let sql = "SELECT DISTINCT tx FROM colony_barrier WHERE tx > 'a' AND ended_at IS NULL ORDER BY tx LIMIT 10"
            return try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)").map { $0["detail"] as String }
        }
        #expect(plan.count == 1 && plan[0].contains("colony_barrier_open"), "\(plan)")
    }

    @Test func `says what failed, and goes on with the next look`() async throws {
        let folder = try TemporaryFolder()
        let database = try DatabaseQueue(path: folder.path(of: "seats.db"))
        let sweeper = try BarrierSweeper(
            SQLiteBarrierMarks(database), MemoryTransactionJournal(), interval: .milliseconds(10))
        let reports = sweeper.reports()
        let run = Task { try await sweeper.run() }
        var failed = 0
        for await report in reports {
            if report.failure == nil { break }
            failed += 1
            if failed == 2 { try await database.write { try SQLiteBarrier.createTable(in: $0) } }
        }
        #expect(failed >= 2)
        run.cancel()
        try await run.value
        let defect = #expect(throws: TransactionError.self) {
            try BarrierSweeper(SQLiteBarrierMarks(database), MemoryTransactionJournal(), interval: .zero)
        }
        #expect(defect?.code == .invalidDefinition)
    }
}
