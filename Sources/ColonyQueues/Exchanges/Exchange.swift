public import ColonyCore
import Synchronization

/// An exchange of typed messages: what is published goes to every queue that is bound for it, or to none.
///
/// ```swift
/// let orders = Exchange<Order>("orders", .topic, on: engine)
/// try await orders.bind(to: "shipping", where: .pattern("*.paid"))
/// try await orders.bind(to: "statistics", where: .pattern("#"))
/// try await orders.publish(order, routingKey: "de.paid")
/// ```
///
/// **Guarantee.** A message is stored in all its queues in one atomic step, as far as the engine's durability reaches. One that no queue is
/// bound for is refused with `unroutable`, never dropped.
///
/// Making an exchange does no I/O; the first call declares it.
public final class Exchange<Payload: Sendable>: Sendable {
    /// The name of the exchange in its store.
    public let name: ExchangeName
    /// By what it decides; `nil` if somebody else has declared it.
    public let kind: ExchangeKind?
    /// Where messages go that it has no destination for.
    public let alternate: ExchangeName?
    /// The store.
    public let engine: any ExchangeEngine
    private let codec: PayloadCodec<Payload>
    private let clock: any MonotonicClock
    private let isDeclared: Atomic<Bool>

    /// Makes an exchange that is declared on first use.
    ///
    /// - Parameters:
    ///   - kind: All programs that declare it must agree on it, and on the alternate.
    ///   - alternate: Where messages go that it has no destination for; need not exist yet.
    ///   - codec: How payloads become bytes.
    ///   - clock: What deadlines of publishers are measured by.
    public init(
        _ name: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName? = nil, on engine: any ExchangeEngine,
        codec: PayloadCodec<Payload>, clock: any MonotonicClock = HostClock()
    ) {
        self.name = name
        self.kind = kind
        self.alternate = alternate
        self.engine = engine
        self.codec = codec
        self.clock = clock
        self.isDeclared = Atomic(false)
    }

    /// Makes an exchange of one that is there already: a predefined one, such as ``ExchangeName/default``, or one of another program.
    public init(
        existing name: ExchangeName, on engine: any ExchangeEngine, codec: PayloadCodec<Payload>,
        clock: any MonotonicClock = HostClock()
    ) {
        self.name = name
        self.kind = nil
        self.alternate = nil
        self.engine = engine
        self.codec = codec
        self.clock = clock
        self.isDeclared = Atomic(true)
    }

    /// Declares the exchange, which the other members do on first use.
    ///
    /// - Throws: ``QueueError``: `conflict` if it exists and is another.
    public func declare() async throws(QueueError) {
        guard let kind, !self.isDeclared.load(ordering: .acquiring) else { return }
        try await self.engine.declareExchange(self.name, kind, alternate: self.alternate)
        self.isDeclared.store(true, ordering: .releasing)
    }

    /// Has the messages that are meant go to a queue, too.
    ///
    /// - Returns: Whether that is new.
    /// - Throws: ``QueueError``: `unknownQueue`; `invalidRequest` if the condition is for exchanges of another kind.
    @discardableResult
    public func bind(
        to queue: QueueName, where condition: Binding.Condition = .always
    ) async throws(QueueError) -> Bool {
        try await self.declare()
        return try await self.engine.bind(self.name, Binding(to: .queue(queue), where: condition))
    }

    /// Has the messages that are meant go on to another exchange, too.
    ///
    /// - Returns: Whether that is new.
    /// - Throws: ``QueueError``: `unknownExchange`; `invalidRequest` if the condition is for exchanges of another kind.
    @discardableResult
    public func bind(
        toExchange exchange: ExchangeName, where condition: Binding.Condition = .always
    ) async throws(QueueError) -> Bool {
        try await self.declare()
        return try await self.engine.bind(self.name, Binding(to: .exchange(exchange), where: condition))
    }

