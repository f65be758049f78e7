public import ColonyCore

/// The power of publish and subscribe: a log of what was published to topics, that any number of subscribers read at their own pace.
///
/// What is published goes into the log and, in the same atomic step, into the queues that are bound to the topic at the exchange
/// ``ExchangeName/topics``: those are the durable subscriptions. The log keeps messages for the *retention* of their topic; without a
/// declaration that is ``TopicRetention/transit``, long enough for subscribers of other processes to fetch them.
///
/// Fan-out to many subscribers, their buffers, and what happens to the slow lives above this port, once.
public protocol TopicEngine: ExchangeEngine {
    /// Says for how long messages to topics of a pattern are kept, or changes it for those that are published from now on. Of several
    /// patterns that fit a topic the one with the longest retention decides.
    ///
    /// - Parameter retention: `nil` takes the declaration back.
    /// - Throws: ``QueueError``: `invalidConfiguration`, quoting the value; `invalidRequest` if there are
    ///   ``MessageLimits/retentions`` already.
    func retain(_ pattern: TopicPattern, _ retention: TopicRetention?) async throws(QueueError)

    /// What was declared, in the order of the patterns, with what is kept.
    func retentions() async throws(QueueError) -> [RetentionRecord]

    /// Stores messages in the log and in the queues that are bound to their topics, in their order, in one atomic step.
    ///
    /// A queue that has no room ends the step, and those after it have the same outcome: a durable subscription whose queue is full holds
    /// publishers up. In the queues a message has the header ``TopicHeader/topic``. What goes through the exchange itself, and is
    /// not published here, is in no log.
    ///
    /// - Parameter messages: Up to ``MessageLimits/batch``.
    /// - Returns: An outcome per message, in their order.
    func publish(_ messages: [TopicMessage]) async throws(QueueError) -> [TopicOutcome]

    /// What was published after an offset to topics of a pattern, in the order of publishing.
    ///
    /// - Parameter limit: From 1 to ``MessageLimits/batch``. Fewer, also none, may come although there are more: ask again with
    ///   ``TopicPage/next`` until ``TopicPage/isAtEnd``.
    /// - Complexity: O(log *n*) and what is looked at, which is at most ten times `limit` messages of the log.
    func read(
        _ pattern: TopicPattern, after offset: TopicOffset, limit: Int
    ) async throws(QueueError) -> TopicPage

    /// The offset after which a reader begins who wants what is published from a position on.
    func offset(of position: TopicPosition) async throws(QueueError) -> TopicOffset

    /// Waits until something was published to any topic after an offset.
    ///
    /// - Parameter limit: The longest wait; zero or less returns at once.
    /// - Throws: ``QueueError``; `cancelled` as soon as the task is cancelled. Nothing is left behind.
    func waitForTopics(after offset: TopicOffset, upTo limit: Duration) async throws(QueueError)
}

/// A place in the log of topics: it rises with every message that is published to any topic.
public struct TopicOffset: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// From 0, the place before the first message.
    public let rawValue: Int64

    /// Makes an offset from the number that an engine gave.
    public init(rawValue: Int64) { self.rawValue = rawValue }

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }

    public var description: String { String(self.rawValue) }
}

/// From where on a subscriber wants messages.
public enum TopicPosition: Hashable, Sendable {
    /// Those that are published from now on.
    case end
    /// All that are kept.
    case beginning
    /// Those after this one; what a subscriber has seen last.
    case after(TopicOffset)
    /// Those after the first that was published at this civil time or later, that one included. Civil time may step back, so earlier ones
    /// may be among them.
    case time(WallTime)
}

/// For how long messages of a topic are kept.
public struct TopicRetention: Hashable, Sendable {
    /// For how long after publishing; from a second to 100 years.
    public var duration: Duration
    /// How many bytes of bodies, keys, and headers at most; the oldest go first, and the latest stays in any case. From 1. An engine
    /// may take some more calls to remove what is too much.
    public var bytes: Int

    /// Keeps messages for so long and up to so many bytes.
    public init(_ duration: Duration, upTo bytes: Int = 1 << 30) {
        self.duration = duration
        self.bytes = bytes
    }

    /// A minute and 64 MiB: what messages get that nobody has asked to keep.
    public static let transit = TopicRetention(.seconds(60), upTo: 64 << 20)

    /// Refuses a retention that cannot work.
    ///
    /// - Throws: ``QueueError`` with `invalidConfiguration`, quoting the value.
    public func validate() throws(QueueError) {
        if self.duration < .seconds(1) || self.duration > MessageLimits.delay {
            throw QueueError(
                .invalidConfiguration,
                "a topic is kept for from a second to 100 years, and \(self.duration) lies outside")
        }
        if self.bytes < 1 {
            throw QueueError(.invalidConfiguration, "a topic keeps at least one byte, not \(self.bytes)")
        }
    }
}

/// A declared retention and what is kept by it.
public struct RetentionRecord: Hashable, Sendable {
    /// Which topics are meant.
    public var pattern: TopicPattern
    /// For how long.
    public var retention: TopicRetention
    /// How many messages are kept by it, and by earlier declarations of the same pattern.
    public var messages: Int
    /// Their bodies, keys, and headers.
    public var bytes: Int

    /// Makes a record; for engines.
    public init(pattern: TopicPattern, retention: TopicRetention, messages: Int, bytes: Int) {
        self.pattern = pattern
        self.retention = retention
        self.messages = messages
        self.bytes = bytes
    }
}

/// A message on its way to a topic.
public struct TopicMessage: Hashable, Sendable {
    /// To which topic.
    public var topic: TopicName
    /// What is delivered; up to ``MessageLimits/bodyBytes``.
    public var body: [UInt8]
    /// The key that it has in the queues of durable subscriptions.
    public var key: String?
    /// Names and values for people and programs.
    public var headers: [String: String]

    /// Makes a message.
    public init(_ topic: TopicName, _ body: [UInt8], key: String? = nil, headers: [String: String] = [:]) {
        self.topic = topic
        self.body = body
        self.key = key
        self.headers = headers
    }
}

/// What became of one message that was published to a topic.
public enum TopicOutcome: Hashable, Sendable {
    /// It is in the log at this offset, and in the queues that are bound to its topic.
    case stored(TopicOffset)
    /// This queue of a durable subscription has no room; the message is nowhere. Its overflow says whether waiting is meant to help.
    case full(QueueName, QueueSettings.Overflow)
}

/// A message as a subscriber gets it.
public struct PublishedTopicMessage: Hashable, Sendable {
    /// Where it is in the log.
    public var offset: TopicOffset
    /// What was published.
    public var message: TopicMessage
    /// When.
    public var publishedAt: WallTime

    /// Makes one; for engines.
    public init(offset: TopicOffset, message: TopicMessage, publishedAt: WallTime) {
        self.offset = offset
        self.message = message
        self.publishedAt = publishedAt
    }
}

/// Part of the log.
public struct TopicPage: Hashable, Sendable {
    /// Those that fit the pattern.
    public var messages: [PublishedTopicMessage]
    /// After which offset to go on.
    public var next: TopicOffset
    /// Whether nothing more was published up to now.
    public var isAtEnd: Bool
    /// Whether messages after the offset that was asked for are not kept any more, which may have fitted the pattern.
    public var isIncomplete: Bool

    /// Makes a page; for engines.
    public init(messages: [PublishedTopicMessage], next: TopicOffset, isAtEnd: Bool, isIncomplete: Bool) {
        self.messages = messages
        self.next = next
        self.isAtEnd = isAtEnd
        self.isIncomplete = isIncomplete
    }
}
