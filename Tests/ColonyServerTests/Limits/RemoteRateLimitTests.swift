import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonyRemote
import ColonyResilience
import ColonySQLite
import ColonyServer
import Foundation
import Testing

/// The port of shared limits over HTTP: every promise through a daemon, and what becomes of what goes wrong.
@Suite(.timeLimit(.minutes(5))) struct RemoteRateLimitTests {
    @Test func `the suite of shared limits passes through a daemon`() async throws {
        try await withServer { try await Self.runSuite($0) }
    }

    @Test func `the suite of shared limits passes through a daemon over a file`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let limits = SQLiteRateLimitEngine(path: folder.appendingPathComponent("colony.db").path)
        try await withServer(rateLimits: limits) { try await Self.runSuite($0) }
        await limits.close()
    }

    private static func runSuite(_ server: TestServer) async throws {
        let url = try EngineURL(server.url)
        // Times on the way are whole milliseconds, rounded up.
        let harness = LiveRateLimitHarness(timeScale: 0.05, resolution: .milliseconds(2), effort: 0.1) {
            try RemoteRateLimitEngine(url: url)
        }
        let report = await RateLimitConformance.run(on: harness, title: "daemon")
        #expect(report.isPassed, "\(report.text)")
    }

    @Test func `a rule of any period arrives as it is`() async throws {
        try await withServer { server in
            let engine: RemoteRateLimitEngine = try .colony(server.url)
            let rules = [
                try RateLimitRule(7, per: .nanoseconds(1_234_567_891_001), burst: 1_000),
                try RateLimitRule(3, per: .milliseconds(2_500_250)),
                try RateLimitRule(1, per: .seconds(366 * 86_400)),
            ]
            for (number, rule) in rules.enumerated() {
                let name = try RateLimitName("rule-\(number)")
                #expect(try await engine.take(RateLimitRequest(name, rule: rule)).isAllowed)
                #expect(try await engine.limits(withPrefix: name.rawValue, after: nil, limit: 1).map(\.rule) == [rule])
            }
            await engine.close()
        }
    }

    @Test func `a daemon that counts no limits, one that is not there, and a client that is closed are told apart`()
        async throws
    {
        let rule = try RateLimitRule(5, per: .seconds(1))
        func code(_ url: String, close: Bool = false) async throws -> ResilienceError.Code? {
            let engine: RemoteRateLimitEngine = try .colony(url)
            if close { await engine.close() }
            let error = await #expect(throws: ResilienceError.self) {
                _ = try await engine.take(RateLimitRequest("a", rule: rule))
            }
            await engine.close()
            return error?.code
        }
        try await withServer(rateLimits: nil) { server async throws in
            #expect(try await code(server.url) == .invalidRequest)
            #expect(try await code(server.url, close: true) == .closed)
        }
        #expect(try await code("http://127.0.0.1:1") == .unavailable)
    }
}
