#if Postgres
import ColonyCore
import ColonyPostgres
import Testing

@Suite(
    "An inbox in a PostgreSQL database", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct PostgresInboxTests {
    private let server: PostgresProcess
    private let inbox: PostgresInbox = "billing"

    init() async throws {
        self.server = try await PostgresProcess()
        try self.server.psql(PostgresInbox.installation)
        try self.server.psql(PostgresInbox.installation)
    }

    private func once(_ identity: String, by inbox: PostgresInbox? = nil, on client: RawClient) throws -> Bool {
        let statement = (inbox ?? self.inbox).admission(of: identity)
        return try client.run(
            statement.sql, [statement.consumer, statement.identity, "\(statement.retentionMilliseconds)"]) == "t"
    }

    @Test func `admits each message once for each consumer, and again after a rollback`() throws {
        let client = try RawClient(self.server)
        try client.run("BEGIN")
        #expect(try self.once("m1", on: client))
        #expect(try !self.once("m1", on: client))
        try client.run("ROLLBACK")
        #expect(try self.once("m1", on: client))
        #expect(try !self.once("m1", on: client))
        #expect(try self.once("m1", by: "shipping", on: client))
    }

    @Test func `lets the second of two wait for the end of the first`() async throws {
        let (first, second) = (try RawClient(self.server), try RawClient(self.server))
        for end in ["COMMIT", "ROLLBACK"] {
            try first.run("BEGIN")
            #expect(try self.once(end, on: first))
            let waiting = Task.detached { try self.once(end, on: second) }
            try await eventually("the second waits") {
                try first.run("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1"
            }
            try first.run(end)
            #expect(try await waiting.value == (end == "ROLLBACK"))
        }
    }

    @Test func `forgets what is older than the retention, as new ones come`() throws {
        let client = try RawClient(self.server)
        let other: PostgresInbox = "archive"
        for number in 0..<10 { #expect(try self.once("old \(number)", on: client)) }
        #expect(try self.once("other", by: other, on: client))
        try client.run("UPDATE colony_inbox SET at = at - interval '8 days'")
        #expect(try !self.once("old 9", on: client))
        for number in 0..<5 { #expect(try self.once("new \(number)", on: client)) }
        #expect(try client.run("SELECT count(*) FROM colony_inbox WHERE identity LIKE 'old%'") == "0")
        #expect(try !self.once("other", by: other, on: client), "a consumer has removed the notes of another")
    }
}
#endif
