public import ColonyCore

/// A store of queues: the port under typed queues and consumers, with exactly what must be atomic in the store.
///
/// Waiting for room and for messages, retrying, extending leases, and typed bodies live above it, once. Every member may be called
/// concurrently. Making an engine does no I/O; the first call opens what it needs.
public protocol QueueEngine: AnyObject, Sendable {
    /// How far a message has got when ``publish(_:to:)`` returns; constant for the life of the engine.
    var durability: Durability { get }

    /// Makes a queue, or finds that it is there with equal settings.
    ///
    /// - Returns: Whether it was made now. Repeating the call gives `false`.
    /// - Throws: ``QueueError``: `conflict` with both values of the first setting that differs, `invalidConfiguration`.
    /// - Complexity: One round trip.
    @discardableResult
    func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool

    /// Stores messages in their order, all or none of those for which there is room, in one atomic step.
    ///
    /// The first message that finds no room ends the step: it and those after it are not stored, so that the order of a publisher is
    /// never broken by a smaller message that would still fit.
    ///
    /// - Parameter messages: Up to ``MessageLimits/batch``.
    /// - Returns: An outcome per message, in their order.
    /// - Throws: ``QueueError``, and nothing is stored, except that after `unavailable` or `cancelled` all or none may be.
    /// - Complexity: One round trip; O(log *n*) per message in the depth of the queue.
    func publish(_ messages: [OutgoingMessage], to queue: QueueName) async throws(QueueError) -> [PublishOutcome]

    /// Hands out messages whose time has come, each for the time of a lease, in one atomic step, and counts the attempt.
    ///
    /// A message whose lease has run out is handed out again, or becomes a dead letter if its deliveries are used up.
    ///
    /// - Parameters:
    ///   - limit: Up to ``MessageLimits/batch``.
    ///   - lease: Within ``MessageLimits/lease``.
    /// - Returns: Up to `limit` deliveries; none if nothing can be delivered now.
    /// - Throws: ``QueueError``. After `unavailable` or `cancelled` messages may be leased to nobody; their leases run out.
    /// - Complexity: One round trip; O(log *n*) per message.
    func receive(_ limit: Int, from queue: QueueName, lease: Duration) async throws(QueueError) -> [Delivery]

    /// Says how deliveries ended or that they go on, in one atomic step; moving to a dead-letter queue is part of it.
    ///
    /// - Parameter settlements: Up to ``MessageLimits/batch``, of deliveries of this queue. A receipt of another queue is stale.
    /// - Returns: An outcome per settlement, in their order. Repeating one that was done gives `stale`.
    /// - Throws: ``QueueError``. After `unavailable` or `cancelled` all or none may be done.
    /// - Complexity: One round trip; O(log *n*) per settlement.
    func settle(_ settlements: [Settlement], in queue: QueueName) async throws(QueueError) -> [SettlementOutcome]

    /// Takes messages back that are with no consumer and not dead, in one atomic step: those that are ready, wait, or are delayed.
    ///
    /// - Parameter ids: Up to ``MessageLimits/batch``.
    /// - Returns: Whether each was taken back, in their order. `false` says that there is no such message in the queue any more, or that
    ///   a consumer has it; repeating a call that was done gives `false`.
    /// - Throws: ``QueueError``. After `unavailable` or `cancelled` all or none may be done.
    /// - Complexity: One round trip; O(log *n*) per message.
    func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool]

    /// Waits until there may be something new for those who were given nothing: a message to deliver, or room.
    ///
    /// Changes are counted, and the caller says which count it has seen, so that nothing is missed between an answer and this call.
    /// The wait may end early without reason.
    ///
    /// - Parameters:
    ///   - seen: What the last call of this member returned, or 0 before the first; taken **before** asking for messages or room.
    ///   - limit: The longest wait; zero or less returns at once.
    /// - Returns: The present count of changes.
    /// - Throws: ``QueueError``; `cancelled` as soon as the task is cancelled. Nothing is left behind.
    func waitForChange(of queue: QueueName, since seen: Int64, upTo limit: Duration) async throws(QueueError) -> Int64
}

/// What became of one message of a publish.
public enum PublishOutcome: Hashable, Sendable {
    /// It is stored, as far as the engine's durability says.
    case stored(MessageID)
    /// It was published before with the same deduplication identifier, as that message; it is not stored again.
    case duplicate(MessageID)
    /// There is no room for it; it is not stored.
    case full
}
