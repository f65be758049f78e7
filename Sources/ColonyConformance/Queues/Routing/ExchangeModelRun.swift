package import ColonyQueues

/// Does the same random things to the exchanges of an engine and to lists that are searched from end to end, and compares every answer.
package struct ExchangeModelRun {
    private struct Declared {
        let name: ExchangeName
        let kind: ExchangeKind
        let alternate: ExchangeName?
        var bindings: [Binding] = []
    }

    private let engine: any ExchangeEngine & QueueAdministration
    private let prefix: String
    private var random: any RandomNumberGenerator
    private var exchanges: [Declared] = []
    /// How many messages each queue has, of the ten that it has room for.
    private var queues: [QueueName: Int] = [:]

    private static let words = ["a", "b", "c"]
    private static let room = 10

    /// Does so many steps.
    ///
    /// - Parameter prefix: What all names begin with.
    /// - Throws: ``ConformanceFailure`` at the first answer that is another than that of the lists.
    package static func run(
        steps: Int, on engine: any ExchangeEngine & QueueAdministration, prefix: String,
        using random: some RandomNumberGenerator
    ) async throws {
        var run = Self(engine: engine, prefix: prefix, random: random)
        for step in 0..<steps {
            do {
                try await run.step()
            } catch let failure as ConformanceFailure {
                throw ConformanceFailure("at step \(step): \(failure.message)")
            }
        }
    }

    private init(engine: any ExchangeEngine & QueueAdministration, prefix: String, random: any RandomNumberGenerator) {
        self.engine = engine
        self.prefix = prefix
        self.random = random
    }

    private mutating func draw(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self.random) }

    private mutating func exchange() throws -> ExchangeName { try ExchangeName("\(self.prefix)e\(self.draw(0..<4))") }

    private mutating func queue() throws -> QueueName { try QueueName("\(self.prefix)q\(self.draw(0..<4))") }

    private mutating func step() async throws {
        switch self.draw(0..<12) {
        case 0: try await self.declare()
        case 1: try await self.deleteExchange()
        case 2: try await self.declareQueue()
        case 3: try await self.deleteQueue()
        case 4...6: try await self.bind(isNew: true)
        case 7: try await self.bind(isNew: false)
        default: try await self.publish()
        }
    }

    private mutating func declare() async throws {
        let kinds = ExchangeKind.allCases
        let (name, kind) = (try self.exchange(), kinds[self.draw(0..<kinds.count)])
        let alternate = self.draw(0..<3) == 0 ? try self.exchange() : nil
        let present = self.exchanges.first { $0.name == name }
        do {
            let isNew = try await self.engine.declareExchange(name, kind, alternate: alternate)
            try expect(isNew == (present == nil), "declaring \(name) was answered with \(isNew)")
            if let present {
                try expect(present.kind == kind && present.alternate == alternate, "another \(name) was accepted")
            } else {
                self.exchanges.append(Declared(name: name, kind: kind, alternate: alternate))
            }
        } catch let error as QueueError {
            try expect(
                error.code == .conflict && present != nil && (present?.kind != kind || present?.alternate != alternate),
                "declaring \(name) was refused: \(error)")
        }
    }

    private mutating func deleteExchange() async throws {
        let name = try self.exchange()
        let wasThere = self.exchanges.contains { $0.name == name }
        try expect(try await self.engine.deleteExchange(name) == wasThere, "deleting \(name) gave the wrong answer")
        self.exchanges.removeAll { $0.name == name }
    }

    private mutating func declareQueue() async throws {
        let name = try self.queue()
        var settings = QueueSettings()
        (settings.capacity, settings.overflow) = (Self.room, .reject)
        let isNew = try await self.engine.declare(name, settings)
        try expect(isNew == (self.queues[name] == nil), "declaring \(name) gave the wrong answer")
        if isNew { self.queues[name] = 0 }
    }

    private mutating func deleteQueue() async throws {
        let name = try self.queue()
        if self.queues[name] != nil { _ = try await self.engine.purge(name) }
        let wasThere = self.queues.removeValue(forKey: name) != nil
        try expect(try await self.engine.delete(name) == wasThere, "deleting \(name) gave the wrong answer")
        for index in self.exchanges.indices {
            self.exchanges[index].bindings.removeAll { $0.destination == .queue(name) }
        }
    }

    private mutating func bind(isNew: Bool) async throws {
        guard !self.exchanges.isEmpty else { return }
        let index = self.draw(0..<self.exchanges.count)
        let declared = self.exchanges[index]
        let condition = try self.condition(for: declared.kind)
        let destination: Binding.Destination =
            self.draw(0..<4) == 0 ? .exchange(try self.exchange()) : .queue(try self.queue())
        let binding = Binding(to: destination, where: condition)
        let isThere = declared.bindings.contains(binding)
        if !isNew {
            let answer = try await self.engine.unbind(declared.name, binding)
            try expect(answer == isThere, "taking \(binding) away was answered with \(answer)")
            self.exchanges[index].bindings.removeAll { $0 == binding }
            return
        }
        let exists =
            switch destination {
            case .queue(let queue): self.queues[queue] != nil
            case .exchange(let other): self.exchanges.contains { $0.name == other }
            }
        do {
            let answer = try await self.engine.bind(declared.name, binding)
            try expect(exists && answer == !isThere, "\(binding) was answered with \(answer)")
            if answer { self.exchanges[index].bindings.append(binding) }
        } catch let error as QueueError {
            try expect(
                !exists && [.unknownQueue, .unknownExchange].contains(error.code), "\(binding) was refused: \(error)")
        }
    }

    private mutating func words(_ choice: [String]) -> String {
        (0..<self.draw(0..<4)).map { _ in choice[self.draw(0..<choice.count)] }.joined(separator: ".")
    }

    private mutating func headers() -> [String: String] {
        var headers: [String: String] = [:]
        for _ in 0..<self.draw(0..<3) { headers[Self.words[self.draw(0..<3)]] = String(self.draw(0..<2)) }
        return headers
    }

    private mutating func condition(for kind: ExchangeKind) throws -> Binding.Condition {
        switch kind {
        case .fanout: .always
        case .direct: .key(self.words(Self.words))
        case .topic: .pattern(try TopicPattern(self.words(Self.words + ["*", "#"])))
        case .headers: self.draw(0..<2) == 0 ? .allHeaders(self.headers()) : .anyHeader(self.headers())
        }
    }

    // MARK: Routing

    private func isMeant(_ condition: Binding.Condition, _ key: String, _ headers: [String: String]) -> Bool {
        switch condition {
        case .always: true
        case .key(let other): other == key
        case .pattern(let pattern): naively(pattern, fits: key)
        case .allHeaders(let asked): asked.allSatisfy { headers[$0.key] == $0.value }
        case .anyHeader(let asked): asked.contains { headers[$0.key] == $0.value }
        }
    }

    private func route(
        _ name: ExchangeName, _ key: String, _ headers: [String: String], _ visited: inout Set<ExchangeName>
    ) -> Set<QueueName> {
        guard let exchange = self.exchanges.first(where: { $0.name == name }), visited.insert(name).inserted else {
            return []
        }
        var queues: Set<QueueName> = []
        var hasDestination = false
        for binding in exchange.bindings where self.isMeant(binding.condition, key, headers) {
            switch binding.destination {
            case .queue(let queue):
                queues.insert(queue)
                hasDestination = true
            case .exchange(let other):
                if self.exchanges.contains(where: { $0.name == other }) { hasDestination = true }
                queues.formUnion(self.route(other, key, headers, &visited))
            }
        }
        if !hasDestination, let alternate = exchange.alternate {
            queues.formUnion(self.route(alternate, key, headers, &visited))
        }
        return queues
    }

    private mutating func publish() async throws {
        guard !self.exchanges.isEmpty else { return }
        let name = self.exchanges[self.draw(0..<self.exchanges.count)].name
        let messages = (0..<self.draw(1..<4)).map { _ in
            RoutedMessage(OutgoingMessage([1], headers: self.headers()), routingKey: self.words(Self.words))
        }
        let outcomes = try await self.engine.publish(messages, through: name)
        try expect(outcomes.count == messages.count, "\(messages.count) messages have \(outcomes.count) outcomes")
        var full: RoutingOutcome?
        for (message, outcome) in zip(messages, outcomes) {
            if let full {
                try expect(outcome == full, "after \(full) came \(outcome)")
                continue
            }
            var visited: Set<ExchangeName> = []
            let queues = self.route(name, message.routingKey, message.message.headers, &visited).sorted()
            if let first = queues.first(where: { self.queues[$0] == Self.room }) {
                full = .full(first, .reject)
                try expect(outcome == .full(first, .reject), "\(first) is full, and the answer was \(outcome)")
            } else if queues.isEmpty {
                try expect(outcome == .unroutable, "nobody is bound, and the answer was \(outcome)")
            } else {
                guard case .stored(let copies) = outcome, copies.map(\.queue) == queues else {
                    throw ConformanceFailure("\(message) was to go to \(queues), and the answer was \(outcome)")
                }
                for queue in queues { self.queues[queue, default: 0] += 1 }
            }
        }
        for (queue, count) in self.queues {
            let found = try await self.engine.inspect(queue)?.statistics.count
            try expect(found == count, "\(queue) has \(String(describing: found)) messages, and not \(count)")
        }
    }
}
