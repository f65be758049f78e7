import ColonyCore
import ColonySQLite
import ColonySimulation
import GRDB
import Testing

@Suite struct `An inbox in an SQLite database` {
    private struct Failure: Error {}

    private let database: DatabaseQueue
    private let inbox: SQLiteInbox = "billing"

    init() async throws {
        self.database = try DatabaseQueue()
        var migrator = DatabaseMigrator()
        SQLiteInbox.registerMigration(in: &migrator)
        migrator.registerMigration("invoices") { try $0.execute(sql: "CREATE TABLE invoice (id INTEGER)") }
        try migrator.migrate(self.database)
    }

    private func handle(_ identity: String, by inbox: SQLiteInbox? = nil, fails: Bool = false) async throws -> Bool {
        let inbox = inbox ?? self.inbox
        return try await self.database.write { db in
            try inbox.once(identity, in: db) {
                try db.execute(sql: "INSERT INTO invoice (id) VALUES (1)")
                if fails { throw Failure() }
            }
        }
    }

    private var invoices: Int {
        get async throws {
            try await self.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM invoice") ?? 0 }
        }
    }

    @Test func `has each message take effect once for each consumer`() async throws {
        #expect(try await self.handle("m1"))
        #expect(try await !self.handle("m1"))
        #expect(try await self.handle("m2"))
        #expect(try await self.handle("m1", by: "shipping"))
        #expect(try await self.invoices == 3)
    }

    @Test func `forgets a message whose handler failed, also if the transaction goes on`() async throws {
        await #expect(throws: Failure.self) { _ = try await self.handle("m1", fails: true) }
        let inbox = self.inbox
        try await self.database.write { db in
            #expect(throws: Failure.self) {
                try inbox.once("m1", in: db) {
                    try db.execute(sql: "INSERT INTO invoice (id) VALUES (2)")
                    throw Failure()
                }
            }
            try db.execute(sql: "INSERT INTO invoice (id) VALUES (3)")
        }
        #expect(try await self.invoices == 1)
        #expect(try await self.handle("m1"))
    }

    @Test func `keeps its notes for the retention, and then no longer than it takes to get as many new ones`()
        async throws
    {
        let inbox = try SQLiteInbox(consumer: "billing", retention: .seconds(100))
        let other = try SQLiteInbox(consumer: "archive", retention: .seconds(1_000))
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: 1_000_000))
        func note(_ identity: String, _ inbox: SQLiteInbox) async throws -> Bool {
            try await self.database.write { db in try inbox.once(identity, in: db, wall: wall) {} }
        }
        for number in 0..<10 { #expect(try await note("old \(number)", inbox)) }
        #expect(try await note("other", other))
        wall.step(by: .seconds(100))
        #expect(try await note("fresh", inbox))
        #expect(try await !note("old 0", inbox), "a note is gone before its time")
        wall.step(by: .seconds(1))
        for number in 0..<5 { #expect(try await note("new \(number)", inbox)) }
        let left = try await self.database.read {
            try String.fetchAll($0, sql: "SELECT identity FROM colony_inbox WHERE identity LIKE 'old%'")
        }
        #expect(left.isEmpty)
        #expect(try await !note("other", other), "a consumer has removed the notes of another")
    }

    @Test func `refuses a consumer without a name`() {
        let error = #expect(throws: InvalidName.self) { try SQLiteInbox(consumer: "") }
        #expect(error?.role == "consumer of an inbox")
    }
}
