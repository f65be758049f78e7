public import ColonyQueues

/// What a relay tells whoever listens, for logs and alerts.
public enum OutboxEvent: Sendable {
    /// This relay has the right to relay from now on.
    case began
    /// Another relay has it, or this one could not renew it in time.
    case stoodBy
    /// Nothing goes into this queue for a moment, and its messages wait in their order: it has no room, is not declared, or cannot be reached.
    case held(QueueName, QueueError)
    /// A message was set aside because its queue will never take it. A person has to decide.
    case parked(QueueName, number: Int64, reason: String)
    /// The outbox could not be read or written; it is tried again.
    case storeFailed(TransactionError)
    /// The oldest message that waits is older than ``OutboxRelayOptions/lateAfter``. Told once until that is over.
    case late(age: Duration, waiting: Int)
}

/// What a relay has done since it was made, and what it last saw of the outbox.
public struct OutboxRelayStatistics: Hashable, Sendable {
    /// Whether it has the right to relay.
    public var isActive = false
    /// Messages that are in their queues now.
    public var sent: UInt64 = 0
    /// How many of them were there already, by their deduplication identifier.
    public var duplicates: UInt64 = 0
    /// Messages that it has set aside.
    public var parked: UInt64 = 0
    /// How often a queue could not be published to.
    public var held: UInt64 = 0
    /// How often the outbox could not be read or written.
    public var failures: UInt64 = 0
    /// How many messages waited when it last looked, about once a second; see ``OutboxStatus/waiting``.
    public var waiting = 0
    /// How old the oldest of them was, by the civil clocks of who added it and of this relay; zero if none waited.
    public var oldestAge: Duration = .zero

    /// Makes statistics of nothing.
    public init() {}
}
