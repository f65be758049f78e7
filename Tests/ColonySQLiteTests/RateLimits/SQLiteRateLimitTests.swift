import ColonyCore
import ColonyResilience
import ColonySQLite
import ColonySimulation
import Foundation
import Testing

@Suite("The embedded engine of limits", .timeLimit(.minutes(2)))
struct SQLiteRateLimitTests {
    private let clock = ManualClock()

    /// Ten in ten seconds, so a permit comes back each second.
    private let rule: RateLimitRule

    init() throws {
        self.rule = try RateLimitRule(10, per: .seconds(10))
    }

    private func engine(_ folder: TemporaryFolder, boot: String = "boot-1") -> SQLiteRateLimitEngine {
        SQLiteRateLimitEngine(
            path: folder.store, clock: self.clock, boot: BootIdentity(boot), registry: StoreRegistry())
    }

    private func take(
        _ permits: Int, of name: RateLimitName = "tenant/7", on engine: SQLiteRateLimitEngine
    ) async throws -> RateLimitDecision {
        try await engine.take([RateLimitRequest(name, permits: permits, rule: self.rule)])[0]
    }

    private static let countRows = SQL("SELECT count(*) FROM rate_limit")

    private func rows(_ engine: SQLiteRateLimitEngine) async throws -> Int64 {
        try await engine.storeForTesting.read { connection throws(StoreError) in
            let statement = try connection.prepared(Self.countRows)
            defer { statement.reset() }
            return try statement.step() ? statement.integer(0) : -1
        }
    }

    @Test func `no file is made before the first call, and the store is that of the other engines`() async throws {
        let folder = try TemporaryFolder()
        let limits = SQLiteRateLimitEngine.sqlite(path: folder.store)
        #expect(!FileManager.default.fileExists(atPath: folder.store))
        #expect(limits.guarantee == Guarantee(reach: .host, survival: .processCrash))
        let leases = SQLiteLeaseEngine.sqlite(path: folder.store)
        #expect(try leases.storeForTesting === limits.storeForTesting)
        // Nothing comes back while the test runs, however slow the machine is.
        let rule = try RateLimitRule(10, per: .seconds(36_000))
        #expect(try await limits.take([RateLimitRequest("a", rule: rule)])[0].remaining == 9)
        await leases.close()
        #expect(try await limits.take([RateLimitRequest("a", rule: rule)])[0].remaining == 8)
        await limits.close()
    }

    @Test func `decisions are not synced, and what shares their transaction is`() async throws {
        let folder = try TemporaryFolder()
        let limits = self.engine(folder)
        let store = try limits.storeForTesting
        _ = try await self.take(1, on: limits)
        let before = store.statistics
        for _ in 0..<5 { _ = try await self.take(1, on: limits) }
        let after = store.statistics
        #expect(after.commits - before.commits == 5)
        #expect(after.unsynced - before.unsynced == 5)
        // A refusal and a look change nothing at all.
        _ = try await self.take(10, on: limits)
        _ = try await self.take(0, on: limits)
        #expect(store.statistics.commits == after.commits)
        try await store.write { transaction throws(StoreError) in try transaction.connection.run(Self.touch) }
        #expect(store.statistics.commits == after.commits + 1)
        #expect(store.statistics.unsynced == after.unsynced)
        _ = try await self.take(1, on: limits)
        #expect(store.statistics.unsynced == after.unsynced + 1)
        await limits.close()
    }

    private static let touch = SQL("UPDATE colony SET number = number + 1 WHERE id = 1")

    @Test func `after a reboot each limit owes what it owed when it was last taken from`() async throws {
        let folder = try TemporaryFolder()
        let first = self.engine(folder)
        #expect(try await self.take(10, of: "empty", on: first).isAllowed)
        #expect(try await self.take(4, of: "half", on: first).isAllowed)
        await first.close()
        // The clock starts again, far behind where it was; how long the host was off nobody knows.
        let later = ManualClock()
        let second = SQLiteRateLimitEngine(
            path: folder.store, clock: later, boot: BootIdentity("boot-2"), registry: StoreRegistry())
        let listed = try await second.limits(withPrefix: "", after: nil, limit: 10)
        #expect(listed.map(\.name) == ["empty", "half"])
        // As one more permit would be answered, which is refused and granted.
        #expect(listed.map(\.decision.resetAfter) == [.seconds(10), .seconds(5)])
        let refused = try await self.take(1, of: "empty", on: second)
        #expect(!refused.isAllowed)
        #expect(refused.retryAfter == .seconds(1))
        #expect(try await self.take(0, of: "half", on: second).remaining == 6)
        // From the first look on it is paid off as ever.
        later.advance(by: .seconds(1))
        #expect(try await self.take(1, of: "empty", on: second).isAllowed)
        #expect(try await !self.take(1, of: "empty", on: second).isAllowed)
        later.advance(by: .seconds(3))
        #expect(try await self.take(10, of: "half", on: second).isAllowed)
        await second.close()
    }

