public import ColonyCore

/// Publishing to topics, and subscribing to them.
///
/// ```swift
/// let topics = Topics(on: .sqlite(path: "colony.db"))
/// let paid = try await topics.subscribe(to: "orders.*.paid", as: Order.self)
/// try await topics.publish(order, to: "orders.de.paid")
/// for try await message in paid { show(message.payload) }
/// ```
///
/// **Guarantee.** What is published is in a log, as far as the engine's durability reaches, and in the queues of all durable subscriptions to
/// its topic, in one atomic step. A live subscriber gets every message that fits its pattern, in the order of publishing and once, unless
/// it is too slow for its buffer or away for longer than the log keeps; both are told with the next message.
///
/// The subscribers of one object share one reader of the log. Making an object does no I/O.
public final class Topics: Sendable {
    /// The store.
    public let engine: any TopicEngine
    private let clock: any MonotonicClock
    private let desk: TopicDesk

    /// How many subscribers are live, and whether the log is read for them, for tests.
    package var standing: (live: Int, isPumping: Bool) { self.desk.standing }

    /// Makes the topics of a store.
    ///
    /// - Parameter clock: What deadlines of publishers and pauses after failures are measured by.
    public init(on engine: any TopicEngine, clock: any MonotonicClock = HostClock()) {
        self.engine = engine
        self.clock = clock
        self.desk = TopicDesk(engine, clock)
    }

    // MARK: Publishing

    /// Publishes a payload, and waits for room in the queues of durable subscriptions that are to wait for.
    ///
    /// - Parameters:
    ///   - key: The key that it has in those queues.
    ///   - codec: How the payload becomes bytes.
    ///   - limit: The longest wait for room.
    /// - Returns: Where it is in the log.
    /// - Throws: ``QueueError``: `full` if a queue had no room in time, with the queue; nothing is stored then. After `unavailable` or
    ///   `cancelled` it may be stored.
    /// - Complexity: One round trip while there is room.
    @discardableResult
    public func publish<Payload: Sendable>(
        _ payload: Payload, to topic: TopicName, key: String? = nil, headers: [String: String] = [:],
        codec: PayloadCodec<Payload>, waitingUpTo limit: Duration = .seconds(30)
    ) async throws(QueueError) -> PublishedToTopic {
        let body: [UInt8]
        do {
            body = try codec.encode(payload)
        } catch {
            throw QueueError(.invalidRequest, "a payload for the topic \"\(topic)\" cannot be encoded", cause: error)
        }
        var message = TopicMessage(topic, body, key: key, headers: headers)
        TraceHeaders.inject(into: &message.headers)
        switch try await self.publish([message], waitingUpTo: limit)[0] {
        case .stored(let offset): return PublishedToTopic(offset: offset, durability: self.engine.durability)
        case .full(let queue, let overflow): throw .full(queue, waited: overflow == .wait ? limit : nil)
        }
    }

    /// Publishes a payload as JSON; see the other member of this name.
    @discardableResult
    public func publish<Payload: Codable & Sendable>(
        _ payload: Payload, to topic: TopicName, key: String? = nil, headers: [String: String] = [:],
        waitingUpTo limit: Duration = .seconds(30)
    ) async throws(QueueError) -> PublishedToTopic {
        try await self.publish(
            payload, to: topic, key: key, headers: headers, codec: .json, waitingUpTo: limit)
    }

    /// Publishes messages of bytes in their order, also to several topics.
    ///
    /// - Parameters:
    ///   - messages: Any number; each thousand is one atomic step.
    ///   - limit: The longest wait for room, of all together.
    /// - Returns: An outcome per message: after the first that found no room, none is stored.
    /// - Throws: ``QueueError``. After `unavailable` or `cancelled` it is unknown which are stored.
    public func publish(
        _ messages: [TopicMessage], waitingUpTo limit: Duration = .seconds(30)
    ) async throws(QueueError) -> [TopicOutcome] {
        var wait = RoomWait(until: self.clock.now.advanced(by: limit), on: self.clock)
        var outcomes: [TopicOutcome] = []
        outcomes.reserveCapacity(messages.count)
        while outcomes.count < messages.count {
            let answers = try await self.engine.publish(
                Array(messages[outcomes.count...].prefix(MessageLimits.batch)))
            outcomes += answers.prefix { if case .full = $0 { false } else { true } }
            guard let last = answers.last, case .full(let queue, let overflow) = last else { continue }
            if try await wait.mayTryAgain(queue, overflow, on: self.engine) { continue }
            return outcomes + Array(repeating: last, count: messages.count - outcomes.count)
        }
        return outcomes
    }

