import ColonyCore
import ColonyQueues
import NIOCore

/// What the queue routes do, apart from HTTP: bodies in, answers out.
///
/// The engine decides. This service waits for those who ask for it, bounds what one request may take, and gives messages
/// back whose receiver is gone.
final class QueueService: Sendable {
    /// How many bytes of messages one answer has before it leaves the rest for the next request.
    static let answerBytes = 8 << 20
    /// How many messages are fetched at once where their sizes are not known, so that large ones do not fill the memory.
    static let slice = 100

    let register: WaitRegister<QueueName>
    let limits: DaemonConfiguration.Limits
    let settings: DaemonConfiguration.Queues
    let hub: EventHub
    private let gauges: QueueGauges
    let clock: any MonotonicClock
    let wallClock: any WallClock
    private let engine: (any QueueAdministration)?

    init(
        engine: (any QueueAdministration)?, settings: DaemonConfiguration.Queues, limits: DaemonConfiguration.Limits,
        hub: EventHub, clock: any MonotonicClock, wallClock: any WallClock
    ) {
        self.hub = hub
        self.gauges = QueueGauges(limit: settings.measured, clock: clock)
        self.engine = engine
        self.settings = settings
        self.register = WaitRegister(limit: limits.waiters, limitPerName: limits.waitersPerName)
        self.limits = limits
        self.clock = clock
        self.wallClock = wallClock
    }

    /// The store of queues.
    func offered() throws(Problem) -> any QueueAdministration {
        guard let engine else {
            throw Problem(.notOffered, "this server was given no store of queues")
        }
        return engine
    }

    /// Writes what the metrics tell of queues, as far as the token may see them.
    func writeMetrics(token: AccessToken?, to body: inout ByteBuffer) async {
        guard let engine = self.engine else { return }
        let records = await self.gauges.records(of: engine)
        QueueGauges.write(
            records.filter { token?.covers($0.name.rawValue) ?? true }, now: self.wallClock.now, to: &body)
    }

    /// Ends every wait and lets no new one begin.
    func drain() { self.register.drain() }

    // MARK: Declaring

    func declare(_ name: QueueName, body: ByteBuffer, token: AccessToken?) async throws(Problem) -> Answer {
        let settings = try QueueSettingsBody.read(body, limits: self.limits)
        // Whoever may choose where dead letters go could write there.
        if let deadLetters = settings.deadLetterQueue { try token?.check(deadLetters.rawValue) }
        let engine = try self.offered()
        let isNew: Bool
        do {
            isNew = try await engine.declare(name, settings)
        } catch {
            throw Problem(error)
        }
        return Answer(status: isNew ? 201 : 200, capacity: 512) { body in
            body.writeJSON(#"{"name":"#)
            body.writeJSON(string: name.rawValue)
            body.writeJSON(#","settings":"#)
            QueueSettingsBody.write(settings, to: &body)
            body.writeJSON("}")
        }
    }

    func delete(_ name: QueueName) async throws(Problem) -> Answer {
        let engine = try self.offered()
        let wasThere: Bool
        do {
            wasThere = try await engine.delete(name)
        } catch {
            if error.code == .conflict { throw Problem(.queueNotEmpty, error.message) }
            throw Problem(error)
        }
        guard wasThere else { throw .unknown(name) }
        return Answer { $0.writeJSON(#"{"deleted":true}"#) }
    }

    func pause(_ name: QueueName, _ isPaused: Bool) async throws(Problem) -> Answer {
        let engine = try self.offered()
        let isChanged: Bool
        do {
            isChanged = try await engine.pause(name, isPaused)
        } catch {
            throw Problem(error)
        }
        return Answer { body in
            body.writeJSON(#"{"is_paused":"#)
            body.writeJSON(isPaused)
            body.writeJSON(#","changed":"#)
            body.writeJSON(isChanged)
            body.writeJSON("}")
        }
    }

    // MARK: Looking

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["after", "limit"])
        let limit = try self.limit(parameters)
        var after: QueueName?
        if let text = parameters["after"] {
            do throws(InvalidName) {
                after = try QueueName(text)
            } catch {
                throw Problem(error)
            }
        }
        let engine = try self.offered()
        var records: [QueueRecord] = []
        do {
            while records.count < limit {
                let page = try await engine.queues(after: after, limit: limit)
                for record in page where records.count < limit && (token?.covers(record.name.rawValue) ?? true) {
                    records.append(record)
                }
                after = page.last?.name
                if page.count < limit { break }
            }
        } catch {
            throw Problem(error)
        }
        let durability = engine.durability
        return Answer(capacity: 64 + records.count * 768) { body in
            body.writeJSON(#"{"durability":""#)
            body.writeString("\(durability)")
            body.writeJSON(#"","queues":["#)
            for (index, record) in records.enumerated() {
                if index > 0 { body.writeJSON(",") }
                QueueAnswers.write(record, now: nil, to: &body)
            }
            body.writeJSON("]")
            if records.count == limit, let last = records.last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: last.name.rawValue)
            }
            body.writeJSON("}")
        }
    }

    func inspect(_ name: QueueName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let record = try await self.record(of: name)
        let now = self.wallClock.now
        return Answer(capacity: 768) { QueueAnswers.write(record, now: now, to: &$0) }
    }

    /// The queue as it stands.
    func record(of name: QueueName) async throws(Problem) -> QueueRecord {
        let engine = try self.offered()
        let record: QueueRecord?
        do {
            record = try await engine.inspect(name)
        } catch {
            throw Problem(error)
        }
        guard let record else { throw .unknown(name) }
        return record
    }

    /// Waits until something has changed in a queue, or tells how many changes there were.
    func changes(
        of name: QueueName, query: Substring.UTF8View, client: Client
    ) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["since", "wait_ms"])
        let seen = try parameters.integer("since", in: 0...Int64.max) ?? 0
        let wait = try parameters.integer("wait_ms", in: 0...self.limits.wait.clampedMilliseconds) ?? 0
        let engine = try self.offered()
        let result: Result<Int64, QueueError>
        if wait == 0 {
            result = await Self.outcome { () async throws(QueueError) in
                try await engine.waitForChange(of: name, since: seen, upTo: .zero)
            }
        } else {
            let (value, end) = try await self.register.run(for: name, client: client) {
                await Self.outcome { () async throws(QueueError) in
                    try await engine.waitForChange(of: name, since: seen, upTo: .milliseconds(wait))
                }
            }
            if case .failure(let error) = value, error.code == .cancelled { try Self.refuse(end) }
            result = value
        }
        switch result {
        case .success(let changes):
            return Answer { body in
                body.writeJSON(#"{"changes":"#)
                body.writeJSON(changes)
                body.writeJSON("}")
            }
        case .failure(let error): throw Problem(error)
        }
    }

    // MARK: Shared

    func limit(_ parameters: QueryParameters) throws(Problem) -> Int {
        try parameters.integer("limit", in: 1...self.limits.batch) ?? min(100, self.limits.batch)
    }

    /// Says to whom nothing can be given that the wait was ended.
    static func refuse(_ end: WaitEnd?) throws(Problem) {
        switch end {
        case .clientGone: throw .clientGone
        case .draining: throw .draining
        case nil: break
        }
    }

    static func outcome<Value: Sendable>(
        _ body: () async throws(QueueError) -> Value
    ) async -> Result<Value, QueueError> {
        do throws(QueueError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