    /// Takes a binding away.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    public func unbind(
        from destination: Binding.Destination, where condition: Binding.Condition = .always
    ) async throws(QueueError) -> Bool {
        try await self.declare()
        return try await self.engine.unbind(self.name, Binding(to: destination, where: condition))
    }

    /// Publishes a message, and waits for room if the queue that has none is to wait for.
    ///
    /// - Parameters:
    ///   - routingKey: What direct and topic exchanges decide by.
    ///   - limit: The longest wait for room.
    /// - Returns: Where the copies are.
    /// - Throws: ``QueueError``: `unroutable` if no queue is bound for it; `full` if there was no room in time, with the queue; nothing is
    ///   stored then. After `unavailable` or `cancelled` it may be stored: publish it again with the same deduplication identifier.
    /// - Complexity: One round trip while there is room.
    @discardableResult
    public func publish(
        _ payload: Payload, routingKey: String = "", key: String? = nil, priority: Int = 4,
        availability: OutgoingMessage.Availability = .now, deduplicationID: String? = nil,
        headers: [String: String] = [:], waitingUpTo limit: Duration = .seconds(30)
    ) async throws(QueueError) -> RoutedPublication {
        let message = NewMessage(
            payload, key: key, priority: priority, availability: availability, deduplicationID: deduplicationID,
            headers: headers)
        switch try await self.publish([message], routingKey: routingKey, waitingUpTo: limit)[0] {
        case .stored(let copies): return RoutedPublication(copies: copies, durability: self.engine.durability)
        case .full(let queue, let overflow): throw .full(queue, waited: overflow == .wait ? limit : nil)
        case .unroutable:
            throw QueueError(
                .unroutable,
                "\(self.name.quoted) has no queue for a message with the key \(NameRules.quoted(routingKey))")
        }
    }

    /// Publishes messages with one routing key in their order, and waits for room if the queue that has none is to wait for.
    ///
    /// - Parameters:
    ///   - messages: Any number; each thousand is one atomic step.
    ///   - limit: The longest wait for room, of all together.
    /// - Returns: An outcome per message: after the first that found no room, none is stored.
    /// - Throws: ``QueueError``. After `unavailable` or `cancelled` it is unknown which are stored.
    public func publish(
        _ messages: [NewMessage<Payload>], routingKey: String = "", waitingUpTo limit: Duration = .seconds(30)
    ) async throws(QueueError) -> [RoutingOutcome] {
        var encoded: [RoutedMessage] = []
        encoded.reserveCapacity(messages.count)
        for message in messages {
            let outgoing = try message.encoded(by: self.codec, for: self.name.quoted)
            encoded.append(RoutedMessage(outgoing, routingKey: routingKey))
        }
        try await self.declare()
        var wait = RoomWait(until: self.clock.now.advanced(by: limit), on: self.clock)
        var outcomes: [RoutingOutcome] = []
        outcomes.reserveCapacity(encoded.count)
        while outcomes.count < encoded.count {
            let rest = Array(encoded[outcomes.count...].prefix(MessageLimits.batch))
            let answers = try await self.engine.publish(rest, through: self.name)
            outcomes += answers.prefix { if case .full = $0 { false } else { true } }
            guard let last = answers.last, case .full(let queue, let overflow) = last else { continue }
            if try await wait.mayTryAgain(queue, overflow, on: self.engine) { continue }
            return outcomes + Array(repeating: last, count: encoded.count - outcomes.count)
        }
        return outcomes
    }
}

extension Exchange where Payload: Codable {
    /// Makes an exchange of payloads as JSON that is declared on first use.
    public convenience init(
        _ name: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName? = nil, on engine: any ExchangeEngine,
        clock: any MonotonicClock = HostClock()
    ) {
        self.init(name, kind, alternate: alternate, on: engine, codec: .json, clock: clock)
    }

    /// Makes an exchange of payloads as JSON of one that is there already.
    public convenience init(
        existing name: ExchangeName, on engine: any ExchangeEngine, clock: any MonotonicClock = HostClock()
    ) {
        self.init(existing: name, on: engine, codec: .json, clock: clock)
    }
}

/// A message that an exchange has confirmed.
public struct RoutedPublication: Hashable, Sendable {
    /// Where it is, in the order of the queues' names.
    public let copies: [RoutedCopy]
    /// How far it has got.
    public let durability: Durability
}
