import ColonyCore
import ColonyResilience
import ColonySQLite
import Testing

@Suite("Limits among real processes", .timeLimit(.minutes(5)), .serialized)
struct RateLimitProcessTests {
    @Test func `processes on one file share a limit, and a kill forgets nothing that was taken`() async throws {
        let folder = try TemporaryFolder()
        let count = 2_000
        let rule = try RateLimitRule(count, per: .seconds(3_600_000))
        let victims = try (0..<2).map { _ in try Probe("limits", folder.store, "shared", "\(count)") }
        // The first may have taken nearly everything before the second has started.
        try await eventually("both have taken some", within: .seconds(45)) {
            victims.allSatisfy { $0.lines.count >= 20 } || victims.map(\.lines.count).reduce(0, +) > count / 2
        }
        for victim in victims { try await victim.killNow() }
        let told = victims.map(\.lines.count).reduce(0, +)
        let engine = SQLiteRateLimitEngine.sqlite(path: folder.store)
        func remaining() async throws -> Int {
            try await engine.take(RateLimitRequest("shared", permits: 0, rule: rule)).remaining
        }
        // Each of the sixteen tasks may have been granted one that it did not come to tell.
        let lost = count - (try await remaining()) - told
        #expect((0...16).contains(lost), "two kills after \(told) grants lost \(lost)")

        let others = try (0..<2).map { _ in try Probe("limits", folder.store, "shared", "\(count)") }
        try await eventually("all are taken", within: .seconds(45)) { try await remaining() == 0 }
        try await eventually("all that is told is told", within: .seconds(45)) {
            told + lost + others.map(\.lines.count).reduce(0, +) >= count
        }
        for other in others { try await other.killNow() }
        let total = told + lost + others.map(\.lines.count).reduce(0, +)
        // Nothing comes back within the half hour that a permit takes.
        #expect(total == count, "\(total) of \(count) were granted")
        #expect(try await !engine.take(RateLimitRequest("shared", rule: rule)).isAllowed)
        await engine.close()
    }
}
