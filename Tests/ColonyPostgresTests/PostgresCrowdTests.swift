#if Postgres
import ColonyCore
import ColonyPostgres
import Testing

@Suite(
    "A crowd in front of PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(10)))
struct PostgresCrowdTests {
    /// Statements and notifications that the server has counted.
    private static func counts(_ server: PostgresProcess) throws -> (looks: Int, notifications: Int) {
        func count(_ pattern: String) throws -> Int {
            Int(try server.psql("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '\(pattern)'"))
                ?? -1
        }
        return (try count("SELECT * FROM \"colony\".acquire(%"), try count("SELECT pg_notify(%h.o_engine%"))
    }

    @Test func `500 waiters in 500 clients: a release wakes one of them`() async throws {
        let server = try await PostgresProcess([
            "max_connections=600", "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all",
        ])
        try server.psql("CREATE EXTENSION pg_stat_statements")
        let options = try server.options {
            $0.connections = 1
            $0.timeout = .seconds(60)
        }
        let holder = PostgresLeaseEngine(options)
        let owner = OwnerID.unique()
        var token = try #require(try await holder.tryAcquire("job", owner: owner, for: .seconds(3600)).lease).token
        let engines = (0..<500).map { _ in PostgresLeaseEngine(options) }
        let waiters = engines.map { engine in
            Task {
                let owner = OwnerID.unique()
                let answer = try await engine.acquire("job", owner: owner, for: .seconds(600), upTo: .seconds(400))
                let lease = try #require(answer.lease)
                _ = try await engine.release("job", owner: owner, token: lease.token)
                return lease.token
            }
        }
        try await eventually("all wait") { try await holder.inspect("job")?.waiters.count == 500 }
        // The first learns within two signs of life that it stands first; then nothing happens until the release.
        var before = try Self.counts(server)
        try await eventually("nobody looks any more") {
            try await HostClock().sleep(for: .seconds(2))
            let now = try Self.counts(server)
            defer { before = now }
            return now.looks == before.looks
        }
        _ = try await holder.release("job", owner: owner, token: token)
        for waiter in waiters {
            let next = try await waiter.value
            token = max(token, next)
        }
        let after = try Self.counts(server)
        // Each hand-over is one notification and one look. Signs of life may have some who have come first look once more.
        #expect(after.notifications - before.notifications <= 500 + 5, "\(before) → \(after)")
        #expect(after.looks - before.looks >= 500, "\(before) → \(after)")
        #expect(after.looks - before.looks <= 2 * 500 + 50, "\(before) → \(after)")
        for engine in engines + [holder] { await engine.close() }
    }
}
#endif
