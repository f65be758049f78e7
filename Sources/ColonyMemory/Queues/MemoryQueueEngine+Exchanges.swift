import ColonyCore
public import ColonyQueues
import Synchronization

extension MemoryQueueEngine: ExchangeEngine {
    /// Makes an exchange, or finds that it is there and the same.
    @discardableResult
    public func declareExchange(
        _ exchange: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName?
    ) async throws(QueueError) -> Bool {
        try self.changeExchanges { state throws(QueueError) in
            try state.exchanges.declare(exchange, kind, alternate: alternate)
        }
    }

    /// Deletes an exchange with its bindings.
    @discardableResult
    public func deleteExchange(_ exchange: ExchangeName) async throws(QueueError) -> Bool {
        try self.changeExchanges { state throws(QueueError) in try state.exchanges.delete(exchange) }
    }

    /// Adds a binding.
    @discardableResult
    public func bind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        try self.changeExchanges { state throws(QueueError) in
            if case .queue(let queue) = binding.destination, state.queues[queue] == nil {
                throw QueueRequests.unknown(queue)
            }
            return try state.exchanges.bind(exchange, binding)
        }
    }

    /// Takes a binding away.
    @discardableResult
    public func unbind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        try self.changeExchanges { state throws(QueueError) in try state.exchanges.unbind(exchange, binding) }
    }

    /// All exchanges with their bindings.
    public func exchanges() async throws(QueueError) -> [ExchangeRecord] {
        self.state.withLock { $0.exchanges.exchanges }
    }

    /// Stores each message in all queues that it is routed to, or in none.
    public func publish(
        _ messages: [RoutedMessage], through exchange: ExchangeName
    ) async throws(QueueError) -> [RoutingOutcome] {
        try QueueRequests.check(messages)
        var routed: [(OutgoingMessage, topic: TopicName)] = []
        for message in messages { routed.append((message.message, try TopicName(message.routingKey))) }
        return try self.changeAll { state, now throws(QueueError) in
            try state.exchanges.check(exchange)
            var outcomes: [RoutingOutcome] = []
            for (message, topic) in routed {
                let queues = try state.exchanges.table.queues(exchange, key: topic, headers: message.headers)
                let outcome = Self.store(message, in: queues, &state, now)
                outcomes.append(outcome)
                if case .full = outcome {
                    outcomes += Array(repeating: outcome, count: routed.count - outcomes.count)
                    break
                }
            }
            return outcomes
        }
    }
}

extension MemoryQueueEngine {
    private func changeExchanges(
        _ body: (inout State) throws(QueueError) -> Bool
    ) throws(QueueError) -> Bool {
        try self.state.withLock { state throws(QueueError) in try body(&state) }
    }

    /// Does something to any number of queues as of now, and tells those who wait.
    func changeAll<Value: Sendable>(
        _ body: (inout State, MemoryQueue.Times) throws(QueueError) -> Value
    ) throws(QueueError) -> Value {
        let (result, signals) = self.state.withLock { state -> (Result<Value, QueueError>, [OneShotSignal]) in
            let result: Result<Value, QueueError>
            do throws(QueueError) {
                result = .success(try body(&state, self.now))
            } catch {
                result = .failure(error)
            }
            let signals = state.touched.flatMap { Self.announce($0, in: &state) }
            state.touched = []
            return (result, signals)
        }
        for signal in signals { signal.fire() }
        return try result.get()
    }

    /// Stores a message in all of these queues or in none; queues that do not exist do not count.
    static func store(
        _ message: OutgoingMessage, in queues: [QueueName], _ state: inout State, _ now: MemoryQueue.Times
    ) -> RoutingOutcome {
        var receptions: [(QueueName, MemoryQueue.Reception)] = []
        for queue in queues where state.queues[queue] != nil {
            state.queues[queue]?.advance(to: now)
            self.carryDeadLetters(of: queue, in: &state, now)
        }
        for queue in queues {
            guard let reception = state.queues[queue]?.reception(of: message) else { continue }
            if case .full = reception { return .full(queue, state.queues[queue]?.settings.overflow ?? .reject) }
            receptions.append((queue, reception))
        }
        if receptions.isEmpty { return .unroutable }
        var copies: [RoutedCopy] = []
        for (queue, reception) in receptions {
            if case .duplicate(let earlier) = reception {
                copies.append(RoutedCopy(queue: queue, id: earlier, isDuplicate: true))
                continue
            }
            state.lastID += 1
            let id = MessageID(rawValue: state.lastID)
            // The dead letters of another of these queues may have taken the room since; the message goes in all the same.
            state.queues[queue]?.takeCopy(id, message, at: now)
            self.carryDeadLetters(of: queue, in: &state, now)
            state.touched.insert(queue)
            copies.append(RoutedCopy(queue: queue, id: id, isDuplicate: false))
        }
        return .stored(copies)
    }
}
