#if Postgres
import ColonyConformance
import ColonyCore
import ColonyPostgres
import Testing

@Suite(
    "PostgreSQL keeps the promises of the lease port", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(10)))
struct PostgresConformanceTests {
    static let powers: Set<Capability> = [.administration, .batchRenewal, .fairness]

    @Test func `it has three powers`() throws {
        let capabilities = PostgresLeaseEngine(PostgresOptions()).capabilities
        #expect(capabilities == Self.powers)
    }

    /// Cases use names of their own, so that they may follow one another on one server.
    @Test func `lease rows`() async throws {
        let server = try await PostgresProcess()
        let options = try server.options()
        let harness = LiveLeaseHarness { PostgresLeaseEngine(options) }
        for check in LeaseConformance.cases(supportedBy: Self.powers) {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }

    @Test func permits() async throws {
        let server = try await PostgresProcess()
        let options = try server.options()
        let harness = LiveLeaseHarness { PostgresLeaseEngine(options) }
        for check in PermitConformance.cases {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }

    @Test func registry() async throws {
        let server = try await PostgresProcess()
        let options = try server.options()
        let harness = LiveLeaseHarness { PostgresLeaseEngine(options) }
        for check in RegistryConformance.cases {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }
}
#endif
