#if Etcd
import ColonyConformance
import ColonyCore
import ColonyEtcd
import Testing

@Suite(
    "etcd keeps the promises of the lease port", .enabled(if: EtcdProcess.isAvailable), .serialized,
    .timeLimit(.minutes(10)))
struct EtcdConformanceTests {
    @Test("it lists, breaks, and keeps a queue, and its guarantee is the highest")
    func powers() throws {
        let engine = try EtcdLeaseEngine.etcd("etcd://127.0.0.1:1")
        #expect(engine.capabilities == [.administration, .fairness])
        #expect(engine.guarantee == .linearizable)
        engine.close()
    }

    @Test("one server")
    func oneServer() async throws {
        let server = try await EtcdProcess()
        let harness = LiveLeaseHarness { try server.engine() }
        // Cases name what they take at random, so that they may follow one another on one server.
        for check in LeaseConformance.cases(supportedBy: [.administration, .fairness]) {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check.name)")
        }
    }

    @Test("one server, permits")
    func permits() async throws {
        let server = try await EtcdProcess()
        let harness = LiveLeaseHarness { try server.engine() }
        for check in PermitConformance.cases {
            let outcome = await check.run(on: harness).outcome
            #expect(outcome == .passed, "\(check.name)")
        }
    }

    @Test("one server, registry")
    func registry() async throws {
        let server = try await EtcdProcess()
        let harness = LiveLeaseHarness { try server.engine() }
        for check in RegistryConformance.cases {
            let outcome = await check.run(on: harness).outcome
            #expect(outcome == .passed, "\(check.name)")
        }
    }

    @Test("with a prefix, beside other keys")
    func prefix() async throws {
        let server = try await EtcdProcess()
        try await server.control(["put", "application/setting", "1"])
        let harness = LiveLeaseHarness { try server.engine { $0.keyPrefix = "application/" } }
        for check in LeaseConformance.cases(supportedBy: [.administration, .fairness])
        where check.requires.contains(.administration) {
            let outcome = await check.run(on: harness).outcome
            #expect(outcome == .passed, "\(check.name)")
        }
    }
}
#endif
