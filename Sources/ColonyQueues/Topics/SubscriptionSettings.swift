/// How a subscriber is treated that is slower than what is published.
public struct SubscriptionSettings: Hashable, Sendable {
    /// What happens to a live subscriber whose buffer is full.
    public enum WhenFull: String, Hashable, Sendable, CaseIterable, Codable {
        /// The oldest message of the buffer makes room: the subscriber sees the latest.
        case dropOldest = "drop_oldest"
        /// The message that comes is left out: the subscriber sees what it has not yet seen.
        case dropNewest = "drop_newest"
        /// The subscription ends with `tooSlow` once the buffer is read: the subscriber goes on from its last offset, if it wants to.
        case disconnect
    }

    /// How many messages wait for the subscriber at most. From 1 to 1,000,000.
    public var buffer: Int
    /// What happens to those for which there is no room.
    public var whenFull: WhenFull

    /// A thousand messages, of which the oldest makes room: the usual wish of those who look on.
    public init(buffer: Int = 1_000, whenFull: WhenFull = .dropOldest) {
        self.buffer = buffer
        self.whenFull = whenFull
    }

    /// Refuses settings that cannot work.
    ///
    /// - Throws: ``QueueError`` with `invalidConfiguration`, quoting the value.
    public func validate() throws(QueueError) {
        if !(1...1_000_000).contains(self.buffer) {
            throw QueueError(
                .invalidConfiguration,
                "a subscriber has a buffer for 1 to 1000000 messages, and not for \(self.buffer)")
        }
    }
}

/// What a subscriber has not been given.
public struct TopicGap: Hashable, Sendable {
    /// Messages that were left out because its buffer was full.
    public var dropped = 0
    /// Messages whose bodies are not what the type of the subscription says.
    public var undecodable = 0
    /// Whether the log does not keep messages any more that may have been for it: it, or the engine, was away too long.
    public var isIncomplete = false

    /// Makes an empty gap.
    public init() {}

    var isEmpty: Bool { self.dropped == 0 && self.undecodable == 0 && !self.isIncomplete }

    mutating func add(_ other: TopicGap) {
        self.dropped += other.dropped
        self.undecodable += other.undecodable
        self.isIncomplete = self.isIncomplete || other.isIncomplete
    }
}

/// How a subscription stands.
public struct SubscriptionStatistics: Hashable, Sendable {
    /// Were given to the subscriber.
    public var delivered = 0
    /// Were left out because the buffer was full.
    public var dropped = 0
    /// Could not be decoded.
    public var undecodable = 0
    /// Wait for the subscriber.
    public var buffered = 0
    /// Whether it still reads what was published before, at its own pace.
    public var isReplaying = false
}

/// Why a subscription has ended.
public enum SubscriptionEnd: Sendable {
    /// It was asked to.
    case unsubscribed
    /// Its buffer was full, and its settings say that it is disconnected then.
    case tooSlow
    /// The engine has refused to go on.
    case failed(QueueError)
}
