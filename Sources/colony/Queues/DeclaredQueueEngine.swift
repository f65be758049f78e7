import ColonyCore
import ColonyQueues

/// The engine of a queue that is there, whatever its settings: the command line takes queues as they are.
///
/// A typed queue declares itself on first use, and what a daemon tells of settings may be rounded; declaring them again would be refused.
final class DeclaredQueueEngine: QueueEngine {
    private let engine: any QueueEngine

    init(_ engine: any QueueEngine) { self.engine = engine }

    var durability: Durability { self.engine.durability }

    func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool { false }

    func publish(_ messages: [OutgoingMessage], to queue: QueueName) async throws(QueueError) -> [PublishOutcome] {
        try await self.engine.publish(messages, to: queue)
    }

    func receive(_ limit: Int, from queue: QueueName, lease: Duration) async throws(QueueError) -> [Delivery] {
        try await self.engine.receive(limit, from: queue, lease: lease)
    }

    func settle(_ settlements: [Settlement], in queue: QueueName) async throws(QueueError) -> [SettlementOutcome] {
        try await self.engine.settle(settlements, in: queue)
    }

    func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try await self.engine.cancel(ids, in: queue)
    }

    func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        try await self.engine.waitForChange(of: queue, since: seen, upTo: limit)
    }
}
