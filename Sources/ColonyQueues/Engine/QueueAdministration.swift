public import ColonyCore

/// What an operator may ask of an engine of queues beyond what programs need: the power to look at everything, and to mend it.
///
/// Every member is one atomic step. Pages have from 1 to ``MessageLimits/batch`` rows.
public protocol QueueAdministration: QueueEngine {
    /// How a queue stands, after doing what has become due in it; `nil` if there is none.
    ///
    /// - Complexity: O(1) in the depth of the queue.
    func inspect(_ queue: QueueName) async throws(QueueError) -> QueueRecord?

    /// The queues in the order of their names, as they stood after the last operation on each.
    func queues(after name: QueueName?, limit: Int) async throws(QueueError) -> [QueueRecord]

    /// The messages of a queue that are not dead, in the order of publishing. Looking does not count as an attempt.
    func messages(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [QueuedMessage]

    /// The dead letters that are parked in a queue, in the order of publishing.
    func deadLetters(of queue: QueueName, after id: MessageID?, limit: Int) async throws(QueueError) -> [DeadLetter]

    /// Delivers dead letters again with no attempt counted: those that are parked in a queue, and those that were moved into it as a
    /// dead-letter queue and are with no consumer.
    ///
    /// - Parameters:
    ///   - ids: Up to ``MessageLimits/batch``; those that are no dead letters are left out.
    ///   - target: Where they go; `nil` for where they came from. A dead letter whose queue is gone stays.
    /// - Returns: How many were moved. Whether there is room is not asked: the operator has decided.
    @discardableResult
    func redrive(
        _ ids: [MessageID], of queue: QueueName, to target: QueueName?
    ) async throws(QueueError) -> Int

    /// Removes parked dead letters for good.
    ///
    /// - Parameter ids: Up to ``MessageLimits/batch``; those that are no dead letters of the queue are left out.
    /// - Returns: How many there were.
    @discardableResult
    func dropDeadLetters(_ ids: [MessageID], of queue: QueueName) async throws(QueueError) -> Int

    /// Removes messages that are not with a consumer and not dead, the earliest first, up to ``MessageLimits/batch`` of them.
    ///
    /// - Returns: How many; repeat the call until it is zero.
    @discardableResult
    func purge(_ queue: QueueName) async throws(QueueError) -> Int

    /// Has a queue deliver nothing until it is told to go on, also after a restart. What consumers have they may settle, and publishing
    /// goes on.
    ///
    /// - Returns: Whether this changed anything.
    @discardableResult
    func pause(_ queue: QueueName, _ isPaused: Bool) async throws(QueueError) -> Bool

    /// Removes a queue that has no messages at all.
    ///
    /// - Returns: Whether there was one.
    /// - Throws: ``QueueError``: `conflict` if it still has messages, with their number.
    @discardableResult
    func delete(_ queue: QueueName) async throws(QueueError) -> Bool
}

/// A queue as an operator sees it.
public struct QueueRecord: Hashable, Sendable {
    /// Its name.
    public var name: QueueName
    /// What it was declared with.
    public var settings: QueueSettings
    /// Whether it delivers nothing until an operator says so.
    public var isPaused: Bool
    /// How it stands.
    public var statistics: QueueStatistics
    /// What has happened in it.
    public var totals: QueueTotals
    /// When the earliest of the messages was published that can be delivered; `nil` if none can be, and in lists.
    public var oldestReady: WallTime?

    /// Makes a record; for engines.
    public init(
        name: QueueName, settings: QueueSettings, isPaused: Bool, statistics: QueueStatistics, totals: QueueTotals,
        oldestReady: WallTime? = nil
    ) {
        self.name = name
        self.settings = settings
        self.isPaused = isPaused
        self.statistics = statistics
        self.totals = totals
        self.oldestReady = oldestReady
    }
}

/// A message as it stands in its queue.
public struct QueuedMessage: Hashable, Sendable {
    /// Where a message stands.
    public enum Standing: String, Hashable, Sendable, CaseIterable, Codable {
        /// It can be delivered.
        case ready
        /// It waits behind an earlier one of its key.
        case waiting
        /// Its time has not come, or it rests after a failed attempt.
        case delayed
        /// It is with a consumer.
        case leased
    }

    /// Its number.
    public var id: MessageID
    /// What was published. Its availability is `now` whatever it was published with; see ``standing``.
    public var message: OutgoingMessage
    /// When it was published.
    public var publishedAt: WallTime
    /// Where it stands.
    public var standing: Standing

    /// Makes one; for engines.
    public init(id: MessageID, message: OutgoingMessage, publishedAt: WallTime, standing: Standing) {
        self.id = id
        self.message = message
        self.publishedAt = publishedAt
        self.standing = standing
    }
}
