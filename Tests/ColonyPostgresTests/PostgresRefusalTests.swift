#if Postgres
import ColonyCore
import ColonyPostgres
import Foundation
import RealServers
import Testing

@Suite("What stands in the way of PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .timeLimit(.minutes(5)))
struct PostgresRefusalTests {
    /// A call that has to fail within its time limit with an error that names the place and keeps the secret.
    private func refusal(_ url: String, limit: Duration = .seconds(30)) async throws -> LeaseError {
        let engine = try PostgresLeaseEngine(url: EngineURL(url))
        let clock = HostClock()
        let start = clock.now
        let error = try #require(
            try await leaseError { try await engine.tryAcquire("a", owner: .unique(), for: .seconds(30)) })
        #expect(start.duration(to: clock.now) < limit)
        #expect(error.message.contains("postgres://colony:***@127.0.0.1:"), "\(error)")
        #expect(!"\(error)".contains("s3cret"), "\(error)")
        await engine.close()
        return error
    }

    @Test func `a wrong password`() async throws {
        let server = try await PostgresProcess()
        let error = try await self.refusal(server.url(password: "s3cret/wrong"))
        #expect(error.code == .storageFailed)
        #expect((error.cause as? SQLState)?.rawValue == "28P01")
    }

    @Test func `a database that is not there`() async throws {
        let server = try await PostgresProcess()
        let error = try await self.refusal(server.url(password: PostgresProcess.password, database: "nowhere"))
        #expect(error.code == .storageFailed)
        #expect((error.cause as? SQLState)?.rawValue == "3D000")
        #expect(error.message.contains("nowhere"))
    }

    @Test func `a port on which nobody listens is unavailable at once`() async throws {
        let port = try FreePort.take()
        let error = try await self.refusal(
            "postgres://colony:s3cret@127.0.0.1:\(port)/postgres?timeout_ms=300000", limit: .seconds(60))
        #expect(error.code == .unavailable)
        #expect(error.message.contains("refused"))
    }

    @Test func `a server of another kind`() async throws {
        for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "-ERR unknown command\r\n", "\u{0}\u{0}\u{0}\u{0}"] {
            let server = try OddServer(answer: answer)
            let error = try await self.refusal(
                "postgres://colony:s3cret@127.0.0.1:\(server.port)/postgres?timeout_ms=20000")
            #expect(error.code == .unavailable, "\(error)")
        }
    }

    @Test func `a server that accepts and never answers is given up in time`() async throws {
        let server = try OddServer(answer: nil)
        let engine = try PostgresLeaseEngine(
            url: EngineURL("postgres://colony:s3cret@127.0.0.1:\(server.port)/postgres?timeout_ms=400"))
        let clock = HostClock()
        let start = clock.now
        let calls = (0..<50).map { _ in
            Task { try await leaseError { try await engine.tryAcquire("a", owner: .unique(), for: .seconds(30)) } }
        }
        for call in calls {
            let error = try #require(try await call.value)
            #expect(error.code == .unavailable)
            #expect(error.message.contains("400 ms"))
        }
        let waited = start.duration(to: clock.now)
        #expect(waited >= .milliseconds(395) && waited < .seconds(20), "\(waited)")
        await engine.close()
    }

    @Test func `TLS that the server does not speak`() async throws {
        let server = try await PostgresProcess()
        let error = try await self.refusal(
            server.url(password: PostgresProcess.password, database: "postgres", "&sslmode=require"))
        #expect(error.code == .unavailable)
        #expect(error.message.contains("SSL"))
    }

    @Test func `a server that takes no writes`() async throws {
        let server = try await PostgresProcess(["default_transaction_read_only=on"])
        let error = try await self.refusal(server.url)
        #expect(error.code == .storageFailed)
        #expect((error.cause as? SQLState)?.rawValue == "25006")
        #expect(error.message.contains("default_transaction_read_only"))
    }

    @Test func `a user without rights`() async throws {
        let server = try await PostgresProcess()
        try server.psql("CREATE ROLE guest LOGIN PASSWORD 's3cret'")
        let engine = try PostgresLeaseEngine(
            url: EngineURL("postgres://guest:s3cret@127.0.0.1:\(server.port)/postgres?timeout_ms=20000"))
        let error = try #require(
            try await leaseError { try await engine.tryAcquire("a", owner: .unique(), for: .seconds(30)) })
        #expect(error.code == .storageFailed)
        #expect((error.cause as? SQLState)?.rawValue == "42501")
        #expect(error.message.contains("grant the user"))
        await engine.close()
    }

    @Test func `a server that may lose what it has acknowledged is refused, unless the URL accepts it`() async throws {
        for setting in ["fsync", "synchronous_commit"] {
            let server = try await PostgresProcess(["\(setting)=off"])
            let error = try await self.refusal(server.url)
            #expect(error.code == .storageFailed)
            #expect(error.message.contains(setting))
            let engine = try server.engine { $0.durability = .any }
            #expect(engine.guarantee == Guarantee(reach: .network, survival: .nothing))
            _ = try #require(try await engine.tryAcquire("a", owner: .unique(), for: .seconds(30)).lease)
            await engine.close()
        }
    }

    @Test func `a schema of a later version is left alone`() async throws {
        let server = try await PostgresProcess()
        try server.psql(
            "CREATE SCHEMA colony; CREATE TABLE colony.meta (version int); INSERT INTO colony.meta VALUES (99)")
        let error = try await self.refusal(server.url)
        #expect(error.code == .storageFailed)
        #expect(error.message.contains("later version"))
        #expect(try server.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'colony'") == "1")
    }

    @Test func `engines that start at once make the schema once, and whoever is first works in peace`() async throws {
        let server = try await PostgresProcess(["max_prepared_transactions=1"])
        let options = try server.options { $0.connections = 1 }
        let key = 0x436F_6C6F_6E79
        try server.psql("BEGIN; SELECT pg_advisory_xact_lock(\(key)); PREPARE TRANSACTION 'hold'")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    let engine = PostgresLeaseEngine(options)
                    let name = try LeaseName("\(number)")
                    #expect(try await engine.tryAcquire(name, owner: .unique(), for: .seconds(30)).lease != nil)
                    await engine.close()
                }
            }
            try await eventually("all have found no schema") {
                try server.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "6"
            }
            try server.psql("COMMIT PREPARED 'hold'")
            try await group.waitForAll()
        }
        // What is made again is of a later transaction than the row of the version, which is written once.
        let remade = try server.psql(
            """
            SELECT count(*) FROM pg_proc, colony.meta
            WHERE pronamespace = 'colony'::regnamespace AND pg_proc.xmin <> meta.xmin
            """)
        #expect(remade == "0")
    }

    @Test func `a database with another encoding is refused`() async throws {
        let server = try await PostgresProcess()
        try server.psql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
        let error = try await self.refusal(server.url(password: PostgresProcess.password, database: "latin"))
        #expect(error.code == .storageFailed)
        #expect(error.message.contains("LATIN1"))
    }

    @Test func `the folder of a Unix socket, and a name that has to be looked up`() async throws {
        let server = try await PostgresProcess()
        let folder = server.socketFolder.replacing("/", with: "%2F")
        for url in [
            "postgres://colony:s3cret%2Fword@/postgres?host=\(folder)&timeout_ms=20000",
            "postgresql://colony:s3cret%2Fword@localhost:\(server.port)/postgres?timeout_ms=20000",
        ] {
            var options = try PostgresOptions(url: EngineURL(url))
            if options.servers[0].host.hasPrefix("/") { options.servers[0].port = server.port }
            let engine = PostgresLeaseEngine(options)
            let owner = OwnerID.unique()
            _ = try #require(try await engine.tryAcquire("a", owner: owner, for: .seconds(30)).lease)
            #expect(try await engine.release("a", owner: owner, token: nil))
            await engine.close()
        }
    }

    @Test func `TLS: the chain and the name are checked as sslmode says`() async throws {
        let openssl = ["/usr/bin/openssl", "/opt/homebrew/bin/openssl"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        guard let openssl else {
            print("skipped: openssl is not installed")
            return
        }
        let server = try await PostgresProcess(["ssl=on"], isStarted: false)
        let certificate = try server.makeCertificate(by: openssl)
        try await server.start()
        let secret = "s3cret%2Fword"
        func url(_ host: String, _ options: String) -> String {
            "postgres://colony:\(secret)@\(host):\(server.port)/postgres?timeout_ms=20000&\(options)"
        }
        for (host, options, isTaken) in [
            ("localhost", "sslmode=verify-full&sslrootcert=\(certificate)", true),
            ("127.0.0.1", "sslmode=verify-ca&sslrootcert=\(certificate)", true),
            ("127.0.0.1", "sslmode=require", true),
            ("127.0.0.1", "sslmode=verify-full&sslrootcert=\(certificate)", false),
            ("localhost", "sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt", false),
        ] {
            let engine = try PostgresLeaseEngine(url: EngineURL(url(host, options)))
            let error = try await leaseError { try await engine.inspect("a") }
            #expect(error?.code == (isTaken ? nil : .unavailable), "\(host) \(options): \(String(describing: error))")
            if isTaken {
                let count =
                    "SELECT count(*) FROM pg_stat_ssl NATURAL JOIN pg_stat_activity WHERE ssl AND application_name = 'colony'"
                #expect(try server.psql(count) != "0")
            }
            await engine.close()
        }
    }

    @Test func `a name without an address is unavailable`() async throws {
        let engine = try PostgresLeaseEngine(
            url: EngineURL("postgres://colony:s3cret@nowhere.invalid/postgres?timeout_ms=60000"))
        let error = try #require(
            try await leaseError { try await engine.tryAcquire("a", owner: .unique(), for: .seconds(30)) })
        #expect(error.code == .unavailable)
        #expect(error.message.contains("nowhere.invalid"))
        await engine.close()
    }
}
#endif
