/// All exchanges of a store with their bindings as they were declared, and the table that is made from them: what an engine keeps.
///
/// What may be declared, bound, and deleted is decided here, the same for every engine. Whether a queue exists is for the engine to say.
package struct ExchangeRegistry: Sendable {
    package private(set) var table = ExchangeTable()
    private var records: [ExchangeName: ExchangeRecord] = [:]
    /// By queue, so that they are found when it is deleted.
    private var leading: [QueueName: Set<ExchangeName>] = [:]
    private var bindingCount = 0

    /// Makes a registry that has the predefined exchanges only.
    package init() {
        // Cannot be refused: the name is not that of the default exchange.
        _ = try? self.table.declare(.topics, .topic)
        self.records[.topics] = ExchangeRecord(name: .topics, kind: .topic, alternate: nil, bindings: [])
    }

    /// In the order of their names.
    package var exchanges: [ExchangeRecord] { self.records.values.sorted { $0.name < $1.name } }

    /// - Throws: ``QueueError``: `unknownExchange`.
    package func check(_ name: ExchangeName) throws(QueueError) {
        if name != .default, self.records[name] == nil { throw ExchangeTable.unknown(name) }
    }

    package mutating func declare(
        _ name: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName?
    ) throws(QueueError) -> Bool {
        try Self.refusePredefined(name, "declared")
        if self.records[name] == nil, self.records.count > MessageLimits.exchanges {
            throw QueueError(
                .invalidRequest,
                "there are \(MessageLimits.exchanges) exchanges, which is the limit, and \"\(name)\" would be one more")
        }
        guard try self.table.declare(name, kind, alternate: alternate) else { return false }
        self.records[name] = ExchangeRecord(name: name, kind: kind, alternate: alternate, bindings: [])
        return true
    }

    package mutating func delete(_ name: ExchangeName) throws(QueueError) -> Bool {
        try Self.refusePredefined(name, "deleted")
        guard try self.table.delete(name) else { return false }
        for binding in self.records.removeValue(forKey: name)?.bindings ?? [] { self.forget(binding, of: name) }
        return true
    }

    /// - Throws: ``QueueError`` as ``ExchangeEngine/bind(_:_:)`` does, except `unknownQueue`.
    package mutating func bind(_ name: ExchangeName, _ binding: Binding) throws(QueueError) -> Bool {
        try binding.condition.validate()
        if case .exchange(let other) = binding.destination { try self.check(other) }
        guard try self.table.bind(name, binding) else { return false }
        guard self.bindingCount < MessageLimits.bindings else {
            _ = try self.table.unbind(name, binding)
            throw QueueError(
                .invalidRequest,
                "there are \(MessageLimits.bindings) bindings, which is the limit; one more of the exchange \"\(name)\" was refused"
            )
        }
        self.records[name]?.bindings.append(binding)
        if case .queue(let queue) = binding.destination { self.leading[queue, default: []].insert(name) }
        self.bindingCount += 1
        return true
    }

    package mutating func unbind(_ name: ExchangeName, _ binding: Binding) throws(QueueError) -> Bool {
        guard try self.table.unbind(name, binding) else { return false }
        self.records[name]?.bindings.removeAll { $0 == binding }
        self.forget(binding, of: name)
        return true
    }

    /// Takes away the bindings of a queue that is deleted.
    ///
    /// - Returns: Whether there were any.
    package mutating func unbindAll(of queue: QueueName) -> Bool {
        guard let names = self.leading.removeValue(forKey: queue) else { return false }
        for name in names {
            for binding in self.records[name]?.bindings ?? [] where binding.destination == .queue(queue) {
                // Cannot be refused: the binding is one of its kind.
                _ = try? self.table.unbind(name, binding)
                self.bindingCount -= 1
            }
            self.records[name]?.bindings.removeAll { $0.destination == .queue(queue) }
        }
        return true
    }

    private mutating func forget(_ binding: Binding, of name: ExchangeName) {
        self.bindingCount -= 1
        guard case .queue(let queue) = binding.destination else { return }
        let isLast = self.records[name]?.bindings.contains { $0.destination == binding.destination } != true
        if isLast { self.leading[queue]?.remove(name) }
        if self.leading[queue]?.isEmpty == true { self.leading[queue] = nil }
    }

    private static func refusePredefined(_ name: ExchangeName, _ what: String) throws(QueueError) {
        if name == .topics || name == .default {
            throw QueueError(.invalidRequest, "\(name.quoted) is always there and cannot be \(what)")
        }
    }
}
