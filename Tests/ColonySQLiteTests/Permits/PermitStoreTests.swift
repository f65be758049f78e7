import ColonyCoordination
import ColonyCore
import ColonySQLite
import ColonySimulation
import Testing

@Suite("Permits in a file", .timeLimit(.minutes(5)))
struct PermitStoreTests {
    private static func request(_ name: LeaseName, _ owner: OwnerID, claim: Duration? = nil) -> PermitRequest {
        PermitRequest(1, of: name, limit: 1, owner: owner, for: .seconds(600), claim: claim)
    }

    @Test func `a restart of the host ends permits and claims, and tokens go on`() async throws {
        let folder = try TemporaryFolder()
        var last = FencingToken(rawValue: 0)
        for boot in 1...3 {
            // A clock that starts again at another point, earlier or later, must not matter.
            let clock = ManualClock(now: MonotonicInstant(nanoseconds: Int64(1_000_000_000 / boot)))
            let host = SimulatedHost(path: folder.store, clock: clock, boot: BootIdentity("boot-\(boot)"))
            let engine = host.process()
            #expect(try await engine.inspectPermits("job").holders.isEmpty)
            #expect(try await engine.inspectPermits("job").claims.isEmpty)
            let lease = try #require(try await engine.takePermits(Self.request("job", "a")).lease)
            #expect(lease.token > last)
            last = lease.token
            #expect(try await engine.takePermits(Self.request("job", "b", claim: .seconds(600))).lease == nil)
            await engine.close()
        }
    }

    @Test func `rows of what has run out do not pile up`() async throws {
        let folder = try TemporaryFolder(inMemory: true)
        let clock = ManualClock()
        let engine = SimulatedHost(path: folder.store, clock: clock).process()
        for round in 0..<40 {
            for number in 0..<10 {
                let name = try LeaseName("job-\(round)-\(number)")
                let request = PermitRequest(1, of: name, limit: 1, owner: "a", for: .seconds(5))
                #expect(try await engine.takePermits(request).lease != nil)
                let claim = PermitRequest(1, of: name, limit: 1, owner: "b", for: .seconds(5), claim: .seconds(5))
                #expect(try await engine.takePermits(claim).lease == nil)
            }
            clock.advance(by: .seconds(6))
        }
        for sql in [Self.countHolders, Self.countClaims] {
            let rows = try await engine.count(sql)
            #expect(rows <= 20, "800 holds and claims ran out, and \(rows) rows are left")
        }
        await engine.close()
    }

    @Test func `what is returned leaves no row`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        let lease = try #require(try await engine.takePermits(Self.request("job", "a")).lease)
        #expect(try await engine.takePermits(Self.request("job", "b", claim: .seconds(600))).lease == nil)
        #expect(try await engine.returnPermits("job", owner: "a", token: lease.token))
        #expect(try await !engine.returnPermits("job", owner: "b", token: nil))
        #expect(try await engine.count(Self.countHolders) == 0)
        #expect(try await engine.count(Self.countClaims) == 0)
        await engine.close()
    }

    @Test func `a refused request without a claim writes nothing`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        #expect(try await engine.takePermits(Self.request("job", "a")).lease != nil)
        let before = try await engine.count(Self.dataVersionOfWriter)
        for _ in 1...20 { #expect(try await engine.takePermits(Self.request("job", "b")).lease == nil) }
        // Another connection sees a new version after every commit that changed something.
        #expect(try await engine.count(Self.dataVersionOfWriter) == before)
        await engine.close()
    }

    @Test func `a return is seen at once in another process`() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let (first, second) = (host.process(), host.process())
        var fastest = Duration.seconds(60)
        // The slow look would take a second each time; one stall of a busy disk proves nothing.
        for _ in 0..<8 where fastest >= .milliseconds(800) {
            let lease = try #require(try await first.takePermits(Self.request("job", "a")).lease)
            async let change = second.waitForPermits(Self.request("job", "b"), upTo: .seconds(60))
            try await eventually("the other process waits") { try second.permitWaiters == 1 }
            let start = HostClock().now
            #expect(try await first.returnPermits("job", owner: "a", token: lease.token))
            #expect(try await change)
            fastest = min(fastest, start.duration(to: HostClock().now))
        }
        #expect(fastest < .milliseconds(800))
        await first.close()
        await second.close()
    }

    @Test func `a return wakes only the one whose claim is the first`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let engine = SimulatedHost(path: folder.store, clock: clock).process()
        let lease = try #require(try await engine.takePermits(Self.request("job", "a")).lease)
        let requests = try (0..<50).map { Self.request("job", try OwnerID("waiter-\($0)"), claim: .seconds(600)) }
        for request in requests { #expect(try await engine.takePermits(request).lease == nil) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for (number, request) in requests.enumerated() {
                group.addTask {
                    _ = try? await engine.waitForPermits(request, upTo: .seconds(3_600))
                    return number
                }
            }
            try await clock.waitForSleepers(50)
            #expect(try await engine.returnPermits("job", owner: "a", token: lease.token))
            #expect(try await group.next() == 0)
            // The look of anybody else would have ended by now: those who were not meant were not even woken.
            #expect(try engine.permitWaiters == 49)
            group.cancelAll()
        }
        #expect(try engine.permitWaiters == 0)
        await engine.close()
    }

    @Test func `closing an engine ends the waits that came through it`() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let engine = host.process()
        #expect(try await engine.takePermits(Self.request("job", "a")).lease != nil)
        let permits = Task { try await engine.waitForPermits(Self.request("job", "b"), upTo: .seconds(3_600)) }
        let revision = try await engine.snapshot(of: "group").revision
        let change = Task { try await engine.waitForChange(in: "group", since: revision, upTo: .seconds(3_600)) }
        try await eventually("both wait") { try engine.permitWaiters == 1 && engine.registryWaiters == 1 }
        await engine.close()
        for task in [permits, change] {
            let error = await #expect(throws: LeaseError.self) { _ = try await task.value }
            #expect(error?.code == .closed)
        }
    }

    private static let countHolders = SQL("SELECT count(*) FROM permit_holder")
    private static let countClaims = SQL("SELECT count(*) FROM permit_claim")
    private static let dataVersionOfWriter = SQL("PRAGMA data_version")
}

extension SQLiteLeaseEngine {
    /// The one number that a query gives, from what was committed last.
    func count(_ sql: SQL) async throws -> Int64 {
        try await self.storeForTesting.read { connection throws(StoreError) in
            let statement = try connection.prepared(sql)
            defer { statement.reset() }
            return try statement.step() ? statement.integer(0) : -1
        }
    }
}
