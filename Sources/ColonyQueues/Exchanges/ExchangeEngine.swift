/// The power to route: exchanges and bindings that outlive the program, and publishing into all queues of a message at once.
///
/// Routing itself is ``ExchangeTable``, the same for every engine. Two exchanges are always there and cannot be deleted: the default one,
/// and ``ExchangeName/topics``, through which what is published to a topic reaches the queues that are bound to it.
public protocol ExchangeEngine: QueueEngine {
    /// Makes an exchange, or finds that it is there and the same.
    ///
    /// - Parameter alternate: Where messages go that it has no destination for. It need not exist yet.
    /// - Returns: Whether it was made now. Repeating the call gives `false`.
    /// - Throws: ``QueueError``: `conflict` if it exists and is another; `invalidRequest` for a predefined one.
    @discardableResult
    func declareExchange(
        _ exchange: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName?
    ) async throws(QueueError) -> Bool

    /// Deletes an exchange with its bindings; a queue takes those to it along when it is deleted.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    func deleteExchange(_ exchange: ExchangeName) async throws(QueueError) -> Bool

    /// Adds a binding.
    ///
    /// - Returns: Whether it was not there yet.
    /// - Throws: ``QueueError``: `unknownExchange`, `unknownQueue`; `invalidRequest` if the condition is for exchanges of another kind, or
    ///   if there are ``MessageLimits/bindings`` already.
    @discardableResult
    func bind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool

    /// Takes a binding away.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    func unbind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool

    /// All exchanges that were declared, and ``ExchangeName/topics``, in the order of their names, with their bindings.
    func exchanges() async throws(QueueError) -> [ExchangeRecord]

    /// Stores each message in all queues that it is routed to, in one atomic step for all.
    ///
    /// A message is in all its queues or in none. The first that finds no room in one of them ends the step, as with
    /// ``QueueEngine/publish(_:to:)``; one that is unroutable does not.
    ///
    /// - Parameter messages: Up to ``MessageLimits/batch``.
    /// - Returns: An outcome per message, in their order.
    /// - Throws: ``QueueError``: `unknownExchange`, and nothing is stored.
    /// - Complexity: One round trip; what ``ExchangeTable/route(_:key:headers:)`` costs, and O(log *n*) per copy.
    func publish(
        _ messages: [RoutedMessage], through exchange: ExchangeName
    ) async throws(QueueError) -> [RoutingOutcome]
}

/// A message on its way through an exchange.
public struct RoutedMessage: Hashable, Sendable {
    /// What is stored in each queue.
    public var message: OutgoingMessage
    /// What direct and topic exchanges decide by.
    public var routingKey: String

    /// Makes one.
    public init(_ message: OutgoingMessage, routingKey: String = "") {
        self.message = message
        self.routingKey = routingKey
    }
}

/// What became of one message that went through an exchange.
public enum RoutingOutcome: Hashable, Sendable {
    /// It is in these queues, in the order of their names. A queue that has remembered its deduplication identifier has the earlier one.
    case stored([RoutedCopy])
    /// This queue has no room; the message is in none.
    case full(QueueName)
    /// No queue is bound for it, on this exchange and its alternates.
    case unroutable
}

/// Where one copy of a routed message is.
public struct RoutedCopy: Hashable, Sendable {
    /// In which queue.
    public var queue: QueueName
    /// Its number there.
    public var id: MessageID
    /// Whether it was there before, under the same deduplication identifier.
    public var isDuplicate: Bool

    /// Makes one; for engines.
    public init(queue: QueueName, id: MessageID, isDuplicate: Bool) {
        self.queue = queue
        self.id = id
        self.isDuplicate = isDuplicate
    }
}

/// An exchange as an operator sees it.
public struct ExchangeRecord: Hashable, Sendable {
    /// Its name.
    public var name: ExchangeName
    /// By what it decides.
    public var kind: ExchangeKind
    /// Where messages go that it has no destination for.
    public var alternate: ExchangeName?
    /// Where it sends messages, in the order in which they were bound.
    public var bindings: [Binding]

    /// Makes a record; for engines.
    public init(name: ExchangeName, kind: ExchangeKind, alternate: ExchangeName?, bindings: [Binding]) {
        self.name = name
        self.kind = kind
        self.alternate = alternate
        self.bindings = bindings
    }
}
