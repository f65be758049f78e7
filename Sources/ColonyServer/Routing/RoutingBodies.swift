import ColonyCore
import ColonyQueues
import NIOCore

/// The bodies that the routes of exchanges and topics take, read strictly.
struct ExchangeBody {
    var kind: ExchangeKind
    /// Where messages go that the exchange has no destination for.
    var alternate: ExchangeName?

    private static let members: [StaticString] = ["kind", "alternate"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var kind: ExchangeKind?
        var alternate: ExchangeName?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            if index == 0 {
                kind = try reader.readChoice() as ExchangeKind
            } else {
                alternate = try reader.readExchangeName(atMost: limits.nameBytes)
            }
        }
        guard let kind else { throw .missing("kind") }
        self.kind = kind
        self.alternate = alternate
    }
}

/// Where an exchange sends messages, and which.
enum BindingBody {
    /// How many of the headers that a binding asks for a message must have.
    enum Match: String, CaseIterable {
        case all, any
    }

    private static let members: [StaticString] = ["queue", "exchange", "key", "pattern", "headers", "match"]

    static func read(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) -> Binding {
        var destinations: [Binding.Destination] = []
        var conditions: [Binding.Condition] = []
        var headers: [String: String]?
        var match: Match?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: destinations.append(.queue(try reader.readQueueName(atMost: limits.nameBytes)))
            case 1: destinations.append(.exchange(try reader.readExchangeName(atMost: limits.nameBytes)))
            case 2: conditions.append(.key(try reader.readString()))
            case 3: conditions.append(.pattern(try reader.readPattern()))
            case 4: headers = try reader.readStrings(atMost: MessageLimits.headers)
            default: match = try reader.readChoice() as Match
            }
        }
        if let headers { conditions.append(match == .any ? .anyHeader(headers) : .allHeaders(headers)) }
        if headers == nil, match != nil { throw Problem(.invalidRequest, "match is there, and headers are missing") }
        guard let destination = destinations.first, destinations.count == 1 else {
            throw Problem(
                .invalidRequest,
                destinations.isEmpty ? "queue or exchange is missing" : "both queue and exchange are there")
        }
        guard conditions.count <= 1 else {
            throw Problem(
                .invalidRequest, "one of key, pattern, and headers is the most, and there are \(conditions.count)")
        }
        return Binding(to: destination, where: conditions.first ?? .always)
    }

    static func write(_ binding: Binding, to body: inout ByteBuffer) {
        switch binding.destination {
        case .queue(let queue):
            body.writeJSON(#"{"queue":"#)
            body.writeJSON(string: queue.rawValue)
        case .exchange(let exchange):
            body.writeJSON(#"{"exchange":"#)
            body.writeJSON(string: exchange.rawValue)
        }
        switch binding.condition {
        case .always: break
        case .key(let key):
            body.writeJSON(#","key":"#)
            body.writeJSON(string: key)
        case .pattern(let pattern):
            body.writeJSON(#","pattern":"#)
            body.writeJSON(string: pattern.text)
        case .allHeaders(let headers):
            body.writeJSON(#","match":"all","headers":"#)
            QueueAnswers.write(headers, to: &body)
        case .anyHeader(let headers):
            body.writeJSON(#","match":"any","headers":"#)
            QueueAnswers.write(headers, to: &body)
        }
        body.writeJSON("}")
    }
}

/// Messages on their way through an exchange.
struct RoutedRequest {
    var messages: [RoutedMessage]
    /// How long to wait for room.
    var wait: Duration

    private static let members: [StaticString] = ["messages", "wait_ms"]
    private static let messageMembers: [StaticString] = MessageFields.members + ["routing_key"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var messages: [RoutedMessage]?
        var wait: Duration = .zero
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            if index == 0 {
                var list: [RoutedMessage] = []
                try reader.readArray(atMost: limits.batch) { reader throws(JSONDefect) in
                    list.append(try Self.readMessage(&reader))
                }
                messages = list
            } else {
                wait = try reader.readDuration(in: .zero...limits.wait)
            }
        }
        guard let messages else { throw .missing("messages") }
        self.messages = messages
        self.wait = wait
    }

    private static func readMessage(_ reader: inout JSONReader) throws(JSONDefect) -> RoutedMessage {
        var fields = MessageFields()
        var routingKey = ""
        try reader.readObject(Self.messageMembers) { reader, index throws(JSONDefect) in
            if index < MessageFields.members.count {
                try fields.read(&reader, index)
            } else {
                routingKey = try reader.readTopic().text
            }
        }
        return RoutedMessage(try fields.finished(reader), routingKey: routingKey)
    }
}

extension JSONReader {
    /// Reads the name of an exchange; the empty one is that of the default exchange.
    mutating func readExchangeName(atMost maximumBytes: Int) throws(JSONDefect) -> ExchangeName {
        let text = try self.readString()
        guard text.utf8.count <= maximumBytes || text.utf8.count > NameRules.maximumBytes else {
            throw .invalidName(
                path: self.currentPath,
                reason: "\(NameRules.quoted(text)) has \(text.utf8.count) bytes, and this server takes \(maximumBytes)")
        }
        do throws(InvalidName) {
            return try ExchangeName(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: error.description)
        }
    }

    mutating func readPattern() throws(JSONDefect) -> TopicPattern {
        let text = try self.readString()
        do throws(QueueError) {
            return try TopicPattern(text)
        } catch {
            throw .outOfRange(path: self.currentPath, reason: error.message)
        }
    }

    mutating func readTopic() throws(JSONDefect) -> TopicName {
        let text = try self.readString()
        do throws(QueueError) {
            return try TopicName(text)
        } catch {
            throw .outOfRange(path: self.currentPath, reason: error.message)
        }
    }
}
