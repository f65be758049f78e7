public import ColonyCore

/// The name of an exchange, such as `orders`. The empty name is that of the default exchange, which is always there.
///
/// Otherwise a name has 1 to 255 bytes of UTF-8 and no control characters, and names are equal when their bytes are.
public struct ExchangeName: Sendable {
    /// The name as text.
    public let rawValue: String

    /// The exchange that takes each message to the queue that is named like its routing key.
    public static let `default` = ExchangeName(unchecked: "")

    /// The topic exchange through which what is published to a topic reaches queues; a binding of it is a durable subscription.
    public static let topics = ExchangeName(unchecked: "colony.topics")

    private init(unchecked text: String) { self.rawValue = text }

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it. The empty text is no error.
    public init(_ text: String) throws(InvalidName) {
        if !text.isEmpty, let defect = NameRules.defect(in: text) {
            throw InvalidName(role: "exchange name", value: text, reason: defect)
        }
        var text = text
        text.makeContiguousUTF8()
        self.rawValue = text
    }
}

extension ExchangeName: ExpressibleByStringLiteral {
    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension ExchangeName: Hashable, Comparable, CustomStringConvertible {
    public static func == (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.elementsEqual(second.rawValue.utf8)
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.lexicographicallyPrecedes(second.rawValue.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in self.rawValue.utf8 { hasher.combine(byte) }
        hasher.combine(0xFF as UInt8)
    }

    public var description: String { self.rawValue }
}

extension ExchangeName {
    /// The name for sentences.
    var quoted: String { self == .default ? "the default exchange" : "the exchange \"\(self.rawValue)\"" }
}
