import ColonyCore

/// How a consumer works. The number of handlers at a time is said where it is made.
public struct ConsumerSettings: Hashable, Sendable {
    /// How many messages are held ready beside those that are handled, so that a handler that has finished finds the next one there.
    /// From 0 to 1,000; `nil` for as many as there are handlers.
    public var prefetch: Int?
    /// How long a message is leased at a time; it is extended while the message is held. `nil` for that of the queue.
    public var lease: Duration?
    /// The most messages that are begun per second, one after the other without bursts; `nil` for no limit. Greater than zero.
    public var maximumRate: Double?
    /// How long running handlers may go on when the consumer ends, before their tasks are cancelled.
    public var drainLimit: Duration
    /// How long handlers may take to end once their tasks are cancelled, before they are left to themselves and their leases run out.
    public var cancellationLimit: Duration
    /// After how many deliveries that were begun the consumer ends by itself, once they are handled; a message that is tried again counts
    /// again. From 1; `nil` for any number.
    public var messageLimit: Int?
    /// After how long without anything to handle the consumer ends by itself, counted from the first answer of the store. Zero ends it when
    /// the queue has nothing to deliver; `nil` waits for ever.
    public var idleLimit: Duration?
    /// The longest time between two looks at the queue when nothing is heard of it.
    public var pollInterval: Duration

    /// The settings that a consumer has unless others are given: as many messages held ready as are handled, the lease of the queue,
    /// thirty seconds to drain.
    public init() {
        self.prefetch = nil
        self.lease = nil
        self.maximumRate = nil
        self.drainLimit = .seconds(30)
        self.cancellationLimit = .seconds(1)
        self.messageLimit = nil
        self.idleLimit = nil
        self.pollInterval = .seconds(30)
    }

    /// Refuses settings that cannot work.
    ///
    /// - Throws: ``QueueError`` with `invalidConfiguration`, quoting the value.
    public func validate(concurrency: Int) throws(QueueError) {
        func refuse(_ message: String) -> QueueError { QueueError(.invalidConfiguration, message) }
        if !(1...1_000).contains(concurrency) {
            throw refuse("a consumer handles from 1 to 1000 messages at a time, not \(concurrency)")
        }
        if let prefetch, !(0...1_000).contains(prefetch) {
            throw refuse("a consumer holds from 0 to 1000 messages ready, not \(prefetch)")
        }
        if let lease, !MessageLimits.lease.contains(lease) {
            throw refuse("a lease lies between 10 milliseconds and 24 hours, and \(lease) does not")
        }
        if let maximumRate, !(maximumRate > 0 && maximumRate.isFinite) {
            throw refuse("a rate is greater than zero, and \(maximumRate) is not")
        }
        if self.drainLimit < .zero { throw refuse("a drain limit is not negative, and \(self.drainLimit) is") }
        if let messageLimit, messageLimit < 1 {
            throw refuse("a consumer handles at least one message, not \(messageLimit)")
        }
        if let idleLimit, idleLimit < .zero {
            throw refuse("a limit of idleness is not negative, and \(idleLimit) is")
        }
        if self.cancellationLimit < .zero {
            throw refuse("a limit of cancellation is not negative, and \(self.cancellationLimit) is")
        }
        if self.pollInterval < .milliseconds(10) {
            throw refuse("the queue is looked at every 10 milliseconds at the most, not every \(self.pollInterval)")
        }
    }
}

/// What a consumer has done since it was started, and what it is doing.
public struct ConsumerStatistics: Hashable, Sendable {
    /// Handlers that returned.
    public var handled = 0
    /// Handlers that threw, whose messages are tried again as long as they have deliveries left.
    public var failed = 0
    /// Messages that were made dead letters by their handler or because they cannot be decoded.
    public var rejected = 0
    /// Deliveries that were over before they could be settled: another consumer may have the message.
    public var stale = 0
    /// Messages that are held and not begun.
    public var waiting = 0
    /// Messages that are being handled.
    public var running = 0

    /// Makes statistics of a consumer that has done nothing.
    public init() {}
}
