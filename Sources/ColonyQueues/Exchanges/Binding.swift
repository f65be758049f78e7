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

    /// Which messages are meant; it must suit the kind of the exchange.
    public enum Condition: Hashable, Sendable {
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
