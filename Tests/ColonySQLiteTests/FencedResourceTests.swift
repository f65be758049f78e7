import ColonyCore
import ColonySQLite
import GRDB
import Testing

@Suite("The guard at the resource")
struct FencedResourceTests {
    private func database() throws -> DatabaseQueue {
        let queue = try DatabaseQueue()
        var migrator = DatabaseMigrator()
        FencedResource.registerMigration(in: &migrator)
        migrator.registerMigration("orders") { try $0.execute(sql: "CREATE TABLE orders (state TEXT)") }
        try migrator.migrate(queue)
        return queue
    }

    private func token(_ number: UInt64) -> FencingToken { FencingToken(rawValue: number) }

    @Test func `the same token is accepted again, and a greater one`() async throws {
        let orders = FencedResource("orders/42")
        try await self.database().write { db in
            #expect(try orders.greatestToken(in: db) == nil)
            try orders.admit(self.token(33), in: db)
            try orders.admit(self.token(33), in: db)
            try orders.admit(self.token(34), in: db)
            #expect(try orders.greatestToken(in: db) == self.token(34))
        }
    }

    @Test func `an older token is refused, and its write is undone with it`() async throws {
        let database = try self.database()
        let orders = FencedResource("orders/42")
        try await database.write { db in
            try orders.admit(self.token(34), in: db)
            try db.execute(sql: "INSERT INTO orders VALUES ('paid')")
        }
        let error = await #expect(throws: StaleToken.self) {
            try await database.write { db in
                try db.execute(sql: "INSERT INTO orders VALUES ('cancelled')")
                try orders.admit(self.token(33), in: db)
            }
        }
        #expect(error == StaleToken(resource: "orders/42", token: self.token(33), greatest: self.token(34)))
        #expect(try await database.read { try String.fetchAll($0, sql: "SELECT state FROM orders") } == ["paid"])
    }

    @Test func `a check that is rolled back is forgotten`() async throws {
        struct ChangedMyMind: Error {}
        let database = try self.database()
        let orders = FencedResource("orders/42")
        await #expect(throws: ChangedMyMind.self) {
            try await database.write { db in
                try orders.admit(self.token(40), in: db)
                throw ChangedMyMind()
            }
        }
        try await database.write { db in try orders.admit(self.token(39), in: db) }
    }

    @Test func `resources are guarded one by one`() async throws {
        try await self.database().write { db in
            try FencedResource("a").admit(self.token(9), in: db)
            try FencedResource("b").admit(self.token(3), in: db)
        }
    }

    @Test func `a token beyond what SQLite holds is refused`() async throws {
        let database = try self.database()
        await #expect(throws: TokenOutOfRange(token: self.token(.max))) {
            try await database.write { db in try FencedResource("a").admit(self.token(.max), in: db) }
        }
    }

    @Test func `a bad name is refused and quoted`() {
        let name = ""
        let error = #expect(throws: InvalidName.self) { _ = try FencedResource(name) }
        #expect(error?.description.contains("\"\"") == true)
    }

    @Test func `making the table twice does nothing`() async throws {
        try await self.database().write { db in
            try FencedResource("a").admit(self.token(1), in: db)
            try FencedResource.createTable(in: db)
            #expect(try FencedResource("a").greatestToken(in: db) == self.token(1))
        }
    }
}
