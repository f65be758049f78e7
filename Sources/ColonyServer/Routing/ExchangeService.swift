import ColonyCore
import ColonyQueues
import NIOCore

/// What the routes of exchanges do, apart from HTTP: bodies in, answers out.
final class ExchangeService: Sendable {
    let queues: QueueService

    init(queues: QueueService) {
        self.queues = queues
    }

    private func offered() throws(Problem) -> any ExchangeEngine {
        guard let engine = try self.queues.offered() as? any ExchangeEngine else {
            throw .unsupported("route messages through exchanges")
        }
        return engine
    }

    // MARK: Declaring

    func declare(_ name: ExchangeName, body: ByteBuffer, token: AccessToken?) async throws(Problem) -> Answer {
        let request = try ExchangeBody(body, limits: self.queues.limits)
        if let alternate = request.alternate { try token?.check(alternate.rawValue) }
        let engine = try self.offered()
        let isNew: Bool
        do {
            isNew = try await engine.declareExchange(name, request.kind, alternate: request.alternate)
        } catch {
            throw Problem(exchange: error)
        }
        return Answer(status: isNew ? 201 : 200) { body in
            body.writeJSON(#"{"name":"#)
            body.writeJSON(string: name.rawValue)
            Self.write(request.kind, request.alternate, to: &body)
            body.writeJSON("}")
        }
    }

    func delete(_ name: ExchangeName) async throws(Problem) -> Answer {
        let engine = try self.offered()
        let wasThere: Bool
        do {
            wasThere = try await engine.deleteExchange(name)
        } catch {
            throw Problem(exchange: error)
        }
        guard wasThere else { throw .unknown(name) }
        return Answer { $0.writeJSON(#"{"deleted":true}"#) }
    }

    /// Adds a binding, or takes it away.
    func bind(
        _ name: ExchangeName, _ isBound: Bool, body: ByteBuffer, token: AccessToken?
    ) async throws(Problem) -> Answer {
        let binding = try BindingBody.read(body, limits: self.queues.limits)
        // Whoever may bind may write to where the binding leads.
        switch binding.destination {
        case .queue(let queue): try token?.check(queue.rawValue)
        case .exchange(let exchange): try token?.check(exchange.rawValue)
        }
        let engine = try self.offered()
        let isChanged: Bool
        do {
            if isBound {
                isChanged = try await engine.bind(name, binding)
            } else {
                isChanged = try await engine.unbind(name, binding)
            }
        } catch {
            throw Problem(exchange: error)
        }
        return Answer { body in
            body.writeJSON(#"{"changed":"#)
            body.writeJSON(isChanged)
            body.writeJSON("}")
        }
    }

    // MARK: Looking

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["after", "limit"])
        let limit = try self.queues.limit(parameters)
        var after: ExchangeName?
        if let text = parameters["after"] {
            do throws(InvalidName) {
                // The default exchange, whose name is empty, is in no list; the other rules are those of queues.
                after = try ExchangeName(QueueName(text).rawValue)
            } catch {
                throw Problem(error)
            }
        }
        let records = try await self.records()
            .filter { record in
                (after.map { record.name > $0 } ?? true) && (token?.covers(record.name.rawValue) ?? true)
            }
        return Answer(capacity: 4_096) { body in
            body.writeJSON(#"{"exchanges":["#)
            var last: ExchangeName?
            var count = 0
            for record in records {
                guard count < limit, body.readableBytes < QueueService.answerBytes else { break }
                if count > 0 { body.writeJSON(",") }
                Self.write(record, to: &body)
                count += 1
                last = record.name
            }
            body.writeJSON("]")
            if count < records.count, let last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: last.rawValue)
            }
            body.writeJSON("}")
        }
    }

    func inspect(_ name: ExchangeName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        guard let record = try await self.records().first(where: { $0.name == name }) else { throw .unknown(name) }
        return Answer(capacity: 256) { Self.write(record, to: &$0) }
    }

    private func records() async throws(Problem) -> [ExchangeRecord] {
        let engine = try self.offered()
        do {
            return try await engine.exchanges()
        } catch {
            throw Problem(exchange: error)
        }
    }

    private static func write(_ record: ExchangeRecord, to body: inout ByteBuffer) {
        body.writeJSON(#"{"name":"#)
        body.writeJSON(string: record.name.rawValue)
        Self.write(record.kind, record.alternate, to: &body)
        body.writeJSON(#","bindings":["#)
        for (index, binding) in record.bindings.enumerated() {
            if index > 0 { body.writeJSON(",") }
            BindingBody.write(binding, to: &body)
        }
        body.writeJSON("]}")
    }

    private static func write(_ kind: ExchangeKind, _ alternate: ExchangeName?, to body: inout ByteBuffer) {
        body.writeJSON(#","kind":"#)
        body.writeJSON(string: kind.rawValue)
        if let alternate {
            body.writeJSON(#","alternate":"#)
            body.writeJSON(string: alternate.rawValue)
        }
    }

    // MARK: Publishing

    /// Publishes into all queues of each message, waiting for room if the request and the queue that is full say so.
    func publish(_ name: ExchangeName, body: ByteBuffer, client: Client) async throws(Problem) -> Answer {
        let request = try RoutedRequest(body, limits: self.queues.limits)
        let engine = try self.offered()
        var outcomes: [RoutingOutcome]
        do {
            outcomes = try await engine.publish(request.messages, through: name)
        } catch {
            throw Problem(exchange: error)
        }
        if request.wait > .zero, case .full(_, .wait) = outcomes.last {
            outcomes = try await self.publishWaiting(request, after: outcomes, through: name, engine, client)
        }
        // After the first without room all are.
        if case .full(let queue, let overflow) = outcomes.first { throw .full(queue, overflow) }
        if !outcomes.isEmpty, outcomes.allSatisfy({ $0 == .unroutable }) {
            throw Problem(
                .unroutable,
                "the exchange \(NameRules.quoted(name.rawValue)) has no queue for any of the \(outcomes.count) messages"
            )
        }
        return Answer(capacity: 32 + outcomes.count * 64) { Self.write(outcomes, to: &$0) }
    }

    private func publishWaiting(
        _ request: RoutedRequest, after first: [RoutingOutcome], through name: ExchangeName,
        _ engine: any ExchangeEngine, _ client: Client
    ) async throws(Problem) -> [RoutingOutcome] {
        guard case .full(let firstQueue, _) = first.last else { return first }
        let clock = self.queues.clock
        let deadline = clock.now.advanced(by: request.wait)
        let (result, end) = try await self.queues.register.run(for: firstQueue, client: client) { () async -> Routed in
            var outcomes = first.prefix { !$0.isFull }
            var full = first.last
            do throws(QueueError) {
                var seen: (queue: QueueName, changes: Int64)?
                while case .full(let queue, .wait) = full {
                    let left = clock.now.duration(to: deadline)
                    if left <= .zero { break }
                    // Changes are counted before asking once more, so that room that comes in between is not missed.
                    let known = seen?.queue == queue ? seen?.changes : nil
                    let changes = try await engine.waitForChange(
                        of: queue, since: known ?? 0, upTo: known == nil ? .zero : left)
                    seen = (queue, changes)
                    let rest = Array(request.messages[outcomes.count...])
                    let answers = try await engine.publish(rest, through: name)
                    outcomes += answers.prefix { !$0.isFull }
                    full = answers.last
                }
            } catch {
                return Routed(outcomes: Array(outcomes), full: full, error: error)
            }
            return Routed(outcomes: Array(outcomes), full: full)
        }
        let isStored = result.outcomes.contains { if case .stored = $0 { true } else { false } }
        if !isStored, let error = result.error {
            if error.code == .cancelled { try QueueService.refuse(end) }
            throw Problem(exchange: error)
        }
        let missing = request.messages.count - result.outcomes.count
        guard missing > 0, let full = result.full else { return result.outcomes }
        return result.outcomes + Array(repeating: full, count: missing)
    }

    private static func write(_ outcomes: [RoutingOutcome], to body: inout ByteBuffer) {
        body.writeJSON("[")
        for (index, outcome) in outcomes.enumerated() {
            if index > 0 { body.writeJSON(",") }
            switch outcome {
            case .stored(let copies):
                body.writeJSON(#"{"queues":["#)
                for (index, copy) in copies.enumerated() {
                    body.writeJSON(index == 0 ? #"{"queue":"# : #",{"queue":"#)
                    body.writeJSON(string: copy.queue.rawValue)
                    body.writeJSON(#","id":"#)
                    body.writeJSON(copy.id.rawValue)
                    body.writeJSON(copy.isDuplicate ? #","duplicate":true}"# : "}")
                }
                body.writeJSON("]}")
            case .full(let queue, let overflow):
                body.writeJSON(#"{"code":"full","queue":"#)
                body.writeJSON(string: queue.rawValue)
                body.writeJSON(#","overflow":"#)
                body.writeJSON(string: overflow.rawValue)
                body.writeJSON("}")
            case .unroutable: body.writeJSON(#"{"code":"unroutable"}"#)
            }
        }
        body.writeJSON("]")
    }
}

/// What became of a publish that waited.
private struct Routed: Sendable {
    var outcomes: [RoutingOutcome]
    /// What those after these came to.
    var full: RoutingOutcome?
    var error: QueueError?
}

extension RoutingOutcome {
    fileprivate var isFull: Bool { if case .full = self { true } else { false } }
}

extension Problem {
    /// An error of an exchange: a conflict is one of the exchange, not of a queue.
    init(exchange error: QueueError) {
        switch error.code {
        case .conflict: self.init(.exchangeConflict, error.message)
        case .unknownExchange: self.init(.unknownExchange, error.message)
        case .unroutable: self.init(.unroutable, error.message)
        default: self.init(error)
        }
    }

    static func unknown(_ exchange: ExchangeName) -> Problem {
        Problem(.unknownExchange, "there is no exchange \(NameRules.quoted(exchange.rawValue))")
    }
}
