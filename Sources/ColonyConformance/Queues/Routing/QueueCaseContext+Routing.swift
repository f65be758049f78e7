public import ColonyQueues
import Synchronization

extension QueueCaseContext {
    // MARK: Exchanges

    /// The engine as one that routes, for cases that are run only where it does.
    public func routing(by engine: (any QueueEngine)? = nil) throws -> any ExchangeEngine {
        try require((engine ?? self.engine) as? any ExchangeEngine, "the engine has no power to route")
    }

    /// A name of this case; its exchange is deleted when the case has ended.
    public func exchangeName(_ text: String = "exchange") throws -> ExchangeName {
        let name = try ExchangeName(self.prefix + text)
        self.usedExchanges.withLock { _ = $0.insert(name) }
        return name
    }

    /// An exchange of this case.
    public func exchange(
        _ kind: ExchangeKind, _ text: String = "exchange", alternate: ExchangeName? = nil
    ) async throws -> ExchangeName {
        let name = try self.exchangeName(text)
        let isNew = try await self.routing().declareExchange(name, kind, alternate: alternate)
        try expect(isNew, "the exchange \(name) was there before it was declared")
        return name
    }

    /// Binds a queue, and demands that it was not bound so before.
    public func bind(
        _ exchange: ExchangeName, to queue: QueueName, where condition: Binding.Condition = .always
    ) async throws {
        let isNew = try await self.routing().bind(exchange, Binding(to: .queue(queue), where: condition))
        try expect(isNew, "\(queue) was bound to \(exchange) before")
    }

    /// Publishes a text through an exchange and demands that it is stored in exactly these queues.
    @discardableResult
    public func publish(
        _ text: String, through exchange: ExchangeName, key: String = "", headers: [String: String] = [:],
        deduplicationID: String? = nil, reaching queues: [QueueName], by engine: (any QueueEngine)? = nil
    ) async throws -> [RoutedCopy] {
        let message = OutgoingMessage(Array(text.utf8), deduplicationID: deduplicationID, headers: headers)
        let outcome = try await self.routing(by: engine).publish(
            [RoutedMessage(message, routingKey: key)], through: exchange)
        guard outcome.count == 1, case .stored(let copies) = outcome[0] else {
            if queues.isEmpty, outcome == [.unroutable] { return [] }
            throw ConformanceFailure("\"\(text)\" was to go to \(queues), and the answer was \(outcome)")
        }
        try expect(
            copies.map(\.queue) == queues.sorted(), "\"\(text)\" was to go to \(queues), and went to \(copies)")
        try expect(Set(copies.map(\.id)).count == copies.count, "copies share a number: \(copies)")
        return copies
    }

    // MARK: The end

    func cleanUpRouting() async {
        if let engine = self.engine as? any ExchangeEngine {
            for name in self.usedExchanges.withLock({ $0 }) { _ = try? await engine.deleteExchange(name) }
        }
        if let engine = self.engine as? any TopicEngine {
            for pattern in self.usedRetentions.withLock({ $0 }) { try? await engine.retain(pattern, nil) }
        }
    }
}
