#if Postgres
import ColonyCore
import ColonyPostgres
import ColonyQueues
import Testing

@Suite(.enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct `The table of an outbox in PostgreSQL` {
    @Test func `takes no more than it may, and takes more when there is room again`() async throws {
        let bench = try await PostgresOutboxBench()
        let client = try RawClient(bench.server)
        for _ in 0..<2 { try bench.server.psql(PostgresOutbox.bound(to: 5)) }
        for number in 0..<5 { try PostgresOutboxBench.add("\(number)", by: client) }
        #expect(throws: (any Error).self) { try PostgresOutboxBench.add("5", by: client) }
        #expect(try bench.server.psql("SELECT count(*) FROM colony_outbox") == "5")
        // One that is set aside does not keep the others out.
        let first = try #require(try await bench.outbox.next(1, for: "work").first)
        try await bench.outbox.park(first, reason: "no")
        for round in 0..<3 {
            try await bench.outbox.remove(try await bench.outbox.next(10, for: "work"))
            for number in 0..<5 { try PostgresOutboxBench.add("\(round) \(number)", by: client) }
        }
        #expect(throws: (any Error).self) { try PostgresOutboxBench.add("6", by: client) }
        try bench.server.psql(PostgresOutbox.bound(to: 6))
        try await bench.outbox.remove(try await bench.outbox.next(1, for: "work"))
        try PostgresOutboxBench.add("7", by: client)
    }

    @Test func `takes more while there is room, also if its oldest message waits for long`() async throws {
        let bench = try await PostgresOutboxBench()
        let client = try RawClient(bench.server)
        try bench.server.psql(PostgresOutbox.bound(to: 5))
        try PostgresOutboxBench.add("old", to: "rests", by: client)
        for number in 0..<20 {
            try PostgresOutboxBench.add("\(number)", by: client)
            try await bench.outbox.remove(try await bench.outbox.next(10, for: "work"))
        }
        for number in 0..<4 { try PostgresOutboxBench.add("\(number)", by: client) }
        let refusal = #expect(throws: Disappointment.self) { try PostgresOutboxBench.add("5", by: client) }
        #expect(refusal?.description.contains("wait 5 messages") == true, "\(refusal.map { "\($0)" } ?? "")")
        #expect(try bench.server.psql("SELECT count(*) FROM colony_outbox") == "5")
        // Who has another search path is held to it as well, and not kept out.
        try await bench.outbox.remove(try await bench.outbox.next(1, for: "work"))
        let added = "SET search_path = pg_catalog; INSERT INTO public.colony_outbox (queue, body) VALUES ('work', 'x')"
        try bench.server.psql(added)
        #expect(throws: (any Error).self) { try bench.server.psql(added) }
    }

    @Test func `takes nothing from other programs that no queue would take`() async throws {
        let bench = try await PostgresOutboxBench()
        try bench.server.psql("INSERT INTO colony_outbox (queue, body) VALUES ('work', 'x')")
        let changes = [
            "key = ''", "key = E'a\\nb'", "key = repeat('k', 256)", "priority = 10", "priority = -1", "delay_ms = -1",
            "delay_ms = 1, at_ms = 1", "deduplication = ''", "headers = '[]'", "queue = ''",
            "body = decode(repeat('00', 1048577), 'hex')",
        ]
        for change in changes {
            #expect(throws: (any Error).self, "\(change)") {
                try bench.server.psql("UPDATE colony_outbox SET \(change)")
            }
        }
    }
}
#endif
