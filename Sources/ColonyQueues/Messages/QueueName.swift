public import ColonyCore

/// The name of a queue, such as `orders` or `mail.retry`.
///
/// A name has 1 to 255 bytes of UTF-8 and no control characters. Names are equal when their bytes are equal: two
/// spellings of `é` are two names, on every engine, because stores compare bytes while `String` compares characters.
public struct QueueName: Sendable {
    /// The name as text.
    public let rawValue: String

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidName) {
        if let defect = NameRules.defect(in: text) {
            throw InvalidName(role: "queue name", value: text, reason: defect)
        }
        var text = text
        text.makeContiguousUTF8()
        self.rawValue = text
    }
}

extension QueueName: ExpressibleByStringLiteral {
    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension QueueName: Hashable, Comparable, CustomStringConvertible {
    public static func == (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.elementsEqual(second.rawValue.utf8)
    }

    /// Orders names by their bytes, as stores do.
    public static func < (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.lexicographicallyPrecedes(second.rawValue.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in self.rawValue.utf8 { hasher.combine(byte) }
        hasher.combine(0xFF as UInt8)
    }

    public var description: String { self.rawValue }
}

extension QueueName: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as InvalidName {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }
}
