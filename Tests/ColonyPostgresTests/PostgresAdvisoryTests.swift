#if Postgres
import ColonyConformance
import ColonyCore
import ColonyPostgres
import Foundation
import Testing

@Suite(
    "Leases on advisory locks", .enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(10)))
struct PostgresAdvisoryTests {
    private static func engine(_ server: PostgresProcess) throws -> PostgresAdvisoryLeaseEngine {
        PostgresAdvisoryLeaseEngine(try server.options())
    }

    /// A lease can be renewed and released only in the session that holds it, so both clients are one engine; what two engines
    /// are to each other is tested below.
    @Test func `they keep the promises of the lease port within a session`() async throws {
        let server = try await PostgresProcess()
        let engine = try Self.engine(server)
        #expect(engine.capabilities.isEmpty)
        let harness = LiveLeaseHarness { engine }
        for check in LeaseConformance.cases(supportedBy: []) {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
        await engine.close()
    }

    @Test func `two engines exclude each other, and tokens rise from one to the other`() async throws {
        let server = try await PostgresProcess()
        let engines = [try Self.engine(server), try Self.engine(server)]
        var last: FencingToken?
        for number in 0..<6 {
            let (engine, other) = (engines[number % 2], engines[(number + 1) % 2])
            let owner = OwnerID.unique()
            let lease = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
            if let last { #expect(lease.token > last) }
            last = lease.token
            guard case .held(let holder) = try await other.tryAcquire("job", owner: .unique(), for: .seconds(600))
            else {
                Issue.record("two engines hold one key")
                return
            }
            #expect(holder.owner == owner && holder.token == lease.token)
            let record = try await other.inspect("job")
            #expect(record?.owner == owner && record?.token == lease.token)
            #expect(try await other.release("job", owner: owner, token: lease.token) == false)
            let wait = Task { try await other.waitForChange(of: "job", from: lease.token, upTo: .seconds(60)) }
            #expect(try await engine.release("job", owner: owner, token: lease.token))
            #expect(try await wait.value)
        }
        for engine in engines { await engine.close() }
    }

    @Test func `a lease that is not renewed ends for other engines too`() async throws {
        let server = try await PostgresProcess()
        let engine = try Self.engine(server)
        let other = try Self.engine(server)
        let lease = try #require(
            try await engine.tryAcquire("job", owner: .unique(), for: .seconds(4)).lease)
        #expect(try await engine.renew(lease, for: .seconds(5)) != nil)
        var next: Lease?
        try await eventually("it ends") {
            next = try await other.tryAcquire("job", owner: .unique(), for: .seconds(60)).lease
            return next != nil
        }
        #expect(HostClock().now >= lease.expiry)
        #expect(try await engine.renew(lease, for: .seconds(60)) == nil)
        await engine.close()
        await other.close()
    }

    @Test func `another client's lock keeps us out, and ours keeps it out`() async throws {
        let server = try await PostgresProcess()
        let engine = try Self.engine(server)
        _ = try await engine.inspect("42")
        for (name, key) in [("42", "42"), ("-7", "-7"), ("orders/42", "hashtextextended('orders/42', 0)")] {
            let foreign = server.psqlProcess(["-c", "SELECT pg_advisory_lock(\(key)); SELECT pg_sleep(600)"])
            foreign.standardOutput = FileHandle.nullDevice
            try foreign.run()
            let lockName = try LeaseName(name)
            try await eventually("the other client holds it") { try await engine.inspect(lockName) != nil }
            guard
                case .held(let holder) = try await engine.tryAcquire(lockName, owner: .unique(), for: .seconds(60))
            else {
                Issue.record("\(name) was granted while another client holds it")
                return
            }
            // It carries no token, and is reported as what it is.
            #expect(holder.token == FencingToken(rawValue: 0))
            #expect(holder.owner.rawValue.hasPrefix("session "))
            let wait = Task { try await engine.waitForChange(of: lockName, from: holder.token, upTo: .seconds(60)) }
            try server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
            foreign.waitUntilExit()
            #expect(try await wait.value)
            let owner = OwnerID.unique()
            let lease = try #require(try await engine.tryAcquire(lockName, owner: owner, for: .seconds(600)).lease)
            #expect(lease.token.rawValue > 0)
            #expect(try server.psql("SELECT pg_try_advisory_lock(\(key))") == "f")
            #expect(try await engine.release(lockName, owner: owner, token: lease.token))
            #expect(try server.psql("SELECT pg_try_advisory_lock(\(key))") == "t")
        }
        await engine.close()
    }

    @Test func `a lease ends with its connection, and its holder cannot renew it`() async throws {
        let server = try await PostgresProcess()
        let engine = try Self.engine(server)
        let other = try Self.engine(server)
        let owner = OwnerID.unique()
        let lease = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
        try server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'colony'")
        var next: Lease?
        try await eventually("the next holder has it") {
            next = try? await other.tryAcquire("job", owner: .unique(), for: .seconds(600)).lease
            return next != nil
        }
        #expect(try #require(next).token > lease.token)
        try await eventually("the former holder hears that it is over") {
            do {
                return try await engine.renew(lease, for: .seconds(600)) == nil
            } catch let error as LeaseError {
                #expect(error.code == .unavailable)
                return false
            }
        }
        #expect(try await engine.release("job", owner: owner, token: lease.token) == false)
        #expect(try await other.inspect("job")?.token == next?.token)
        await engine.close()
        await other.close()
    }

    @Test func `the URL chooses the engine`() throws {
        let rows = try PostgresOptions.leaseEngine(at: EngineURL("postgres://a@b/c"))
        #expect(rows is PostgresLeaseEngine)
        let advisory = try PostgresOptions.leaseEngine(at: EngineURL("postgres://a@b/c?mode=advisory"))
        #expect(advisory is PostgresAdvisoryLeaseEngine)
        #expect(advisory.guarantee == Guarantee(reach: .network, survival: .nothing))
        #expect(throws: InvalidName.self) {
            try PostgresOptions.leaseEngine(at: EngineURL("postgres://a@b/c?mode=other"))
        }
        // Whoever asks for one kind does not get the other in silence.
        #expect(throws: InvalidName.self) {
            try PostgresLeaseEngine(url: EngineURL("postgres://a@b/c?mode=advisory"))
        }
    }
}
#endif
