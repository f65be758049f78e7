#if Postgres
import ColonyCoordination
import ColonyCore
import ColonyPostgres
import Foundation
import Synchronization
import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

@Suite(
    "Leases on a PostgreSQL that fails", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct PostgresFailureTests {
    private static let terminate =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'colony'"

    @Test func `many that start at once on an empty database`() async throws {
        let server = try await PostgresProcess()
        let options = try server.options { $0.connections = 1 }
        let tokens = try await withThrowingTaskGroup(of: FencingToken.self) { group in
            for number in 0..<30 {
                group.addTask {
                    let engine = PostgresLeaseEngine(options)
                    let name = try LeaseName("job-\(number)")
                    let lease = try await engine.tryAcquire(name, owner: .unique(), for: .seconds(60)).lease
                    await engine.close()
                    return try #require(lease).token
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(tokens.count == 30)
    }

    @Test func `a server that is killed keeps its leases, and tokens rise across the restart: tokenMonotonicForever`()
        async throws
    {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let owner = OwnerID.unique()
        let held = try #require(try await engine.tryAcquire("held", owner: owner, for: .seconds(600)).lease)
        var last = held.token
        for _ in 0..<3 {
            server.kill()
            // A session of the killed server may answer once more before it notices.
            var error: LeaseError?
            try await eventually("nothing of the server answers any more") {
                error = try await leaseError { try await engine.tryAcquire("job", owner: owner, for: .seconds(600)) }
                return error != nil
            }
            #expect(error?.code == .unavailable)
            try await server.start()
            var lease: Lease?
            try await eventually("the server is used again") {
                lease = try? await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease
                return lease != nil
            }
            let token = try #require(lease).token
            #expect(token > last)
            last = token
            #expect(try await engine.release("job", owner: owner, token: token))
            #expect(try await engine.inspect("held")?.token == held.token)
            #expect(try await engine.renew(held, for: .seconds(600)) != nil)
        }
        await engine.close()
    }

    @Test func `a waiter outlives the end of its connection, and is served`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let owner = OwnerID.unique()
        let first = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
        let waiter = Task { try await other.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(120)) }
        try await eventually("it waits") { try await engine.inspect("job")?.waiters.count == 1 }
        #expect(try server.psql(Self.terminate) != "0")
        try await eventually("the lease is released") {
            (try? await engine.release("job", owner: owner, token: first.token)) == true
        }
        #expect(try #require(try await waiter.value.lease).token > first.token)
        await engine.close()
        await other.close()
    }

    @Test func `a waiter keeps its turn while the server is killed and restarted`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let owner = OwnerID.unique()
        let first = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
        let waiter = Task {
            // As everybody does who uses a lock, through the room where waiting is repeated while nobody can be reached.
            try await WaitingRoom().acquire(
                "job", owner: .unique(), for: .seconds(60), upTo: .seconds(120), on: engine)
        }
        try await eventually("it waits") { try await engine.inspect("job")?.waiters.count == 1 }
        server.kill()
        try await server.start()
        try await eventually("the lease is released") {
            (try? await engine.release("job", owner: owner, token: first.token)) == true
        }
        #expect(try #require(try await waiter.value.lease).token > first.token)
        await engine.close()
    }

    @Test func `a lost call is unavailable, and its connection is replaced: renewalSurvivesReconnect`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let owner = OwnerID.unique()
        let lease = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
        for _ in 0..<5 {
            try server.psql(Self.terminate)
            try await eventually("it is renewed") {
                do {
                    return try await engine.renew(lease, for: .seconds(600)) != nil
                } catch let error as LeaseError {
                    #expect(error.code == .unavailable)
                    return false
                }
            }
        }
        #expect(try await engine.release("job", owner: owner, token: lease.token))
        let again = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
        try server.psql(Self.terminate)
        try await eventually("the second grant is renewed") {
            (try? await engine.renew(again, for: .seconds(600))) != nil
        }
        await engine.close()
    }

    @Test func `a dead waiter delays the next one by a bound: deadWaiterBounded`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let owner = OwnerID.unique()
        let first = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
        // The traces of a program that was killed just now while it waited.
        try server.psql(
            """
            INSERT INTO colony.engine VALUES ('dead', clock_timestamp());
            INSERT INTO colony.waiter VALUES ('job', nextval('colony.token'), 'ghost', 'dead', clock_timestamp())
            """)
        let waiter = Task { try await engine.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(120)) }
        try await eventually("both wait") { try server.psql("SELECT count(*) FROM colony.waiter") == "2" }
        let clock = HostClock()
        let start = clock.now
        #expect(try await engine.release("job", owner: owner, token: first.token))
        #expect(try await waiter.value.lease != nil)
        #expect(start.duration(to: clock.now) < engine.deadWaiterBound + .seconds(10))
        await engine.close()
    }

    @Test func `a place in the queue that nobody waits for does not stay`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let waits = (0..<20).map { number in
            Task { try await engine.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(600)) }
        }
        // Cancelled at every stage: before the request, while it is under way, and while waiting.
        for (index, wait) in waits.enumerated() {
            for _ in 0..<(index * 20) { await Task.yield() }
            wait.cancel()
        }
        var granted = 0
        for wait in waits where (try? await wait.value.lease) != nil { granted += 1 }
        for record in try await engine.records(withPrefix: "job", after: nil, limit: 10) {
            _ = try await engine.release("job", owner: record.owner, token: nil)
        }
        let last = try await engine.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(60))
        if last.lease == nil {
            // A grant whose caller was cancelled is held until it runs out, or is released by owner.
            _ = try await engine.breakLease("job")
            #expect(
                try await engine.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(60)).lease != nil)
        }
        await engine.close()
    }

    @Test func `a connection that falls silent is given up in time, and the next call uses another`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine {
            $0.connections = 1
            $0.timeout = .seconds(2)
        }
        let lease = try #require(try await engine.tryAcquire("job", owner: .unique(), for: .seconds(600)).lease)
        let process = try #require(
            Int32(try server.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'colony'")))
        #expect(kill(process, SIGSTOP) == 0)
        let clock = HostClock()
        let start = clock.now
        let error = try await leaseError { try await engine.renew(lease, for: .seconds(700)) }
        #expect(error?.code == .unavailable)
        let waited = start.duration(to: clock.now)
        #expect(waited >= .milliseconds(1_990) && waited < .seconds(20), "\(waited)")
        try await eventually("another connection is used") {
            (try? await engine.renew(lease, for: .seconds(800))) != nil
        }
        #expect(kill(process, SIGCONT) == 0)
        // What the silent one still had to do is harmless, whenever it does it.
        try await eventually("the silent one ends") {
            try server.psql("SELECT count(*) FROM pg_stat_activity WHERE pid = \(process)") == "0"
        }
        #expect(try #require(try await engine.inspect("job")).remaining > .seconds(700))
        await engine.close()
    }

    @Test func `closing ends those who wait, leaves no waiter behind, and disconnects`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let lease = try #require(try await other.tryAcquire("job", owner: .unique(), for: .seconds(600)).lease)
        let turn = Task {
            try await leaseError {
                try await engine.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(600))
            }
        }
        let watch = Task {
            try await leaseError {
                while true { try await engine.waitForChange(of: "job", from: lease.token, upTo: .seconds(600)) }
            }
        }
        try await eventually("it waits") { try await other.inspect("job")?.waiters.count == 1 }
        try await eventually("it watches") { try server.psql("SELECT count(*) FROM colony.watch") == "1" }
        await engine.close()
        #expect(try await turn.value?.code == .closed)
        #expect(try await watch.value?.code == .closed)
        #expect(try await leaseError { try await engine.inspect("job") }?.code == .closed)
        #expect(try server.psql("SELECT count(*) FROM colony.waiter") == "0")
        await other.close()
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'colony'"
        try await eventually("all are disconnected") { try server.psql(count) == "0" }
    }

    @Test func `an engine that nobody refers to any more disconnects`() async throws {
        let server = try await PostgresProcess()
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'colony'"
        do {
            let engine = try server.engine()
            let lease = try #require(try await engine.tryAcquire("job", owner: .unique(), for: .seconds(600)).lease)
            let answer = try await engine.acquire("job", owner: .unique(), for: .seconds(60), upTo: .milliseconds(50))
            #expect(answer.lease == nil && lease.name == "job")
            #expect(try server.psql(count) != "0")
        }
        try await eventually("it is disconnected") { try server.psql(count) == "0" }
    }

    @Test func `hundreds of calls that wait cost no threads, and more than the bound are refused`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine {
            $0.connections = 2
            $0.waitingCalls = 100
        }
        _ = try await engine.inspect("job")
        // Everything that decides about the name stands still behind this row.
        _ = try #require(try await engine.tryAcquire("job", owner: .unique(), for: .milliseconds(10)).lease)
        let locker = server.psqlProcess([
            "-c", "BEGIN; SELECT 1 FROM colony.lease WHERE name = 'job' FOR UPDATE; SELECT pg_sleep(3); COMMIT",
        ])
        locker.standardOutput = FileHandle.nullDevice
        try locker.run()
        try await eventually("the row is locked") {
            try server.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN; SELECT 1%' AND wait_event = 'PgSleep'")
                == "1"
        }
        let before = Self.threads()
        let calls = (0..<400).map { _ in
            Task { try await leaseError { try await engine.tryAcquire("job", owner: .unique(), for: .seconds(60)) } }
        }
        try await eventually("two are under way") {
            try server.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'colony' AND wait_event_type = 'Lock'")
                == "2"
        }
        if let before, let now = Self.threads() { #expect(now < before + 50) }
        var refused = 0
        for call in calls where try await call.value != nil { refused += 1 }
        locker.waitUntilExit()
        // Those that come before a connection takes them count against the bound.
        #expect((298...300).contains(refused))
        await engine.close()
    }

    /// The number of threads of this process, where the system tells.
    private static func threads() -> Int? {
        try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
    }
}
#endif
