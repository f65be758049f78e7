public import ColonyCore

/// What a queue is declared with. All programs that declare it must agree.
public struct QueueSettings: Hashable, Sendable {
    /// What happens to a message for which there is no room.
    public enum Overflow: String, Hashable, Sendable, CaseIterable, Codable {
        /// The publisher waits until its deadline, and is then refused with `full`.
        case wait
        /// The publisher is refused with `full` at once.
        case reject
        /// The oldest message that nobody has under way goes to the dead-letter queue, or is dropped and counted.
        case dropOldest = "drop_oldest"
    }

    /// In which order messages are delivered.
    public enum Order: String, Hashable, Sendable, CaseIterable, Codable {
        /// By priority, then by publishing; a message that was handed back comes in its old place.
        case priority
        /// As ``priority``, and of the messages with one key only one is under way at a time, in the order of publishing: while it is
        /// leased, or waits to be tried again, later ones of its key wait. Messages without a key are free.
        case perKey = "per_key"
        /// By priority, and of one priority each key in turn: a key with very many messages keeps those of others waiting for one of
        /// its own at the most. The messages of one key come in the order of publishing, and several may be under way at once; one
        /// that has failed, or whose lease has ended, comes after those of its key that can be delivered then, and one that was
        /// handed back takes part in the turn that is next. Messages without a key take turns as if they had one in common.
        case fair
        /// As ``fair``, and of the messages with one key only one is under way at a time, as with ``perKey``; a message of a key that
        /// has failed keeps its place before the others of that key.
        case fairPerKey = "fair_per_key"

        /// Whether of the messages with one key only one is under way at a time.
        package var isPerKey: Bool { self == .perKey || self == .fairPerKey }
        /// Whether keys take turns.
        package var isFair: Bool { self == .fair || self == .fairPerKey }
    }

    /// The most messages, those under way and delayed ones included. From 1.
    public var capacity: Int
    /// The most bytes of bodies, keys, and headers. From 1.
    public var capacityBytes: Int
    /// What happens when there is no room.
    public var overflow: Overflow
    /// In which order messages are delivered.
    public var order: Order
    /// After how many deliveries a message that was not acknowledged becomes a dead letter. From 1 to 1,000.
    public var deliveryLimit: Int
    /// How long a consumer has a message unless it says otherwise.
    public var lease: Duration
    /// How long a message rests after a failed attempt, unless the consumer says otherwise.
    public var backoff: Backoff
    /// How long a message is kept; `nil` for ever. What is older becomes a dead letter.
    public var retention: Duration?
    /// For how long a deduplication identifier is remembered, from the first message that had it.
    public var deduplicationWindow: Duration
    /// Where dead letters go. `nil` keeps them parked with their queue: they are never dropped silently.
    public var deadLetterQueue: QueueName?

    /// The settings that a queue has unless others are given.
    ///
    /// Ten million messages in 4 GiB are what the embedded engine was measured with. Waiting is the overflow that loses nothing. Five
    /// deliveries tell a broken message from a broken minute. Thirty seconds is longer than a handler usually takes and shorter than
    /// people wait; consumers extend their leases by themselves.
    public init() {
        self.capacity = 10_000_000
        self.capacityBytes = 4 << 30
        self.overflow = .wait
        self.order = .perKey
        self.deliveryLimit = 5
        self.lease = .seconds(30)
        self.backoff = Backoff(initial: .milliseconds(500), maximum: .seconds(300))
        self.retention = nil
        self.deduplicationWindow = .seconds(300)
        self.deadLetterQueue = nil
    }

    /// Refuses settings that cannot work.
    ///
    /// - Throws: ``QueueError`` with `invalidConfiguration`, quoting the value.
    public func validate() throws(QueueError) {
        func refuse(_ message: String) -> QueueError { QueueError(.invalidConfiguration, message) }
        if self.capacity < 1 { throw refuse("a queue has room for at least one message, not for \(self.capacity)") }
        if self.capacityBytes < 1 {
            throw refuse("a queue has room for at least one byte, not for \(self.capacityBytes)")
        }
        if !(1...1_000).contains(self.deliveryLimit) {
            throw refuse("a delivery limit lies between 1 and 1000, and \(self.deliveryLimit) does not")
        }
        if !MessageLimits.lease.contains(self.lease) {
            throw refuse("a lease lies between 10 milliseconds and 24 hours, and \(self.lease) does not")
        }
        if let retention, retention <= .zero || retention > MessageLimits.delay {
            throw refuse("a retention is greater than zero and at most 100 years, and \(retention) is not")
        }
        if self.deduplicationWindow < .zero || self.deduplicationWindow > .seconds(30 * 86_400) {
            throw refuse("a deduplication window lies between 0 and 30 days, and \(self.deduplicationWindow) does not")
        }
    }
}
