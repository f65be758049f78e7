import ColonyCore
import ColonyResilience
import ColonySQLite
import ColonySimulation
import Testing

@Suite("Idempotency in SQLite")
struct SQLiteIdempotencyStoreTests {
    private func store(
        _ folder: TemporaryFolder, _ clock: any MonotonicClock, boot: String = "boot-1"
    ) -> SQLiteIdempotencyStore {
        SQLiteIdempotencyStore(path: folder.store, clock: clock, boot: BootIdentity(boot), registry: StoreRegistry())
    }

    private func request(_ key: IdempotencyKey, lease: Duration = .seconds(10)) -> IdempotencyRequest {
        IdempotencyRequest(key, owner: .unique(), lease: lease)
    }

    private let outcome = IdempotencyOutcome(.value, [1, 2, 3])

    @Test func `processes of a host share keys and outcomes`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let (one, two) = (self.store(folder, clock), self.store(folder, clock))
        let first = self.request("a")
        #expect(try await one.begin(first) == .started)
        #expect(try await one.begin(first) == .started, "a repeat renews")
        #expect(try await two.begin(self.request("a")) == .inFlight(remaining: .seconds(10)))
        let other = IdempotencyRequest(
            "a", fingerprint: try IdempotencyFingerprint([7]), owner: .unique(), lease: .seconds(1))
        #expect(try await two.begin(other) == .conflict)
        #expect(try await one.complete(first, with: self.outcome, keeping: .seconds(60)))
        #expect(try await one.complete(first, with: self.outcome, keeping: .seconds(60)), "a repeat says the same")
        #expect(try await two.begin(self.request("a")) == .stored(self.outcome))
        #expect(try await !two.abandon(first), "an outcome stays")
        clock.advance(by: .seconds(60))
        #expect(try await two.begin(self.request("a")) == .started)
        await one.close()
        await two.close()
    }

    @Test func `a key that was given up is free, and one whose owner crashed after its lease`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let store = self.store(folder, clock)
        let (first, second) = (self.request("a"), self.request("a"))
        #expect(try await store.begin(first) == .started)
        #expect(try await store.abandon(first))
        #expect(try await !store.abandon(first))
        #expect(try await store.begin(first) == .started)
        clock.advance(by: .seconds(10))
        #expect(try await store.begin(second) == .started)
        #expect(try await !store.complete(first, with: self.outcome, keeping: .seconds(60)))
        #expect(try await store.complete(second, with: self.outcome, keeping: .seconds(60)))
        await store.close()
    }

    @Test func `who is done after its lease may still say so while nobody took the key`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let store = self.store(folder, clock)
        let first = self.request("a")
        #expect(try await store.begin(first) == .started)
        clock.advance(by: .seconds(3_600))
        // Other keys sweep the row away.
        for number in 0..<10 { _ = try await store.begin(self.request(try IdempotencyKey("k\(number)"))) }
        #expect(try await store.complete(first, with: self.outcome, keeping: .seconds(60)))
        #expect(try await store.begin(self.request("a")) == .stored(self.outcome))
        await store.close()
    }

    @Test func `after a restart of the host outcomes are there, and what ran is not`() async throws {
        let folder = try TemporaryFolder()
        let former = self.store(folder, ManualClock(now: MonotonicInstant(nanoseconds: 5_000_000_000_000)))
        let (done, running) = (self.request("done"), self.request("running", lease: .seconds(86_400)))
        #expect(try await former.begin(done) == .started)
        #expect(try await former.complete(done, with: self.outcome, keeping: .seconds(60)))
        #expect(try await former.begin(running) == .started)
        await former.close()
        let clock = ManualClock(now: MonotonicInstant(nanoseconds: 1_000_000_000))
        let store = self.store(folder, clock, boot: "boot-2")
        #expect(try await store.begin(self.request("done")) == .stored(self.outcome))
        #expect(try await store.begin(self.request("running")) == .started)
        clock.advance(by: .seconds(58))
        #expect(try await store.begin(self.request("done")) == .stored(self.outcome))
        clock.advance(by: .seconds(1))
        #expect(try await store.begin(self.request("done")) == .started)
        await store.close()
    }

    @Test func `rows whose time is over are removed`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let store = self.store(folder, clock)
        for number in 0..<500 {
            let request = self.request(try IdempotencyKey("k\(number)"))
            _ = try await store.begin(request)
            _ = try await store.complete(request, with: self.outcome, keeping: .seconds(20))
            clock.advance(by: .seconds(1))
        }
        let rows = try await store.storeForTesting.read { connection throws(StoreError) in
            let statement = try connection.prepared(Self.count)
            defer { statement.reset() }
            return try statement.step() ? statement.integer(0) : -1
        }
        #expect(rows <= 30)
        await store.close()
    }

    private static let count = SQL("SELECT count(*) FROM idempotency")

    @Test func `an operation runs once through the whole stack, with empty and large outcomes`() async throws {
        let folder = try TemporaryFolder()
        let store = self.store(folder, HostClock())
        // A busy disk may take long for the first commit, which makes the tables.
        let options = try IdempotencyOptions(callLimit: .seconds(45))
        let payments = Idempotency<[UInt8]>("payments", on: store, codec: .bytes, options)
        for (key, value) in [
            (IdempotencyKey("empty"), [UInt8]()),
            ("large", Array(repeating: 7, count: IdempotencyLimits.maximumOutcomeBytes)),
        ] {
            #expect(try await payments.execute(key) { value } == value)
            #expect(try await payments.execute(key) { [9] } == value)
        }
        #expect(payments.statistics.started == 2)
        #expect(payments.statistics.notRecorded == 0)
        await store.close()
        let error = await #expect(throws: ResilienceError.self) { try await payments.execute("late") { [1] } }
        #expect(error?.code == .closed)
        #expect(error?.message.contains(folder.store) == true)
    }

    @Test func `a damaged row is refused with its key`() async throws {
        let folder = try TemporaryFolder()
        let store = self.store(folder, ManualClock())
        #expect(try await store.begin(self.request("a")) == .started)
        try await store.storeForTesting.write { transaction throws(StoreError) in
            try transaction.connection.run(Self.damage)
        }
        let error = await #expect(throws: ResilienceError.self) { try await store.begin(self.request("a")) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("kind 9") == true)
        await store.close()
    }

    private static let damage = SQL("UPDATE idempotency SET kind = 9")
}
