public import ColonyCore
import Synchronization

/// A durable queue of typed messages.
///
/// ```swift
/// let orders = MessageQueue<Order>("orders", on: .sqlite(path: "colony.db"))
/// try await orders.publish(order, key: order.customer)
///
/// let consumer = orders.consumer(concurrency: 8) { message in
///     try await ship(message.payload)
/// }
/// try await consumer.run()
/// ```
///
/// **Guarantee.** What was published is delivered at least once until a handler returns, as far as the engine's durability reaches: a
/// handler may see a message twice, after a crash or a lease that ran out, and must not mind. Messages of one key are handled one at
/// a time, in the order of publishing.
///
/// Making a queue does no I/O; the first call declares it.
public final class MessageQueue<Payload: Sendable>: Sendable {
    /// The name of the queue in its store.
    public let name: QueueName
    /// What the queue is declared with.
    public let settings: QueueSettings
    /// The store.
    public let engine: any QueueEngine
    let codec: PayloadCodec<Payload>
    let clock: any MonotonicClock
    private let isDeclared = Atomic<Bool>(false)

    /// Makes a queue.
    ///
    /// - Parameters:
    ///   - settings: All programs that use the queue must agree on them; the first to come declares it.
    ///   - codec: How payloads become bytes.
    ///   - clock: What deadlines of publishers and consumers are measured by.
    public init(
        _ name: QueueName, on engine: any QueueEngine, settings: QueueSettings = QueueSettings(),
        codec: PayloadCodec<Payload>, clock: any MonotonicClock = HostClock()
    ) {
        self.name = name
        self.engine = engine
        self.settings = settings
        self.codec = codec
        self.clock = clock
    }

    /// Declares the queue, which the other members do on first use.
    ///
    /// - Throws: ``QueueError``: `conflict` if it exists with other settings, with both values.
    public func declare() async throws(QueueError) {
        if self.isDeclared.load(ordering: .acquiring) { return }
        try await self.engine.declare(self.name, self.settings)
        self.isDeclared.store(true, ordering: .releasing)
    }

    /// Publishes a message, and waits for room if the settings say so.
    ///
    /// - Parameters:
    ///   - key: Messages with the same key are handled in the order of publishing, one at a time.
    ///   - limit: The longest wait for room.
    /// - Returns: The number of the message, and whether it had been published before under the same deduplication identifier.
    /// - Throws: ``QueueError``: `full` if there was no room in time; nothing is stored then. After `unavailable` or `cancelled` it may
    ///   be stored: publish it again with the same deduplication identifier.
    /// - Complexity: One round trip while there is room.
    @discardableResult
    public func publish(
        _ payload: Payload, key: String? = nil, priority: Int = 4, availability: OutgoingMessage.Availability = .now,
        deduplicationID: String? = nil, headers: [String: String] = [:], waitingUpTo limit: Duration = .seconds(30)
    ) async throws(QueueError) -> PublishedMessage {
        let message = NewMessage(
            payload, key: key, priority: priority, availability: availability, deduplicationID: deduplicationID,
            headers: headers)
        return try self.published(
            try await self.publish([message], waitingUpTo: limit)[0],
            waited: self.settings.overflow == .wait ? limit : nil)
    }

    /// What the publisher of one message is told.
    package func published(_ outcome: PublishOutcome, waited: Duration? = nil) throws(QueueError) -> PublishedMessage {
        switch outcome {
        case .stored(let id): return PublishedMessage(id: id, isDuplicate: false, durability: self.engine.durability)
        case .duplicate(let id):
            return PublishedMessage(id: id, isDuplicate: true, durability: self.engine.durability)
        case .full:
            let wait = waited.map { " and got none within \($0.text)" } ?? ""
            throw QueueError(.full, "the queue \"\(self.name)\" has no room\(wait); publish again later")
        }
    }

    /// Publishes messages in their order, and waits for room if the settings say so.
    ///
    /// - Parameters:
    ///   - messages: Any number; each thousand is one atomic step.
    ///   - limit: The longest wait for room, of all together.
    /// - Returns: An outcome per message: after the first that found no room, none is stored.
    /// - Throws: ``QueueError``. After `unavailable` or `cancelled` it is unknown which are stored.
    public func publish(
        _ messages: [NewMessage<Payload>], waitingUpTo limit: Duration = .seconds(30)
    ) async throws(QueueError) -> [PublishOutcome] {
        var encoded: [OutgoingMessage] = []
        encoded.reserveCapacity(messages.count)
        for message in messages { encoded.append(try self.encoded(message)) }
        try await self.declare()
        let deadline = self.clock.now.advanced(by: limit)
        var outcomes: [PublishOutcome] = []
        outcomes.reserveCapacity(encoded.count)
        var seen: Int64?
        while outcomes.count < encoded.count {
            let rest = Array(encoded[outcomes.count...].prefix(MessageLimits.batch))
            let answers = try await self.engine.publish(rest, to: self.name)
            outcomes += answers.prefix { $0 != .full }
            if answers.last != .full { continue }
            guard self.settings.overflow == .wait else { break }
            let left = self.clock.now.duration(to: deadline)
            if left <= .zero { break }
            // Changes are counted before asking once more, so that room that comes in between is not missed.
            seen = try await self.engine.waitForChange(
                of: self.name, since: seen ?? 0, upTo: seen == nil ? .zero : left)
        }
        return outcomes + Array(repeating: .full, count: encoded.count - outcomes.count)
    }

    /// The message as the engine takes it.
    package func encoded(_ message: NewMessage<Payload>) throws(QueueError) -> OutgoingMessage {
        let body: [UInt8]
        do {
            body = try self.codec.encode(message.payload)
        } catch {
            throw QueueError(
                .invalidRequest, "a payload for the queue \"\(self.name)\" cannot be encoded", cause: error)
        }
        var encoded = OutgoingMessage(
            body, key: message.key, priority: message.priority, availability: message.availability,
            deduplicationID: message.deduplicationID, headers: message.headers)
        TraceHeaders.inject(into: &encoded.headers)
        try encoded.validate()
        return encoded
    }
}

extension MessageQueue where Payload: Codable {
    /// Makes a queue of payloads as JSON.
    public convenience init(
        _ name: QueueName, on engine: any QueueEngine, settings: QueueSettings = QueueSettings(),
        clock: any MonotonicClock = HostClock()
    ) {
        self.init(name, on: engine, settings: settings, codec: .json, clock: clock)
    }
}

/// A message that a queue has confirmed.
public struct PublishedMessage: Hashable, Sendable {
    /// Its number.
    public let id: MessageID
    /// Whether it had been published before under the same deduplication identifier; the number is that of the first.
    public let isDuplicate: Bool
    /// How far it has got.
    public let durability: Durability
}
