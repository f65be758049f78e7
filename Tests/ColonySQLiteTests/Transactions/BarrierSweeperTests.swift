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
