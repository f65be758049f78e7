import ColonyConformance
import ColonyCore
import ColonySQLite
import Testing

@Suite("The embedded engine keeps the promises of the port of permits", .timeLimit(.minutes(5)))
struct SQLitePermitConformanceTests {
    @Test(arguments: PermitConformance.cases)
    func `several processes on a manual clock`(check: PermitCase) async throws {
        let entry = await check.run(on: try ManualProcessesHarness())
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: PermitConformance.cases)
    func `one process on the clock of the host`(check: PermitCase) async throws {
        let folder = try TemporaryFolder()
        let entry = await check.run(on: LiveLeaseHarness { SQLiteLeaseEngine.sqlite(path: folder.store) })
        #expect(entry.outcome == .passed)
    }
}

@Suite("The embedded engine keeps the promises of the port of registries", .timeLimit(.minutes(5)))
struct SQLiteRegistryConformanceTests {
    @Test(arguments: RegistryConformance.cases)
    func `several processes on a manual clock`(check: RegistryCase) async throws {
        let entry = await check.run(on: try ManualProcessesHarness())
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: RegistryConformance.cases)
    func `one process on the clock of the host`(check: RegistryCase) async throws {
        let folder = try TemporaryFolder()
        let entry = await check.run(on: LiveLeaseHarness { SQLiteLeaseEngine.sqlite(path: folder.store) })
        #expect(entry.outcome == .passed)
    }
}
