import ColonyConformance
import ColonyCore
import ColonyRedis
import Testing

@Suite(
    "Redis keeps the promises of the lease port", .enabled(if: RedisProcess.isAvailable), .serialized,
    .timeLimit(.minutes(10)))
struct RedisLeaseConformanceTests {
    static let cases = LeaseConformance.cases(supportedBy: [.administration, .batchRenewal, .fairness])

    @Test func `it has three powers`() throws {
        let engine = try RedisLeaseEngine(url: "redis://127.0.0.1")
        #expect(engine.capabilities == [.administration, .batchRenewal, .fairness])
    }

    @Test(.timeLimit(.minutes(5)))
    func `one server`() async throws {
        let server = try await RedisProcess()
        try await self.run { try server.leases() }
    }

    @Test(.timeLimit(.minutes(5)))
    func `one server, with a prefix and a database, and with connections by the dozen`() async throws {
        let server = try await RedisProcess()
        try await self.run {
            try server.leases {
                $0.keyPrefix = "lock:{one}[*]?\\"
                $0.database = 3
                $0.connections = 12
            }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a cluster of three`() async throws {
        let cluster = try await RedisClusterProcess()
        try await self.run { try cluster.leases() }
    }

    /// Cases name their locks at random, so that they may follow one another on one store.
    private func run(_ make: @escaping @Sendable () throws -> RedisLeaseEngine) async throws {
        let harness = LiveLeaseHarness { try make() }
        for check in Self.cases {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `permits on one server`() async throws {
        let server = try await RedisProcess()
        try await self.runPermits { try server.leases() }
    }

    @Test(.timeLimit(.minutes(5)))
    func `permits on a cluster of three`() async throws {
        let cluster = try await RedisClusterProcess()
        try await self.runPermits { try cluster.leases() }
    }

    private func runPermits(_ make: @escaping @Sendable () throws -> RedisLeaseEngine) async throws {
        let harness = LiveLeaseHarness { try make() }
        for check in PermitConformance.cases {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `the registry on one server`() async throws {
        let server = try await RedisProcess()
        try await self.runRegistry { try server.leases() }
    }

    @Test(.timeLimit(.minutes(5)))
    func `the registry on a cluster of three`() async throws {
        let cluster = try await RedisClusterProcess()
        try await self.runRegistry { try cluster.leases() }
    }

    private func runRegistry(_ make: @escaping @Sendable () throws -> RedisLeaseEngine) async throws {
        let harness = LiveLeaseHarness { try make() }
        for check in RegistryConformance.cases {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }
}
