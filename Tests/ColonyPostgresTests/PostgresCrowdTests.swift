#if Postgres
import ColonyCore
import ColonyPostgres
import Testing

@Suite(
    "A crowd in front of PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(15)))
struct PostgresCrowdTests {
    /// Statements and notifications that the server has counted.
    private struct Counts {
        let looks: Int
        let notifications: Int

        init(_ client: RawClient) throws {
            func count(_ pattern: String) throws -> Int {
                let answer = try client.ask(
                    "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '\(pattern)'")
                return try #require(Int(answer))
            }
            self.looks = try count("SELECT * FROM \"colony\".acquire(%")
            self.notifications = try count("SELECT pg_notify(%h.o_engine%")
        }
    }

    @Test func `500 waiters in 500 clients: a release wakes one of them`() async throws {
        let server = try await PostgresProcess([
            "max_connections=600", "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all",
        ])
        try server.psql("CREATE EXTENSION pg_stat_statements")
        let client = try RawClient(server)
        let options = try server.options {
            $0.connections = 1
            $0.timeout = .seconds(120)
        }
        let holder = PostgresLeaseEngine(options)
        let owner = OwnerID.unique()
        let token = try #require(try await holder.tryAcquire("job", owner: owner, for: .seconds(3600)).lease).token
        var engines: [PostgresLeaseEngine] = []
        var waiters: [Task<FencingToken, any Error>] = []
        let count = 500
        // In groups, because every connection costs both sides thousands of hashes of the password.
        while engines.count < count {
            for _ in 0..<50 {
                let engine = PostgresLeaseEngine(options)
                engines.append(engine)
                waiters.append(
                    Task {
                        let owner = OwnerID.unique()
                        let answer = try await engine.acquire(
                            "job", owner: owner, for: .seconds(600), upTo: .seconds(600))
                        let lease = try #require(answer.lease)
                        _ = try await engine.release("job", owner: owner, token: lease.token)
                        return lease.token
                    })
            }
            try await eventually("\(engines.count) wait", within: .seconds(180)) {
                try client.ask("SELECT count(*) FROM colony.waiter") == "\(engines.count)"
            }
        }
        // The first learns with a sign of life that it stands first; then nobody looks until the release.
        var before = try Counts(client)
        try await eventually("nobody looks any more", within: .seconds(180)) {
            try await HostClock().sleep(for: .seconds(2))
            let now = try Counts(client)
            defer { before = now }
            return now.looks == before.looks
        }
        _ = try await holder.release("job", owner: owner, token: token)
        var tokens: [FencingToken] = []
        for waiter in waiters { tokens.append(try await waiter.value) }
        #expect(Set(tokens).count == count && tokens.allSatisfy { $0 > token })
        let after = try Counts(client)
        // Each hand-over is one notification and one look. Signs of life may have some who have come first look once more.
        #expect(after.notifications - before.notifications <= count + 10, "\(before) → \(after)")
        #expect(after.looks - before.looks >= count, "\(before) → \(after)")
        #expect(after.looks - before.looks <= 3 * count, "\(before) → \(after)")
        for engine in engines + [holder] { await engine.close() }
    }
}
#endif