    @Test func `a row that is still of the former boot is paid off from the first request on, also if that is refused`()
        async throws
    {
        let folder = try TemporaryFolder()
        let limits = self.engine(folder)
        #expect(try await self.take(10, on: limits).isAllowed)
        // As a transaction leaves it that was rolled back after the engine had let all limits go on.
        try await limits.storeForTesting.write { transaction throws(StoreError) in
            try transaction.connection.run(Self.freeze)
        }
        #expect(try await self.take(1, on: limits).retryAfter == .seconds(1))
        self.clock.advance(by: .seconds(1))
        #expect(try await self.take(1, on: limits).isAllowed)
        await limits.close()
    }

    private static let freeze = SQL("UPDATE rate_limit SET arrival = counted_at - arrival")

    @Test func `a second reboot before anybody looked loses nothing`() async throws {
        let folder = try TemporaryFolder()
        let first = self.engine(folder)
        #expect(try await self.take(10, on: first).isAllowed)
        await first.close()
        for boot in ["boot-2", "boot-3"] {
            let next = self.engine(folder, boot: boot)
            // It opens the file and takes nothing.
            try await next.storeForTesting.write(.readOnly) { _ in }
            await next.close()
        }
        let last = self.engine(folder, boot: "boot-3")
        #expect(try await !self.take(1, on: last).isAllowed)
        await last.close()
    }

    @Test func `rows of limits that are full go as new ones come`() async throws {
        let folder = try TemporaryFolder()
        let limits = self.engine(folder)
        for round in 0..<30 {
            let requests = try (0..<100).map { number in
                RateLimitRequest(try RateLimitName("r\(round)-\(number)"), permits: 5, rule: self.rule)
            }
            for decision in try await limits.take(requests) { #expect(decision.isAllowed) }
            // All of them are full then.
            self.clock.advance(by: .seconds(5))
        }
        #expect(try await self.rows(limits) <= 100, "3,000 limits were used, and never more than 100 at once")
        #expect(try await limits.limits(withPrefix: "", after: nil, limit: 10).isEmpty)
        await limits.close()
    }

    @Test func `a narrower rule forgives what is beyond it, also when it refuses`() async throws {
        let folder = try TemporaryFolder()
        let limits = self.engine(folder)
        let slow = try RateLimitRule(10, per: .seconds(1_000))
        #expect(try await limits.take([RateLimitRequest("a", permits: 10, rule: slow)])[0].isAllowed)
        let refused = try await limits.take([RateLimitRequest("a", permits: 1, rule: self.rule)])[0]
        #expect(!refused.isAllowed)
        #expect(refused.retryAfter == .seconds(1))
        self.clock.advance(by: refused.retryAfter)
        #expect(try await limits.take([RateLimitRequest("a", permits: 1, rule: self.rule)])[0].isAllowed)
        await limits.close()
    }

    @Test func `after it was closed it refuses with the file's name`() async throws {
        let folder = try TemporaryFolder()
        let limits = self.engine(folder)
        await limits.close()
        await limits.close()
        for call in [
            { _ = try await self.take(1, on: limits) }, { _ = try await limits.reset("a") },
            { _ = try await limits.limits(withPrefix: "", after: nil, limit: 1) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: ResilienceError.self) { try await call() }
            #expect(error?.code == .closed)
            #expect(error?.message.contains(folder.store) == true)
        }
    }

    @Test func `a folder that does not exist is unavailable and named`() async throws {
        let limits = SQLiteRateLimitEngine.sqlite(path: "/nonexistent/colony.db")
        let error = await #expect(throws: ResilienceError.self) { try await self.take(1, on: limits) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("/nonexistent") == true)
        await limits.close()
    }

    @Test func `a rule in the file that cannot be is told and not shown`() async throws {
        let folder = try TemporaryFolder()
        let limits = self.engine(folder)
        _ = try await self.take(1, on: limits)
        try await limits.storeForTesting.write { transaction throws(StoreError) in
            try transaction.connection.run(Self.damage)
        }
        let error = await #expect(throws: ResilienceError.self) {
            try await limits.limits(withPrefix: "", after: nil, limit: 1)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("tenant/7") == true)
        await limits.close()
    }

    private static let damage = SQL("UPDATE rate_limit SET permits = -7")
}
