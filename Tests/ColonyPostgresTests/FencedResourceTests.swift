#if Postgres
import ColonyCore
import ColonyPostgres
import Foundation
import Testing

@Suite(
    "The guard in a PostgreSQL database", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct FencedResourceTests {
    private static func server() async throws -> PostgresProcess {
        let server = try await PostgresProcess()
        try server.psql(FencedResource.installation)
        try server.psql(FencedResource.installation)
        try server.psql("CREATE TABLE orders (id int PRIMARY KEY, state text); INSERT INTO orders VALUES (42, 'new')")
        return server
    }

    /// A guarded write in one transaction, as another client does it.
    private static func write(_ state: String, _ token: FencingToken, on server: PostgresProcess) throws -> Bool {
        do {
            try server.psql(
                "SELECT colony_admit('orders/42', \(token)); UPDATE orders SET state = '\(state)' WHERE id = 42")
            return true
        } catch is Disappointment {
            return false
        }
    }

    @Test func `a holder that was stopped for longer than its lease cannot write: pausedHolderCannotWrite`()
        async throws
    {
        let server = try await Self.server()
        let engine = try server.engine()
        let paused = try #require(
            try await engine.tryAcquire("orders/42", owner: .unique(), for: .milliseconds(50)).lease)
        #expect(try Self.write("first", paused.token, on: server))
        #expect(try Self.write("first again", paused.token, on: server))
        var next: Lease?
        try await eventually("the lease runs out") {
            next = try await engine.tryAcquire("orders/42", owner: .unique(), for: .seconds(60)).lease
            return next != nil
        }
        let present = try #require(next)
        #expect(try Self.write("second", present.token, on: server))
        #expect(try !Self.write("late", paused.token, on: server))
        #expect(try server.psql("SELECT state FROM orders") == "second")
        #expect(try server.psql("SELECT token FROM colony_fence") == "\(present.token)")
        await engine.close()
    }

    @Test func `the error has its own code and names the greatest token`() async throws {
        let server = try await Self.server()
        #expect(try Self.write("new", FencingToken(rawValue: 34), on: server))
        let answer = try server.psql(
            """
            DO $$ DECLARE s text; d text; BEGIN
                PERFORM colony_admit('orders/42', 33);
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, d = PG_EXCEPTION_DETAIL;
                CREATE TABLE seen AS SELECT s AS state, d AS detail;
            END $$;
            SELECT state || ' ' || detail FROM seen
            """)
        #expect(answer == "KF001 34")
        let resource: FencedResource = "orders/42"
        let token = FencingToken(rawValue: 33)
        let stale = resource.staleToken(token, state: SQLState(rawValue: "KF001"), detail: "34")
        #expect(stale == StaleToken(resource: "orders/42", token: token, greatest: FencingToken(rawValue: 34)))
        #expect(resource.staleToken(token, state: SQLState(rawValue: "23505"), detail: "34") == nil)
        let statement = try resource.admission(of: token)
        #expect(statement.sql == "SELECT colony_admit($1, $2)" && statement.token == 33)
        #expect(throws: TokenOutOfRange.self) { try resource.admission(of: FencingToken(rawValue: .max)) }
    }

    @Test func `a later holder waits for the commit of an earlier one, and then nobody earlier is admitted`()
        async throws
    {
        let server = try await Self.server()
        #expect(try Self.write("new", FencingToken(rawValue: 1), on: server))
        let slow = server.psqlProcess([
            "-c",
            """
            BEGIN; SELECT colony_admit('orders/42', 1); SELECT pg_sleep(1);
            UPDATE orders SET state = 'early' WHERE id = 42; COMMIT
            """,
        ])
        slow.standardOutput = FileHandle.nullDevice
        try slow.run()
        try await eventually("the early one is admitted") {
            try server.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
        }
        #expect(try Self.write("late", FencingToken(rawValue: 2), on: server))
        slow.waitUntilExit()
        #expect(slow.terminationStatus == 0)
        #expect(try server.psql("SELECT state FROM orders") == "late")
        #expect(try !Self.write("early", FencingToken(rawValue: 1), on: server))
    }

    @Test func `a transaction that is rolled back takes its admission with it`() async throws {
        let server = try await Self.server()
        #expect(try Self.write("new", FencingToken(rawValue: 1), on: server))
        try server.psql("BEGIN; SELECT colony_admit('orders/42', 9); ROLLBACK")
        #expect(try Self.write("again", FencingToken(rawValue: 2), on: server))
    }
}
#endif
