import ColonyCore
import ColonyQueues
import NIOCore

/// What the routes of topics do, apart from HTTP and the stream of events: bodies in, answers out.
final class TopicService: Sendable {
    let queues: QueueService
    /// What all clients that follow topics share; `nil` if the store has none.
    let topics: Topics?
    /// The open streams, so that their number is bounded and that all of them can be ended at once.
    let streams: WaitRegister<TopicPattern>

    init(queues: QueueService) {
        self.queues = queues
        let engine: (any QueueAdministration)? = try? queues.offered()
        self.topics = (engine as? any TopicEngine).map { Topics(on: $0, clock: queues.clock) }
        self.streams = WaitRegister(limit: queues.limits.streams, limitPerName: queues.limits.streams)
    }

    /// The store, if it has a log of topics.
    func offered() throws(Problem) -> any TopicEngine {
        guard let engine = try self.queues.offered() as? any TopicEngine else { throw .unsupported("keep topics") }
        return engine
    }

    // MARK: Publishing

    /// Stores messages in the log of topics and in the queues that are bound to the topic.
    func publish(_ topic: TopicName, body: ByteBuffer) async throws(Problem) -> Answer {
        let messages = try TopicBodies.messages(body, to: topic, limits: self.queues.limits)
        let engine = try self.offered()
        let outcomes: [TopicOutcome]
        do {
            outcomes = try await engine.publish(messages)
        } catch {
            throw Problem(exchange: error)
        }
        if case .full(let queue, let overflow) = outcomes.first { throw .full(queue, overflow) }
        return Answer(capacity: 32 + outcomes.count * 24) { body in
            body.writeJSON("[")
            for (index, outcome) in outcomes.enumerated() {
                if index > 0 { body.writeJSON(",") }
                switch outcome {
                case .stored(let offset):
                    body.writeJSON(#"{"offset":"#)
                    body.writeJSON(offset.rawValue)
                case .full(let queue, let overflow):
                    body.writeJSON(#"{"code":"full","queue":"#)
                    body.writeJSON(string: queue.rawValue)
                    body.writeJSON(#","overflow":"#)
                    body.writeJSON(string: overflow.rawValue)
                }
                body.writeJSON("}")
            }
            body.writeJSON("]")
        }
    }

    // MARK: Looking

    /// What is kept, and which queues are subscribed; of those only what the token may see.
    func list(query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let engine = try self.offered()
        let retentions: [RetentionRecord]
        let exchanges: [ExchangeRecord]
        do {
            retentions = try await engine.retentions()
            exchanges = try await engine.exchanges()
        } catch {
            throw Problem(exchange: error)
        }
        let subscriptions = exchanges.first { $0.name == .topics }?.bindings ?? []
        return Answer(capacity: 1_024) { body in
            body.writeJSON(#"{"retentions":["#)
            for (index, record) in retentions.filter({ token?.covers($0.pattern.text) ?? true }).enumerated() {
                if index > 0 { body.writeJSON(",") }
                body.writeJSON(#"{"pattern":"#)
                body.writeJSON(string: record.pattern.text)
                Self.write(record.retention, to: &body)
                body.writeJSON(#","messages":"#)
                body.writeJSON(record.messages)
                body.writeJSON(#","bytes":"#)
                body.writeJSON(record.bytes)
                body.writeJSON("}")
            }
            body.writeJSON(#"],"subscriptions":["#)
            var count = 0
            for binding in subscriptions {
                guard case .queue(let queue) = binding.destination, case .pattern(let pattern) = binding.condition,
                    token?.covers(queue.rawValue) ?? true
                else { continue }
                body.writeJSON(count == 0 ? #"{"pattern":"# : #",{"pattern":"#)
                body.writeJSON(string: pattern.text)
                body.writeJSON(#","queue":"#)
                body.writeJSON(string: queue.rawValue)
                body.writeJSON("}")
                count += 1
            }
            body.writeJSON("]}")
        }
    }

    private static func write(_ retention: TopicRetention, to body: inout ByteBuffer) {
        body.writeJSON(#","retention_ms":"#)
        body.writeJSON(retention.duration.clampedMilliseconds)
        body.writeJSON(#","retention_bytes":"#)
        body.writeJSON(retention.bytes)
    }

    // MARK: Keeping

    func retain(_ pattern: TopicPattern, body: ByteBuffer) async throws(Problem) -> Answer {
        let retention = try TopicBodies.retention(body)
        try await self.setRetention(pattern, retention)
        return Answer { body in
            body.writeJSON(#"{"pattern":"#)
            body.writeJSON(string: pattern.text)
            Self.write(retention, to: &body)
            body.writeJSON("}")
        }
    }

    func forget(_ pattern: TopicPattern) async throws(Problem) -> Answer {
        try await self.setRetention(pattern, nil)
        return Answer { $0.writeJSON(#"{"deleted":true}"#) }
    }

    private func setRetention(_ pattern: TopicPattern, _ retention: TopicRetention?) async throws(Problem) {
        let engine = try self.offered()
        do {
            try await engine.retain(pattern, retention)
        } catch {
            throw Problem(exchange: error)
        }
    }

    /// Makes a queue a durable subscription of a pattern, or ceases to.
    func subscribe(
        _ queue: QueueName, to pattern: TopicPattern, _ isSubscribed: Bool
    ) async throws(Problem) -> Answer {
        let engine = try self.offered()
        let binding = Binding(to: .queue(queue), where: .pattern(pattern))
        let isChanged: Bool
        do {
            if isSubscribed {
                isChanged = try await engine.bind(.topics, binding)
            } else {
                isChanged = try await engine.unbind(.topics, binding)
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
}

/// The bodies that the routes of topics take, read strictly.
enum TopicBodies {
    private static let members: [StaticString] = ["messages"]
    private static let messageMembers: [StaticString] = ["body", "key", "headers", "body_base64"]
    private static let retentionMembers: [StaticString] = ["retention_ms", "retention_bytes"]

    /// From a second to a hundred years.
    static let retentions: ClosedRange<Duration> = .seconds(1)...MessageLimits.delay

    static func messages(
        _ body: ByteBuffer, to topic: TopicName, limits: DaemonConfiguration.Limits
    ) throws(Problem) -> [TopicMessage] {
        var messages: [TopicMessage]?
        try body.readJSON(Self.members) { reader, _ throws(JSONDefect) in
            var list: [TopicMessage] = []
            try reader.readArray(atMost: limits.batch) { reader throws(JSONDefect) in
                list.append(try Self.readMessage(&reader, to: topic))
            }
            messages = list
        }
        guard let messages else { throw .missing("messages") }
        return messages
    }

    private static func readMessage(
        _ reader: inout JSONReader, to topic: TopicName
    ) throws(JSONDefect) -> TopicMessage {
        var fields = MessageFields()
        try reader.readObject(Self.messageMembers) { reader, index throws(JSONDefect) in
            // Their places among the members of a message for a queue.
            try fields.read(&reader, [0, 1, 5, 6][index])
        }
        let message = try fields.finished(reader)
        return TopicMessage(topic, message.body, key: message.key, headers: message.headers)
    }

    static func retention(_ body: ByteBuffer) throws(Problem) -> TopicRetention {
        var duration: Duration?
        var bytes: Int64?
        try body.readJSON(Self.retentionMembers) { reader, index throws(JSONDefect) in
            if index == 0 {
                duration = try reader.readDuration(in: Self.retentions)
            } else {
                bytes = try reader.readNumber(in: 1...Int64(Int.max))
            }
        }
        guard let duration else { throw .missing("retention_ms") }
        return bytes.map { TopicRetention(duration, upTo: Int($0)) } ?? TopicRetention(duration)
    }
}
