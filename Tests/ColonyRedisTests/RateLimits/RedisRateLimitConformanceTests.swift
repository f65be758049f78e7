import ColonyConformance
import ColonyCore
import ColonyRedis
import ColonyResilience
import Testing

@Suite(
    "Redis keeps the promises of the port of shared limits", .enabled(if: RedisProcess.isAvailable), .serialized,
    .timeLimit(.minutes(10)))
struct RedisRateLimitConformanceTests {
    @Test(.timeLimit(.minutes(5)))
    func `one server`() async throws {
        let server = try await RedisProcess()
        try await self.run { try server.limits($0) }
    }

    @Test(.timeLimit(.minutes(5)))
    func `one server, with a prefix and a database, and with connections by the dozen`() async throws {
        let server = try await RedisProcess()
        try await self.run { change in
            try server.limits {
                $0.keyPrefix = "lim:{one}[*]?\\"
                $0.database = 3
                $0.connections = 12
                change(&$0)
            }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a cluster of three`() async throws {
        let cluster = try await RedisClusterProcess()
        try await self.run { try cluster.limits($0) }
    }

    private func run(
        _ make: @escaping @Sendable ((inout RedisRateLimitEngineOptions) -> Void) throws -> RedisRateLimitEngine
    ) async throws {
        let harness = LiveRateLimitHarness(timeScale: 0.05) { offset in
            try make { $0.clock = ShiftedClock(by: offset) }
        } connect: {
            try make { _ in }
        }
        let report = await RateLimitConformance.run(on: harness)
        #expect(report.isPassed, "\(report.text)")
        for entry in report.entries { #expect(entry.outcome == .passed, "\(entry.name)") }
    }
}
