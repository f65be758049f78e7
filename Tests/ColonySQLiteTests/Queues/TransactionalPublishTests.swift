import ColonyCore
import ColonyQueues
import ColonySQLite
import Foundation
import GRDB
import Testing

/// Publishing inside the caller's own transaction, in a database that holds both.
@Suite struct `A message that is published in a transaction` {
    private struct Rollback: Error {}

    private let folder: TemporaryFolder
    private let database: DatabaseQueue
    private let engine: SQLiteQueueEngine
    private let orders: MessageQueue<String>

    init() async throws {
        self.folder = try TemporaryFolder()
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        self.database = try DatabaseQueue(path: self.folder.store, configuration: configuration)
        var migrator = DatabaseMigrator()
        migrator.registerMigration("customers") { db in
            try db.execute(sql: "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
        }
        try migrator.migrate(self.database)
        self.engine = SQLiteQueueEngine(
            path: self.folder.store, configuration: SQLiteStoreConfiguration(sharesDatabase: true))
        self.orders = MessageQueue<String>("orders", on: self.engine)
        try await self.orders.declare()
    }

    private func insert(_ name: String, _ db: Database) throws {
        try db.execute(sql: "INSERT INTO customer (name) VALUES (?)", arguments: [name])
    }

    private func delivered() async throws -> [String] {
        try await self.engine.receive(100, from: "orders", lease: .seconds(60)).map {
            try JSONDecoder().decode(String.self, from: Data($0.body))
        }
    }

    @Test func rollbackLeavesNothing() async throws {
        await #expect(throws: Rollback.self) {
            try await self.database.write { db in
                try self.insert("Ada", db)
                try self.orders.publish("Ada", deduplicationID: "once", in: db)
                throw Rollback()
            }
        }
        #expect(try await self.engine.inspect("orders")?.statistics.count == 0)
        #expect(try await self.engine.inspect("orders")?.totals.published == 0)
        let published = try await self.database.write { db in
            try self.insert("Ada", db)
            return try self.orders.publish("Ada", deduplicationID: "once", in: db)
        }
        #expect(!published.isDuplicate, "a rolled-back publish has left its deduplication identifier")
        let again = try await self.orders.publish("Ada", deduplicationID: "once")
        #expect(again.isDuplicate && again.id == published.id)
        #expect(try await self.delivered() == ["Ada"])
    }

    @Test func `cannot be seen before the commit, and wakes a consumer with it`() async throws {
        let seen = try await self.engine.waitForChange(of: "orders", since: 0, upTo: .zero)
        let wait = Task { try await self.engine.waitForChange(of: "orders", since: seen, upTo: .seconds(30)) }
        // Another process: it hears of the commit by the bell alone.
        let other = SQLiteQueueEngine(path: self.folder.store, boot: .current, registry: StoreRegistry())
        let otherWait = Task { try await other.waitForChange(of: "orders", since: seen, upTo: .seconds(30)) }
        let start = HostClock().now
        try await self.database.write { db in
            try self.insert("Ada", db)
            try self.orders.publish("Ada", in: db)
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM customer")
            #expect(count == 1)
        }
        #expect(try await wait.value != seen)
        #expect(try await otherWait.value != seen)
        #expect(start.duration(to: HostClock().now) < .seconds(20), "nobody was told")
        #expect(try await self.delivered() == ["Ada"])
        await other.close()
    }

    @Test func `leaves the transaction usable when it is refused`() async throws {
        var settings = QueueSettings()
        (settings.capacity, settings.overflow) = (1, .reject)
        let small = MessageQueue<String>("small", on: self.engine, settings: settings)
        try await small.declare()
        try await self.database.write { db in
            try small.publish("first", in: db)
            let full = #expect(throws: QueueError.self) { try small.publish("second", in: db) }
            #expect(full?.code == .full)
            let unknown = #expect(throws: QueueError.self) {
                _ = try self.engine.publish([OutgoingMessage([1])], to: "nowhere", in: db)
            }
            #expect(unknown?.code == .unknownQueue)
            let priority = #expect(throws: QueueError.self) { try small.publish("third", priority: 10, in: db) }
            #expect(priority?.message.contains("10") == true)
            try self.insert("Ada", db)
        }
        #expect(try await self.engine.inspect("small")?.statistics.count == 1)
        #expect(try await self.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM customer") } == 1)
    }

    @Test func `is refused in the transaction of another database`() async throws {
        let elsewhere = try DatabaseQueue(path: self.folder.path(of: "other.db"))
        let error = try await elsewhere.write { db in
            #expect(throws: QueueError.self) { try self.orders.publish("Ada", in: db) }
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("other.db") == true)
    }

    @Test func `competes with the engine's own writer and loses nothing`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask { try await self.orders.publish("engine \(number)") }
                group.addTask {
                    try await self.database.write { db in
                        try self.insert("customer \(number)", db)
                        try self.orders.publish("transaction \(number)", in: db)
                    }
                }
            }
            try await group.waitForAll()
        }
        let found = try await self.delivered()
        #expect(Set(found).count == 100 && found.count == 100)
        #expect(try await self.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM customer") } == 50)
    }

    @Test func `a shared database is recognised without saying so again, and another program's is still refused`()
        async throws
    {
        await self.engine.close()
        let again = SQLiteQueueEngine(path: self.folder.store)
        #expect(try await again.inspect("orders") != nil)
        await again.close()
        let foreign = self.folder.path(of: "foreign.db")
        try await DatabaseQueue(path: foreign).write { try $0.execute(sql: "CREATE TABLE customer (id INTEGER)") }
        let refused = SQLiteQueueEngine(path: foreign)
        let error = await #expect(throws: QueueError.self) { _ = try await refused.declare("orders", QueueSettings()) }
        #expect(error?.code == .storageFailed)
    }
}
