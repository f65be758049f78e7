import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Testing

/// Memory is shared by those who share the journal, and its time is moved by hand.
private struct ManualJournalHarness: TransactionJournalHarness {
    private let manualClock = ManualClock()
    private let journal: MemoryTransactionJournal
    let timeScale = 1.0
    let effort = 1.0
    let isAlone = true

    init() {
        self.journal = MemoryTransactionJournal(clock: self.manualClock)
    }

    var clock: any MonotonicClock { self.manualClock }

    func makeJournal() async throws -> any TransactionAdministration { self.journal }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }
}

@Suite("The journal in memory keeps the promises of its port", .timeLimit(.minutes(5)))
struct MemoryJournalConformanceTests {
    @Test(arguments: TransactionJournalConformance.cases)
    func `on a manual clock`(check: TransactionJournalCase) async {
        let outcome = await check.run(on: ManualJournalHarness())
        #expect(outcome == .passed)
    }

    @Test func `on the clock of the host`() async {
        let journal = MemoryTransactionJournal()
        let report = await TransactionJournalConformance.run(on: LiveTransactionJournalHarness { journal })
        #expect(report.isPassed, "\(report.text)")
    }

    @Test func `a case leaves nothing open behind`() async throws {
        let journal = MemoryTransactionJournal()
        for check in TransactionJournalConformance.cases where check.property == .stuck || check.property == .listing {
            _ = await check.run(on: LiveTransactionJournalHarness { journal })
        }
        let counts = try await journal.counts()
        #expect(!counts.isEmpty && counts.keys.allSatisfy(\.isFinal), "\(counts)")
    }

    @Test func `names of cases are unique, and every subject has one`() {
        let cases = TransactionJournalConformance.cases
        #expect(Set(cases.map(\.name)).count == cases.count)
        #expect(Set(cases.map(\.property)) == Set(TransactionJournalCase.Property.allCases))
    }
}
