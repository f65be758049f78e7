import ColonyCaches
import ColonyConformance
import ColonyCore
import ColonyMemcached
import Testing

@Suite(
    "Memcached keeps the promises of the cache port", .enabled(if: MemcachedProcess.isAvailable),
    .timeLimit(.minutes(5)))
struct MemcachedConformanceTests {
    /// One server for each case, so that cases may run side by side.
    @Test(arguments: CacheTierConformance.cases)
    func `one server`(check: CacheTierCase) async throws {
        let memcached = try await MemcachedProcess(["-m", "256"])
        let outcome = await check.run(on: Self.harness([memcached]))
        // Memcached tells nobody what has changed.
        if check.property == .invalidation {
            #expect(outcome == .skipped("the tier tells nobody of changes"))
        } else {
            #expect(outcome == .passed)
        }
    }

    @Test(arguments: CacheTierConformance.cases.filter { $0.property != .invalidation })
    func `three servers`(check: CacheTierCase) async throws {
        let servers = [
            try await MemcachedProcess(["-m", "256"]), try await MemcachedProcess(["-m", "256"]),
            try await MemcachedProcess(["-m", "256"]),
        ]
        let outcome = await check.run(on: Self.harness(servers))
        #expect(outcome == .passed)
    }

    private static func harness(_ servers: [MemcachedProcess]) -> LiveCacheTierHarness {
        let options = servers[0].options { $0.servers = servers.map(\.server) }
        // The server counts in seconds, so that ten of them cannot be much shorter than these.
        return LiveCacheTierHarness(timeScale: 0.3, resolution: .seconds(1)) { try MemcachedCacheTier(options) }
    }
}
