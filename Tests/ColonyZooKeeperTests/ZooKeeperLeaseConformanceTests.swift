#if ZooKeeper
import ColonyConformance
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite(
    "ZooKeeper keeps the promises of the lease port", .enabled(if: ZooKeeperProcess.isAvailable), .serialized,
    .timeLimit(.minutes(10)))
struct ZooKeeperLeaseConformanceTests {
    /// The cases ask for leases of up to a day. They are granted in full by a server that allows sessions as long.
    private static let suffix = "/colony?session_timeout_ms=100000000&timeout_ms=20000"

    /// A harness whose engines live on after a case has let them go, for some cases look afterwards at what was granted: an engine
    /// that nobody has any more ends its session, and all that it holds.
    private func harness(_ server: ZooKeeperProcess) -> LiveLeaseHarness {
        let engines = SharedValue<[ZooKeeperLeaseEngine]>([])
        return LiveLeaseHarness(timeScale: 0.1) {
            let engine = try server.engine(Self.suffix)
            engines.change { engines in
                engines.append(engine)
                if engines.count > 16 { engines.removeFirst() }
            }
            return engine
        }
    }

    @Test func `it has three powers and reports its guarantee`() throws {
        let engine = try ZooKeeperLeaseEngine(url: EngineURL("zookeeper://127.0.0.1:1"))
        #expect(engine.capabilities == [.administration, .batchRenewal, .fairness])
        #expect(engine.guarantee == .linearizable)
    }

    @Test func `one server`() async throws {
        let server = try await ZooKeeperProcess()
        // Each case has its own names, so that they may follow one another on one server.
        let report = await LeaseConformance.run(
            on: self.harness(server), title: "ZooKeeper",
            cases: LeaseConformance.cases(supportedBy: [.administration, .batchRenewal, .fairness]))
        for entry in report.entries { #expect(entry.outcome == .passed, "\(entry.name)") }
        #expect(!report.entries.isEmpty)
    }

    @Test func `one server, permits`() async throws {
        let server = try await ZooKeeperProcess()
        let report = await PermitConformance.run(
            on: self.harness(server), title: "ZooKeeper")
        for entry in report.entries { #expect(entry.outcome == .passed, "\(entry.name)") }
        #expect(!report.entries.isEmpty)
    }

    @Test func `one server, registries`() async throws {
        let server = try await ZooKeeperProcess()
        let report = await RegistryConformance.run(
            on: self.harness(server), title: "ZooKeeper")
        for entry in report.entries { #expect(entry.outcome == .passed, "\(entry.name)") }
        #expect(!report.entries.isEmpty)
    }
}
#endif