    // MARK: Subscribing

    /// Subscribes to the topics of a pattern, until nobody refers to the subscription any more.
    ///
    /// A subscriber that begins with what was published before reads it at its own pace, and nothing is dropped; then it is live.
    ///
    /// - Parameters:
    ///   - position: From where on; from the end, what is published after this call has returned.
    ///   - buffer: How many messages wait for a live subscriber at most. From 1 to 1,000,000.
    ///   - whenFull: What happens to those for which there is no room.
    ///   - codec: How bytes become payloads. What cannot be decoded is left out, counted, and told with the next message.
    /// - Throws: ``QueueError``: `invalidConfiguration`, quoting the value; or of the engine.
    public func subscribe<Payload: Sendable>(
        to pattern: TopicPattern, as type: Payload.Type = Payload.self, from position: TopicPosition = .end,
        buffer: Int = 1_000, whenFull: SubscriptionSettings.WhenFull = .dropOldest, codec: PayloadCodec<Payload>
    ) async throws(QueueError) -> TopicSubscription<Payload> {
        let settings = SubscriptionSettings(buffer: buffer, whenFull: whenFull)
        try settings.validate()
        let offset = try await self.engine.offset(of: position)
        let isLive = position == .end
        let inbox = TopicInbox(
            pattern, settings, replayingAfter: isLive ? nil : offset, ignoresMissing: position == .beginning)
        let subscription = TopicSubscription(
            inbox, self.desk, engine: self.engine, clock: self.clock, codec: codec)
        if isLive { subscription.join(after: offset) }
        return subscription
    }

    /// Subscribes to payloads as JSON; see the other member of this name.
    public func subscribe<Payload: Codable & Sendable>(
        to pattern: TopicPattern, as type: Payload.Type = Payload.self, from position: TopicPosition = .end,
        buffer: Int = 1_000, whenFull: SubscriptionSettings.WhenFull = .dropOldest
    ) async throws(QueueError) -> TopicSubscription<Payload> {
        try await self.subscribe(
            to: pattern, as: type, from: position, buffer: buffer, whenFull: whenFull, codec: .json)
    }

    // MARK: Durable subscriptions

    /// Subscribes a queue to topics: what is published to them from now on is delivered from it at least once, whoever comes when.
    ///
    /// The queue is declared if need be, and bound to ``ExchangeName/topics``. Repeating the call changes nothing; with another pattern
    /// the queue is subscribed to both. A queue that has no room holds publishers up or refuses them, as its settings say.
    ///
    /// - Throws: ``QueueError``: `conflict` if the queue exists with other settings.
    public func durableSubscription<Payload: Sendable>(
        named name: QueueName, to pattern: TopicPattern, as type: Payload.Type = Payload.self,
        settings: QueueSettings = QueueSettings(), codec: PayloadCodec<Payload>
    ) async throws(QueueError) -> MessageQueue<Payload> {
        let queue = MessageQueue<Payload>(name, on: self.engine, settings: settings, codec: codec, clock: self.clock)
        try await queue.declare()
        try await self.engine.bind(.topics, Binding(to: .queue(name), where: .pattern(pattern)))
        return queue
    }

    /// Subscribes a queue of payloads as JSON to topics; see the other member of this name.
    public func durableSubscription<Payload: Codable & Sendable>(
        named name: QueueName, to pattern: TopicPattern, as type: Payload.Type = Payload.self,
        settings: QueueSettings = QueueSettings()
    ) async throws(QueueError) -> MessageQueue<Payload> {
        try await self.durableSubscription(named: name, to: pattern, as: type, settings: settings, codec: .json)
    }

    /// Ends the subscription of a queue to a pattern; what is in the queue stays.
    ///
    /// - Returns: Whether it was subscribed.
    @discardableResult
    public func endDurableSubscription(
        named name: QueueName, to pattern: TopicPattern
    ) async throws(QueueError) -> Bool {
        try await self.engine.unbind(.topics, Binding(to: .queue(name), where: .pattern(pattern)))
    }
}

/// A message that was published to a topic.
public struct PublishedToTopic: Hashable, Sendable {
    /// Where it is in the log.
    public let offset: TopicOffset
    /// How far it has got.
    public let durability: Durability
}
