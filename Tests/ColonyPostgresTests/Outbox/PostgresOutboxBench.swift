#if Postgres
import ColonyCore
import ColonyMemory
import ColonyPostgres
import ColonyQueues
import ColonyTransactions
import Testing

/// An outbox in a PostgreSQL of its own, and a queue in memory.
struct PostgresOutboxBench {
    let server: PostgresProcess
    let outbox: PostgresOutbox
    let memory = MemoryQueueEngine()

    init() async throws {
        self.server = try await PostgresProcess()
        try self.server.psql(PostgresOutbox.installation)
        try self.server.psql(PostgresOutbox.installation)
        self.outbox = PostgresOutbox(try self.server.options())
        try await self.memory.declare("work", QueueSettings())
    }

    static func options(batch: Int = 100) throws -> OutboxRelayOptions {
        try OutboxRelayOptions(
            lease: .milliseconds(500), pollInterval: .milliseconds(2), batch: batch,
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(20)))
    }

    /// Runs a relay while `body` runs.
    @discardableResult
    func relaying<Value: Sendable>(
        to engine: any QueueEngine, batch: Int = 100, _ body: @Sendable (OutboxRelay) async throws -> Value
    ) async throws -> Value {
        let relay = OutboxRelay(self.outbox, to: engine, options: try Self.options(batch: batch))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            defer { group.cancelAll() }
            return try await body(relay)
        }
    }

    func drained() async throws {
        try await eventually("the outbox is empty") {
            try await self.outbox.status().waiting == 0
        }
    }

    static func add(_ message: OutgoingMessage, to queue: QueueName = "work", by client: RawClient) throws {
        let statement = try PostgresOutbox.addition(of: message, to: queue)
        let body = statement.body.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try client.run(
            statement.sql,
            [
                statement.queue, "\\x\(body)", statement.key, "\(statement.priority)",
                statement.delayMilliseconds.map(String.init), statement.atMilliseconds.map(String.init),
                statement.deduplicationID, statement.headers,
            ])
    }

    static func add(_ text: String, key: String? = nil, to queue: QueueName = "work", by client: RawClient) throws {
        try Self.add(OutgoingMessage(Array(text.utf8), key: key), to: queue, by: client)
    }

    /// Everything that the queue has, in the order of delivery.
    func texts(in queue: QueueName = "work") async throws -> [String] {
        var texts: [String] = []
        while true {
            let deliveries = try await self.memory.receive(1_000, from: queue, lease: .seconds(60))
            if deliveries.isEmpty { return texts }
            texts += deliveries.map { String(decoding: $0.body, as: UTF8.self) }
            _ = try await self.memory.settle(deliveries.map { Settlement($0.receipt, .acknowledge) }, in: queue)
        }
    }
}
#endif
