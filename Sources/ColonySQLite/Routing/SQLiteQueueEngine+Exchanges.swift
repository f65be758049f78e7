import ColonyCore
public import ColonyQueues

extension SQLiteQueueEngine: ExchangeEngine {
    /// Makes an exchange in one durable transaction, or finds that it is there and the same.
    @discardableResult
    public func declareExchange(
        _ exchange: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName?
    ) async throws(QueueError) -> Bool {
        try await self.changeRouting { notes, transaction throws(StoreError) in
            try notes.change { registry throws(QueueError) in
                try registry.declare(exchange, kind, alternate: alternate)
            } rows: { () throws(StoreError) in
                try ExchangeRows.insert(exchange, kind, alternate: alternate, on: transaction.connection)
            }
        }
    }

    /// Deletes an exchange with its bindings in one durable transaction.
    @discardableResult
    public func deleteExchange(_ exchange: ExchangeName) async throws(QueueError) -> Bool {
        try await self.changeRouting { notes, transaction throws(StoreError) in
            try notes.change { registry throws(QueueError) in
                try registry.delete(exchange)
            } rows: { () throws(StoreError) in
                try ExchangeRows.delete(exchange, on: transaction.connection)
            }
        }
    }

    /// Adds a binding in one durable transaction; other processes go by it from their next batch on.
    @discardableResult
    public func bind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        let news = Self.news(of: try self.opened())
        return try await self.changeRouting { notes, transaction throws(StoreError) in
            if case .queue(let queue) = binding.destination {
                let ledgers = transaction.notes(QueueLedgers.self) { QueueLedgers(news: news) }
                if try ledgers.ledger(of: queue, on: transaction.connection) == nil {
                    return .failure(QueueRequests.unknown(queue))
                }
            }
            return try notes.change { registry throws(QueueError) in
                try registry.bind(exchange, binding)
            } rows: { () throws(StoreError) in
                try ExchangeRows.insert(binding, of: exchange, on: transaction.connection)
            }
        }
    }

    /// Takes a binding away in one durable transaction.
    @discardableResult
    public func unbind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        try await self.changeRouting { notes, transaction throws(StoreError) in
            try notes.change { registry throws(QueueError) in
                try registry.unbind(exchange, binding)
            } rows: { () throws(StoreError) in
                try ExchangeRows.delete(binding, of: exchange, on: transaction.connection)
            }
        }
    }

    /// All exchanges with their bindings, as they were committed last.
    public func exchanges() async throws(QueueError) -> [ExchangeRecord] {
        try await self.read { connection throws(StoreError) in try ExchangeRows.registry(on: connection).exchanges }
    }

    /// Stores each message in all queues that it is routed to, or in none, and returns after `fsync`.
    ///
    /// - Complexity: At most one `fsync`, shared with the operations that wait at the same time. What is declared is kept in memory and
    ///   read anew, in O(*n*) of all bindings, only after another process has changed it.
    public func publish(
        _ messages: [RoutedMessage], through exchange: ExchangeName
    ) async throws(QueueError) -> [RoutingOutcome] {
        try QueueRequests.check(messages)
        var routed: [(message: OutgoingMessage, topic: TopicName)] = []
        for message in messages { routed.append((message.message, try TopicName(message.routingKey))) }
        let all = routed
        return try await self.changeAll { notes, queues throws(StoreError) in
            do throws(QueueError) {
                try notes.check(exchange)
            } catch {
                return .failure(error)
            }
            var outcomes: [RoutingOutcome] = []
            for (message, topic) in all {
                // The exchange is there, so nothing is thrown.
                let names = (try? notes.table.queues(exchange, key: topic, headers: message.headers)) ?? []
                let outcome = try queues.store(message, in: names)
                outcomes.append(outcome)
                if case .full = outcome {
                    outcomes += Array(repeating: outcome, count: all.count - outcomes.count)
                    break
                }
            }
            return .success(outcomes)
        }
    }
}

extension SQLiteQueueEngine {
    static func routing(of store: Store) -> RoutingCache {
        store.companion(RoutingCache.self) { RoutingCache() }
    }

    /// Does something with what is declared.
    func changeRouting<Value: Sendable>(
        _ body: @escaping @Sendable (RoutingNotes, WriteTransaction) throws(StoreError) -> Result<Value, QueueError>
    ) async throws(QueueError) -> Value {
        let cache = Self.routing(of: try self.opened())
        let result = try await self.write { transaction throws(StoreError) in
            try body(try RoutingNotes.of(transaction, cache), transaction)
        }
        return try result.get()
    }

    /// Does something to any number of queues as of now.
    func changeAll<Value: Sendable>(
        _ body: @escaping @Sendable (RoutingNotes, OpenQueues) throws(StoreError) -> Result<Value, QueueError>
    ) async throws(QueueError) -> Value {
        let news = Self.news(of: try self.opened())
        let (clock, wall) = (self.clock, self.wall)
        return try await self.changeRouting { notes, transaction throws(StoreError) in
            try body(
                notes,
                OpenQueues(
                    now: clock.now.nanoseconds, civil: wall.now.millisecondsSince1970, transaction: transaction,
                    news: news))
        }
    }
}

/// Any number of queues inside a transaction of the writer, as of one moment.
struct OpenQueues {
    let now: Int64
    let civil: Int64
    let transaction: WriteTransaction
    let news: QueueNews

    /// Stores a message in all of these queues or in none; queues that do not exist do not count.
    func store(_ message: OutgoingMessage, in names: [QueueName]) throws(StoreError) -> RoutingOutcome {
        let bytes = message.byteCount
        var queues: [(queue: OpenQueue, reception: OpenQueue.Reception)] = []
        for name in names {
            let queue = try OpenQueue(
                name, now: self.now, civil: self.civil, in: self.transaction, news: self.news)
            guard let queue else { continue }
            queues.append((queue, .full))
        }
        if queues.isEmpty { return .unroutable }
        // After all are open: what has become due in one may have sent dead letters to another.
        for index in queues.indices {
            let queue = queues[index].queue
            let reception = try queue.reception(of: message, bytes: bytes)
            if case .full = reception { return .full(queue.ledger.name, queue.ledger.settings.overflow) }
            queues[index].reception = reception
        }
        var copies: [RoutedCopy] = []
        for (queue, reception) in queues {
            if case .duplicate(let earlier) = reception {
                copies.append(
                    RoutedCopy(queue: queue.ledger.name, id: MessageID(rawValue: earlier), isDuplicate: true))
            } else {
                let id = MessageID(rawValue: try queue.takeCopy(message, bytes: bytes))
                copies.append(RoutedCopy(queue: queue.ledger.name, id: id, isDuplicate: false))
            }
        }
        return .stored(copies)
    }
}
