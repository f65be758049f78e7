public import ColonyCore
public import ColonyQueues

/// The table in which messages wait that were written down together with what they tell of: the port under ``OutboxRelay``.
///
/// Messages get into it as part of the caller's own transaction, in a way that is each store's own; this port is how they leave. A store
/// keeps **no place up to which it has read**: what is there and committed is to be sent, and what was sent is removed. So a transaction that
/// took its numbers early and commits late is not passed over, whatever was sent meanwhile.
///
/// Every member may be called concurrently. Making a store does no I/O; the first call opens what it needs.
public protocol OutboxStore: AnyObject, Sendable {
    /// Gives the right to relay to `owner` if nobody has it or its time is over, in one atomic step.
    ///
    /// Repeating the call with the same owner renews it. The right saves work and is no guard: who relays without it sends messages twice and
    /// loses none.
    ///
    /// - Parameter lease: How long the right is kept without another call, by the clock of the store; zero gives it back.
    /// - Returns: Whether `owner` has it now; `false` for who gives it back.
    /// - Throws: ``TransactionError``. After `unavailable` or `cancelled` the owner may have it; it runs out.
    /// - Complexity: One round trip.
    func claim(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> Bool

    /// Queues for which messages wait that are not parked, in the order of their names.
    ///
    /// - Parameter limit: The most names; from 1.
    /// - Throws: ``TransactionError``.
    /// - Complexity: One round trip; O(log *n*) for each queue.
    func queues(limit: Int) async throws(TransactionError) -> [QueueName]

    /// The messages for a queue that come first, as they were committed when the call was made; parked ones are left out.
    ///
    /// Of two messages that are told the one comes first that was written first. A message that was written after another was committed is
    /// never told without that one, unless that one was removed or parked before.
    ///
    /// - Parameter limit: Up to `MessageLimits.batch`. Fewer are told where they have more than ``OutboxLimits/bytesAtOnce`` together, and at
    ///   least one if there is one.
    /// - Throws: ``TransactionError``.
    /// - Complexity: One round trip; O(log *n*) and the size of what is told.
    func next(_ limit: Int, for queue: QueueName) async throws(TransactionError) -> [OutboxMessage]

    /// Removes messages that were sent, in one atomic step. Those that are gone already are no matter.
    ///
    /// - Throws: ``TransactionError``. After `unavailable` or `cancelled` all or none may be removed; repeat it.
    /// - Complexity: One round trip; O(log *n*) per message.
    func remove(_ messages: [OutboxMessage]) async throws(TransactionError)

    /// Sets a message aside that no attempt will ever bring into its queue, until a person decides.
    ///
    /// - Parameter reason: Up to 1,000 characters, for that person.
    /// - Throws: ``TransactionError``. Repeating the call is harmless.
    func park(_ message: OutboxMessage, reason: String) async throws(TransactionError)

    /// How much waits, and for how long.
    ///
    /// - Throws: ``TransactionError``.
    /// - Complexity: One round trip; O(log *n*), or a bounded count.
    func status() async throws(TransactionError) -> OutboxStatus

    /// Waits until there may be something new, as far as the store learns of it: from this process at least where it says so.
    ///
    /// The wait may end early without reason, and whoever relays looks again after a while in any case.
    ///
    /// - Parameters:
    ///   - seen: What the last call returned, or 0; taken before reading.
    ///   - limit: The longest wait; zero or less returns at once.
    /// - Returns: The present count of changes.
    /// - Throws: ``TransactionError``; `cancelled` as soon as the task is cancelled.
    func waitForChange(since seen: UInt64, upTo limit: Duration) async throws(TransactionError) -> UInt64
}

/// An outbox that may lie in one store with the queues, so that a message goes from one to the other in one transaction.
public protocol DirectOutboxStore: OutboxStore {
    /// Moves the messages for a queue that come first into it, in one atomic step, up to the first for which there is no room.
    ///
    /// - Parameter limit: Up to `MessageLimits.batch`.
    /// - Returns: `nil` if `engine` is not in the same store, and nothing was done.
    /// - Throws: `QueueError` of the queue: `unknownQueue`, or that of the store. Nothing was moved then, except that after `unavailable` or
    ///   `cancelled` all may be.
    func move(
        _ limit: Int, for queue: QueueName, into engine: any QueueEngine
    ) async throws(QueueError) -> OutboxMove?
}

/// What became of one step of ``DirectOutboxStore/move(_:for:into:)``.
public struct OutboxMove: Hashable, Sendable {
    /// How many messages left the outbox.
    public var moved: Int
    /// How many of them the queue had already, by their deduplication identifier.
    public var duplicates: Int
    /// Whether the queue had no room for the next.
    public var isFull: Bool
    /// The message that comes next and cannot ever be published, if that is what ended the step.
    public var refused: OutboxMessage?

    /// Puts the parts together.
    public init(moved: Int, duplicates: Int, isFull: Bool, refused: OutboxMessage? = nil) {
        self.moved = moved
        self.duplicates = duplicates
        self.isFull = isFull
        self.refused = refused
    }
}

/// How an outbox stands.
public struct OutboxStatus: Hashable, Sendable {
    /// How many messages wait. Stores that would have to count all of them stop at ``countLimit``.
    public var waiting: Int
    /// How many are parked, with the same bound.
    public var parked: Int
    /// When the oldest was added that waits, by the civil clock of who added it; `nil` if none waits.
    public var oldest: WallTime?

    /// Where counting may stop.
    public static let countLimit = 100_000

    /// Puts the parts together.
    public init(waiting: Int, parked: Int, oldest: WallTime?) {
        self.waiting = waiting
        self.parked = parked
        self.oldest = oldest
    }
}

/// The bounds of what an outbox does at once.
public enum OutboxLimits {
    /// The most bytes of bodies that are read at a time, unless one message alone has more: 8 MiB.
    public static let bytesAtOnce = 8 << 20
}
