#if Postgres
import ColonyCore
import ColonyMemory
import ColonyPostgres
import ColonyTransactions
import Synchronization
import Testing

@Suite(
    "What the work of a two-phase commit may do", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct TwoPhaseLimitsTests {
    private static func participant(_ server: PostgresProcess) throws -> PostgresParticipant {
        // One connection, so that each work has that of the one before.
        try PostgresParticipant("a", try server.options { $0.connections = 1 })
    }

    private static let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7"

    @Test func `what a work has set for its session does not meet the next one`() async throws {
        let server = try await PostgresProcess(["max_prepared_transactions=20"])
        let participant = try Self.participant(server)
        try await participant.prepare("t-1") { database in
            try await database.query("CREATE SEQUENCE counter")
            try await database.query("SELECT nextval('counter')")
            try await database.query("SET search_path = 'nowhere'")
            try await database.query("SET statement_timeout = '1ms'")
            try await database.query("PREPARE mine AS SELECT 1")
            try await database.query("DECLARE mine CURSOR WITH HOLD FOR SELECT 1")
            try await database.query("CLOSE mine")
        }
        try await participant.commit("t-1")
        // And one that is rolled back, which does not give its lock back.
        await #expect(throws: TwoPhaseError.self) {
            try await participant.prepare("t-2") { database in
                try await database.query("SELECT pg_advisory_lock(7)")
                let locks = try server.psql(Self.locks)
                #expect(locks == "1")
                try await database.query("SELECT 1 / 0")
            }
        }
        // Nobody else has come yet.
        try await eventually("the lock is given back") { try server.psql(Self.locks) == "0" }
        try await participant.prepare("t-3") { database in
            let settings = try await database.query(
                "SELECT current_setting('search_path'), current_setting('statement_timeout')")
            #expect(settings.rows.first?[0]?.contains("nowhere") == false && settings.rows.first?[1] != "1ms")
            let left = try await database.query(
                """
                SELECT (SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'),
                    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7)
                """)
            #expect(left.rows == [["0", "0"]])
        }
        try await participant.abort("t-3")
        await participant.close()
    }

    @Test func `a work chooses its isolation level, after others that had settings of their own`() async throws {
        let server = try await PostgresProcess(["max_prepared_transactions=20"])
        let participant = try Self.participant(server)
        let backends = Mutex<Set<String>>([])
        for number in 0..<3 {
            let id = try TransactionID("t-\(number)")
            try await participant.prepare(id) { database in
                try await database.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                let level = try await database.query("SELECT current_setting('transaction_isolation')")
                #expect(level.rows == [["serializable"]])
                try await database.query("SET default_transaction_isolation = 'repeatable read'")
                let backend = try await database.query("SELECT pg_backend_pid()").rows.first?.first ?? nil
                backends.withLock { _ = $0.insert(backend ?? "") }
            }
            try await participant.commit(id)
        }
        try await participant.prepare("t-9") { database in
            let level = try await database.query("SELECT current_setting('transaction_isolation')")
            #expect(level.rows == [["read committed"]])
        }
        try await participant.abort("t-9")
        #expect(backends.withLock { $0.count } == 1, "each work had a new connection, so nothing is tested")
        await participant.close()
    }

    @Test func `a work without a statement can be prepared, and statements sent at once share a transaction`()
        async throws
    {
        let server = try await PostgresProcess(["max_prepared_transactions=20"])
        let participant = try Self.participant(server)
        try await participant.prepare("t-1") { _ in }
        #expect(try await participant.inDoubt(upTo: 10).map(\.transaction) == ["t-1"])
        try await participant.commit("t-1")
        try await participant.prepare("t-2") { database in
            let transactions = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await database.query("SELECT pg_current_xact_id()::text").rows.first?.first ?? nil
                    }
                }
                return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            #expect(transactions.count == 1, "\(transactions)")
        }
        try await participant.abort("t-2")
        await participant.close()
    }

    @Test func `what the server does not prepare is taken back, and its connection serves the next one`() async throws {
        let server = try await PostgresProcess(["max_prepared_transactions=20"])
        let participant = try Self.participant(server)
        let backends = Mutex<Set<String>>([])
        func work(_ id: TransactionID, _ sql: String) async throws {
            try await participant.prepare(id) { database in
                let backend = try await database.query("SELECT pg_backend_pid()").rows.first?.first ?? nil
                backends.withLock { _ = $0.insert(backend ?? "") }
                try await database.query(sql)
            }
        }
        try await work("t-1", "CREATE TABLE first ()")
        for (id, sql) in [("t-2", "CREATE TEMP TABLE brief ()"), ("t-1", "CREATE TABLE second ()")] {
            let error = await #expect(throws: TwoPhaseError.self) { try await work(try TransactionID(id), sql) }
            #expect(error?.cause is SQLState, "\(error.map { "\($0)" } ?? "")")
        }
        try await work("t-3", "CREATE TABLE third ()")
        try await participant.commit("t-1")
        try await participant.commit("t-3")
        let tables = try server.psql(
            """
            SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'
            """)
        #expect(tables == "first third")
        #expect(backends.withLock { $0.count } == 1, "a connection was given up")
        await participant.close()
    }

    @Test func `a text with a NUL character is refused, and not cut`() async throws {
        let server = try await PostgresProcess(["max_prepared_transactions=20"])
        let participant = try Self.participant(server)
        for (sql, value) in [("SELECT $1::text", "a\0b"), ("SELECT $1::text -- \0", "a")] {
            let error = await #expect(throws: TwoPhaseError.self) {
                try await participant.prepare("t-1") { database in try await database.query(sql, [value]) }
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("\\0") == true, "\(error.map { "\($0)" } ?? "")")
        }
        #expect(try server.psql("SELECT count(*) FROM pg_prepared_xacts") == "0")
        await participant.close()
    }

    @Test func `a body that never returns is left behind, and nothing is left of it`() async throws {
        let server = try await PostgresProcess(["max_prepared_transactions=20"])
        let participant = try Self.participant(server)
        let commit = try TwoPhaseCommit("late", participants: [participant], prepareLimit: .milliseconds(700))
        let coordinator = try TransactionCoordinator(MemoryTransactionJournal(), definitions: [commit])
        let gate = OneShotSignal()
        try await coordinator.run {
            for hangsInside in [false, true] {
                let error = await #expect(throws: TwoPhaseError.self) {
                    try await coordinator.execute(commit) { work in
                        try await work.prepare(participant) { database in
                            try await database.query("CREATE TABLE IF NOT EXISTS never ()")
                            if hangsInside { try await database.query("SELECT pg_sleep(20)") }
                        }
                        // Not even when it is cancelled.
                        await Task { try? await gate.wait() }.value
                    }
                }
                #expect(error?.code == .aborted && error?.message.contains("0.7 seconds") == true)
                try await eventually("nothing is prepared") {
                    try server.psql("SELECT count(*) FROM pg_prepared_xacts") == "0"
                }
            }
        }
        gate.fire()
        #expect(try server.psql("SELECT to_regclass('never') IS NULL") == "t")
        await participant.close()
    }
}
#endif
