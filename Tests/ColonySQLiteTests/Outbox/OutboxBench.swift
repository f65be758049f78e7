import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySQLite
import ColonySimulation
import ColonyTransactions
import Foundation
import GRDB

/// An outbox in a database of its own, and a queue in memory that is not to forget or to drop anything.
struct OutboxBench {
    struct Rollback: Error {}

    let folder: TemporaryFolder
    let database: DatabasePool
    let outbox: SQLiteOutbox
    let memory = MemoryQueueEngine()
    static let quick: OutboxRelayOptions = {
        let options = try? OutboxRelayOptions(
            lease: .milliseconds(500), pollInterval: .milliseconds(2),
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(20)))
        return options ?? .standard
    }()

    init(capacity: Int = 1_000_000) async throws {
        self.folder = try TemporaryFolder()
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        self.database = try DatabasePool(path: self.folder.path(of: "shop.db"), configuration: configuration)
        try await self.database.write { db in
            try SQLiteOutbox.install(in: db)
            try db.execute(sql: "CREATE TABLE fact (text TEXT NOT NULL)")
        }
        self.outbox = SQLiteOutbox(path: self.folder.path(of: "shop.db"), capacity: capacity)
        try await self.memory.declare("work", QueueSettings())
    }

    /// Writes messages in one transaction.
    func add(_ texts: [String], key: String? = nil, to queue: QueueName = "work") async throws {
        let outbox = self.outbox
        try await self.database.write { db in
            for text in texts { try outbox.add(OutgoingMessage(Array(text.utf8), key: key), to: queue, in: db) }
        }
    }

    /// Runs a relay while `body` runs.
    ///
    /// - Parameter store: What the relay asks instead of the outbox itself.
    @discardableResult
    func relaying<Value: Sendable>(
        to engine: any QueueEngine, _ options: OutboxRelayOptions = Self.quick, asking store: (any OutboxStore)? = nil,
        _ body: @Sendable (OutboxRelay) async throws -> Value
    ) async throws -> Value {
        let relay = OutboxRelay(store ?? self.outbox, to: engine, options: options)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            defer { group.cancelAll() }
            return try await body(relay)
        }
    }

    var count: Int {
        get async throws {
            try await self.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM colony_outbox") ?? 0 }
        }
    }

    /// Waits until nothing is left in the outbox.
    func drained() async throws {
        try await eventually("the outbox is empty") { try await self.count == 0 }
    }

    /// Everything that a queue has, in the order of delivery.
    static func texts(in queue: QueueName, of engine: any QueueEngine) async throws -> [String] {
        var texts: [String] = []
        while true {
            let deliveries = try await engine.receive(1_000, from: queue, lease: .seconds(60))
            if deliveries.isEmpty { return texts }
            texts += deliveries.map { String(decoding: $0.body, as: UTF8.self) }
            _ = try await engine.settle(
                deliveries.map { Settlement($0.receipt, .acknowledge) }, in: queue)
        }
    }
}
