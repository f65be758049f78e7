/// All exchanges and their bindings, as a value: which queues a message goes to.
///
/// Exchanges may be bound to exchanges, also in circles: a message visits each exchange once. If an exchange finds no destination at
/// all, the message goes on to its *alternate exchange*, if it has one; if no exchange on that way finds a queue, the message is
/// unroutable, and the publisher is told. A destination that was deleted since counts as none.
///
/// The engine keeps the declarations and makes the table from them, so nothing here is stored.
///
/// - SeeAlso: AMQP 0-9-1, section 3.1.3, "Exchange Types"; RabbitMQ, "Exchange to Exchange Bindings" and "Alternate Exchanges".
public struct ExchangeTable: Sendable {
    private struct Exchange: Sendable {
        let kind: ExchangeKind
        let alternate: ExchangeName?
        /// By routing key, for a direct exchange.
        var keyed: [ExactText: Set<Binding.Destination>] = [:]
        /// For a topic exchange.
        var topics = TopicTrie<Binding.Destination>()
        /// For the others.
        var listed: Set<Binding> = []
    }

    private var exchanges: [ExchangeName: Exchange] = [:]

    /// Makes a table that has the default exchange only.
    public init() {}

    /// Makes an exchange, or finds that it is there and the same.
    ///
    /// - Parameter alternate: Where messages go that it has no destination for. It need not exist yet.
    /// - Returns: Whether it was made now.
    /// - Throws: ``QueueError``: `conflict` if it exists and is another; `invalidRequest` for the default exchange.
    @discardableResult
    public mutating func declare(
        _ name: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName? = nil
    ) throws(QueueError) -> Bool {
        try Self.refuseDefault(name)
        if let present = self.exchanges[name] {
            guard present.kind == kind, present.alternate == alternate else {
                throw QueueError(
                    .conflict,
                    "the exchange \"\(name)\" exists as \(present.kind.rawValue) with the alternate "
                        + "\(present.alternate.map { "\"\($0)\"" } ?? "none"), not as \(kind.rawValue) with "
                        + "\(alternate.map { "\"\($0)\"" } ?? "none")")
            }
            return false
        }
        self.exchanges[name] = Exchange(kind: kind, alternate: alternate)
        return true
    }

    /// Deletes an exchange with its bindings. Bindings of others that lead to it lead nowhere until it is declared again.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    public mutating func delete(_ name: ExchangeName) throws(QueueError) -> Bool {
        try Self.refuseDefault(name)
        return self.exchanges.removeValue(forKey: name) != nil
    }

    /// Adds a binding.
    ///
    /// - Returns: Whether it was not there yet.
    /// - Throws: ``QueueError``: `unknownExchange`; `invalidRequest` if the condition is for exchanges of another kind.
    @discardableResult
    public mutating func bind(_ name: ExchangeName, _ binding: Binding) throws(QueueError) -> Bool {
        try self.check(name, binding)
        switch binding.condition {
        case .key(let text):
            let key = ExactText(text)
            return self.exchanges[name]?.keyed[key, default: []].insert(binding.destination).inserted ?? false
        case .pattern(let pattern):
            return self.exchanges[name]?.topics.insert(binding.destination, at: pattern) ?? false
        case .always, .allHeaders, .anyHeader: return self.exchanges[name]?.listed.insert(binding).inserted ?? false
        }
    }

    /// Takes a binding away.
    ///
    /// - Returns: Whether it was there.
    /// - Throws: ``QueueError`` as ``bind(_:_:)`` does.
    @discardableResult
    public mutating func unbind(_ name: ExchangeName, _ binding: Binding) throws(QueueError) -> Bool {
        try self.check(name, binding)
        switch binding.condition {
        case .key(let text):
            let key = ExactText(text)
            guard self.exchanges[name]?.keyed[key]?.remove(binding.destination) != nil else { return false }
            if self.exchanges[name]?.keyed[key]?.isEmpty == true { self.exchanges[name]?.keyed[key] = nil }
            return true
        case .pattern(let pattern):
            return self.exchanges[name]?.topics.remove(binding.destination, from: pattern) ?? false
        case .always, .allHeaders, .anyHeader: return self.exchanges[name]?.listed.remove(binding) != nil
        }
    }

    /// The queues that a message goes to, in the order of their names, each once.
    ///
    /// - Throws: ``QueueError``: `unknownExchange`; `unroutable` if there is no queue for it.
    /// - Complexity: O(*b*) in the number of bindings that fit, and of all bindings of the headers exchanges on the way.
    public func route(
        _ name: ExchangeName, key: String, headers: [String: String] = [:]
    ) throws(QueueError) -> [QueueName] {
        let queues = try self.queues(name, key: try TopicName(key), headers: headers)
        if !queues.isEmpty { return queues }
        throw QueueError(.unroutable, "\(name.quoted) has no queue for a message with the key \"\(key)\"")
    }

    /// The same, with no queues for a message that is unroutable.
    package func queues(
        _ name: ExchangeName, key topic: TopicName, headers: [String: String]
    ) throws(QueueError) -> [QueueName] {
        if name == .default { return (try? QueueName(topic.text)).map { [$0] } ?? [] }
        guard self.exchanges[name] != nil else { throw Self.unknown(name) }
        var queues: Set<QueueName> = []
        var visited: Set<ExchangeName> = [name]
        var open = [name]
        while let next = open.popLast() {
            if next == .default {
                if let queue = try? QueueName(topic.text) { queues.insert(queue) }
                continue
            }
            guard let exchange = self.exchanges[next] else { continue }
            var found = false
            for destination in Self.destinations(of: exchange, topic, headers) {
                switch destination {
                case .queue(let queue):
                    queues.insert(queue)
                    found = true
                case .exchange(let other):
                    guard other == .default || self.exchanges[other] != nil else { continue }
                    found = true
                    if visited.insert(other).inserted { open.append(other) }
                }
            }
            if !found, let alternate = exchange.alternate, visited.insert(alternate).inserted { open.append(alternate) }
        }
        return queues.sorted()
    }

    private static func destinations(
        of exchange: Exchange, _ topic: TopicName, _ headers: [String: String]
    ) -> Set<Binding.Destination> {
        switch exchange.kind {
        case .direct: return exchange.keyed[ExactText(topic.text)] ?? []
        case .topic: return exchange.topics.values(for: topic)
        case .fanout: return Set(exchange.listed.map(\.destination))
        case .headers:
            return exchange.listed.reduce(into: []) { result, binding in
                switch binding.condition {
                case .allHeaders(let asked) where asked.allSatisfy({ Binding.Condition.isMet($0, by: headers) }),
                    .anyHeader(let asked) where asked.contains(where: { Binding.Condition.isMet($0, by: headers) }):
                    result.insert(binding.destination)
                case .always, .key, .pattern, .allHeaders, .anyHeader: break
                }
            }
        }
    }

    private func check(_ name: ExchangeName, _ binding: Binding) throws(QueueError) {
        try Self.refuseDefault(name)
        guard let exchange = self.exchanges[name] else { throw Self.unknown(name) }
        guard exchange.kind == binding.condition.kind else {
            throw QueueError(
                .invalidRequest,
                "the exchange \"\(name)\" is \(exchange.kind.rawValue), and the binding is for one that is "
                    + binding.condition.kind.rawValue)
        }
    }

    static func unknown(_ name: ExchangeName) -> QueueError {
        QueueError(.unknownExchange, "there is no exchange \"\(name)\"")
    }

    private static func refuseDefault(_ name: ExchangeName) throws(QueueError) {
        if name == .default {
            throw QueueError(
                .invalidRequest, "the default exchange, whose name is empty, cannot be declared, bound, or deleted")
        }
    }
}
