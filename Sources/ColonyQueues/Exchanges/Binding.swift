/// By what an exchange decides where a message goes.
public enum ExchangeKind: String, Hashable, Sendable, CaseIterable, Codable {
    /// The routing key equals that of the binding.
    case direct
    /// The routing key fits the pattern of the binding.
    case topic
    /// Everywhere.
    case fanout
    /// The headers of the message are those that the binding asks for.
    case headers
}

/// Where an exchange sends messages, and which.
public struct Binding: Hashable, Sendable {
    /// Where they go.
    public enum Destination: Hashable, Sendable {
        /// Into a queue.
        case queue(QueueName)
        /// On to another exchange, which decides in its turn.
        case exchange(ExchangeName)
    }

    /// Which messages are meant; it must suit the kind of the exchange. Conditions are equal when their bytes are.
    public enum Condition: Sendable {
        /// All, for a fanout exchange.
        case always
        /// Those with this routing key, for a direct exchange.
        case key(String)
        /// Those whose routing key fits, for a topic exchange.
        case pattern(TopicPattern)
        /// Those that have all these headers, for a headers exchange. None asked for, all messages are meant.
        case allHeaders([String: String])
        /// Those that have at least one of these headers. None asked for, no message is meant.
        case anyHeader([String: String])
    }

    /// Where they go.
    public var destination: Destination
    /// Which are meant.
    public var condition: Condition

    /// Makes a binding.
    public init(to destination: Destination, where condition: Condition) {
        self.destination = destination
        self.condition = condition
    }
}

extension Binding.Condition {
    /// The kind of exchange that it is for.
    var kind: ExchangeKind {
        switch self {
        case .always: .fanout
        case .key: .direct
        case .pattern: .topic
        case .allHeaders, .anyHeader: .headers
        }
    }
}

extension Binding.Condition: Hashable {
    /// The same with texts that compare by their bytes.
    private enum Exact: Hashable {
        case always
        case key(ExactText)
        case pattern(TopicPattern)
        case allHeaders([ExactText: ExactText])
        case anyHeader([ExactText: ExactText])
    }

    private var exact: Exact {
        func exact(_ headers: [String: String]) -> [ExactText: ExactText] {
            // Names that differ in bytes only are one in the dictionary that is handed in.
            Dictionary(headers.map { (ExactText($0.key), ExactText($0.value)) }) { first, _ in first }
        }
        return switch self {
        case .always: .always
        case .key(let key): .key(ExactText(key))
        case .pattern(let pattern): .pattern(pattern)
        case .allHeaders(let asked): .allHeaders(exact(asked))
        case .anyHeader(let asked): .anyHeader(exact(asked))
        }
    }

    public static func == (first: Self, second: Self) -> Bool { first.exact == second.exact }

    public func hash(into hasher: inout Hasher) { self.exact.hash(into: &hasher) }

    /// Whether it is met by a header; the dictionary finds a name by another spelling as well, so the bytes are looked at.
    static func isMet(_ asked: (key: String, value: String), by headers: [String: String]) -> Bool {
        guard let index = headers.index(forKey: asked.key) else { return false }
        return ExactText.areEqual(headers[index].key, asked.key)
            && ExactText.areEqual(headers[index].value, asked.value)
    }

    /// Refuses a condition that no message could be held against.
    func validate() throws(QueueError) {
        switch self {
        case .always, .pattern: break
        case .key(let key): try TopicName.check(key, role: "routing key")
        case .allHeaders(let asked), .anyHeader(let asked):
            // The limits of a message are those of what it can be asked for.
            try OutgoingMessage([], headers: asked).validate()
        }
    }
}
