import ColonyConformance
import ColonyCore
import ColonySQLite
import ColonySimulation
import ColonyTransactions
import Testing

/// Each client stands for a process of its own on a clock that is moved by hand: it shares the file and the clock with the others,
/// and nothing else.
private final class JournalProcessesHarness: TransactionJournalHarness {
    private let folder: TemporaryFolder
    private let manualClock = ManualClock()
    let timeScale = 1.0
    let effort = 0.2
    let isAlone = true

    init() throws {
        self.folder = try TemporaryFolder()
    }

    var clock: any MonotonicClock { self.manualClock }

    func makeJournal() async throws -> any TransactionAdministration {
        SQLiteTransactionJournal(
            path: self.folder.store, clock: self.manualClock, boot: BootIdentity("boot-1"), registry: StoreRegistry())
    }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }
}

@Suite("The journal in an SQLite file keeps the promises of its port", .timeLimit(.minutes(5)))
struct SQLiteJournalConformanceTests {
    @Test(arguments: TransactionJournalConformance.cases)
    func `several processes, on a manual clock`(check: TransactionJournalCase) async throws {
        let outcome = try await check.run(on: JournalProcessesHarness())
        #expect(outcome == .passed)
    }

    @Test func `one process, on the host's clock`() async throws {
        let folder = try TemporaryFolder()
        let report = await TransactionJournalConformance.run(
            on: LiveTransactionJournalHarness { SQLiteTransactionJournal.sqlite(path: folder.store) })
        #expect(report.isPassed, "\(report.text)")
    }
}
