import ColonyConformance
import ColonyCore
import ColonySQLite
import Testing

@Suite("The embedded engine keeps the promises of the lease port", .timeLimit(.minutes(5)))
struct SQLiteLeaseConformanceTests {
    static let cases = LeaseConformance.cases(
        supportedBy: [.administration, .batchRenewal, .fairness, .observation])

    @Test func `it has all four powers`() {
        let capabilities = SQLiteLeaseEngine.sqlite(path: "unused.db").capabilities
        #expect(capabilities == [.administration, .batchRenewal, .fairness, .observation])
    }

    @Test(arguments: Self.cases)
    func `several processes on a manual clock`(check: LeaseCase) async throws {
        let entry = await check.run(on: try ManualProcessesHarness())
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: Self.cases)
    func `one process on the clock of the host`(check: LeaseCase) async throws {
        let folder = try TemporaryFolder()
        let entry = await check.run(on: LiveLeaseHarness { SQLiteLeaseEngine.sqlite(path: folder.store) })
        #expect(entry.outcome == .passed)
    }
}
