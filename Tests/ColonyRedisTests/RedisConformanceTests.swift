import ColonyCaches
import ColonyConformance
import ColonyCore
import ColonyRedis
import Testing

@Suite(
    "Redis keeps the promises of the cache port", .enabled(if: RedisProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct RedisConformanceTests {
    /// One server for each case, so that no case sees what another has left.
    @Test(arguments: CacheTierConformance.cases + CacheTierConformance.rankingCases)
    func `one server`(check: CacheTierCase) async throws {
        let server = try await RedisProcess()
        let options = Self.options(server.address)
        let harness = LiveCacheTierHarness(timeScale: 0.05) { try RedisCacheTier(options) }
        let outcome = await check.run(on: harness)
        #expect(outcome == .passed)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a cluster of three`() async throws {
        let cluster = try await RedisClusterProcess()
        var options = Self.options(cluster.nodes[0].address)
        options.isCluster = true
        let clustered = options
        for check in CacheTierConformance.cases + CacheTierConformance.rankingCases {
            // Cases name their keys at random, so that they may follow one another on one cluster.
            let harness = LiveCacheTierHarness(timeScale: 0.05) { try RedisCacheTier(clustered) }
            let outcome = await check.run(on: harness)
            #expect(outcome == .passed, "\(check)")
        }
    }

    private static func options(_ address: RedisAddress) -> RedisCacheTierOptions {
        var options = RedisCacheTierOptions(servers: [address])
        options.timeout = .seconds(20)
        options.readsTimeToLive = true
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        return options
    }
}
