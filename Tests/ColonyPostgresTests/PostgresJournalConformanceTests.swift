#if Postgres
import ColonyConformance
import ColonyCore
import ColonyPostgres
import ColonyTransactions
import Testing

@Suite(
    "PostgreSQL keeps the promises of the journal's port", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(10)))
struct PostgresJournalConformanceTests {
    /// Cases use names of their own, so that they may follow one another on one server.
    @Test func `on one server`() async throws {
        let server = try await PostgresProcess()
        let options = try server.options()
        let harness = LiveTransactionJournalHarness { PostgresTransactionJournal(options) }
        for check in TransactionJournalConformance.cases {
            let outcome = await check.run(on: harness)
            #expect(outcome == .passed, "\(check)")
        }
    }

    @Test func `alone, so that what is there can be counted`() async throws {
        let cases = TransactionJournalConformance.cases.filter { [.listing, .definitions].contains($0.property) }
        for check in cases {
            let server = try await PostgresProcess()
            let options = try server.options()
            let harness = LiveTransactionJournalHarness(isAlone: true) { PostgresTransactionJournal(options) }
            let outcome = await check.run(on: harness)
            #expect(outcome == .passed, "\(check)")
        }
    }
}
#endif
