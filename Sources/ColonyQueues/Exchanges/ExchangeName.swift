public import ColonyCore

/// The name of an exchange, such as `orders`. The empty name is that of the default exchange, which is always there.
public struct ExchangeName: StoredName {
    /// The role that errors name.
    public static var role: String { "exchange name" }

    /// The name as text.
    public let rawValue: String

    /// The exchange that takes each message to the queue that is named like its routing key.
    public static let `default` = ExchangeName(unchecked: "")

    /// The topic exchange through which what is published to a topic reaches queues; a binding of it is a durable subscription.
    public static let topics = ExchangeName(unchecked: "colony.topics")

    private init(unchecked text: String) { self.rawValue = text }

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it. The empty text is no error.
    public init(_ text: String) throws(InvalidName) {
        self.rawValue = text.isEmpty ? text : try Self.checked(text)
    }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.init(literal: value)
    }
}

extension ExchangeName {
    /// The name for sentences.
    var quoted: String { self == .default ? "the default exchange" : "the exchange \"\(self.rawValue)\"" }
}
