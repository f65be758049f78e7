import ColonyCore

/// Which topics are meant: words separated by dots, where `*` stands for one word and `#` for any number of words, none included.
///
/// `orders.*.paid` fits `orders.de.paid` and not `orders.paid`; `orders.#` fits both, and `orders` itself. A pattern without `*` and
/// `#` fits the topic that is spelled like it. Only whole words are wildcards: `a*` is a word. As in RabbitMQ, words may be empty, so
/// that `a..b` has three, and the empty text has none.
///
/// `#` beside `#` says nothing more, and `#.*` says the same as `*.#`; patterns are kept in one spelling, so that those that mean the
/// same are equal.
///
/// - SeeAlso: AMQP 0-9-1, section 3.1.3.3, "The Topic Exchange Type".
///
/// Patterns are equal when their bytes are.
public struct TopicPattern: Sendable {
    /// The words, in the one spelling.
    package let words: [String]

    /// Makes a pattern from text that comes from outside.
    ///
    /// - Throws: ``QueueError`` with `invalidRequest`, quoting the text, if it has more than 255 bytes or a control character.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(QueueError) {
        try TopicName.check(text, role: "topic pattern")
        self.words = Self.canonical(TopicName.words(of: text))
        self.text = self.words.joined(separator: ".")
    }

    /// The text in the one spelling.
    public let text: String

    /// In each run of wildcards the stars come first, and one `#` stands for all.
    private static func canonical(_ words: [String]) -> [String] {
        var result: [String] = []
        var (stars, hasHash) = (0, false)
        func flush() {
            result += Array(repeating: "*", count: stars)
            if hasHash { result.append("#") }
            (stars, hasHash) = (0, false)
        }
        for word in words {
            switch word {
            case "*": stars += 1
            case "#": hasHash = true
            default:
                flush()
                result.append(word)
            }
        }
        flush()
        return result
    }
}

extension TopicPattern: Hashable, Comparable {
    public static func == (first: Self, second: Self) -> Bool { ExactText.areEqual(first.text, second.text) }

    public static func < (first: Self, second: Self) -> Bool {
        first.text.utf8.lexicographicallyPrecedes(second.text.utf8)
    }

    public func hash(into hasher: inout Hasher) { ExactText(self.text).hash(into: &hasher) }
}

extension TopicPattern: ExpressibleByStringLiteral {
    /// Makes a pattern from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension TopicPattern: CustomStringConvertible, Codable {
    public var description: String { self.text }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as QueueError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }
}

/// What a message is about: words separated by dots, such as `orders.de.paid`. `*` and `#` are words like others here.
///
/// Names are equal when their bytes are.
public struct TopicName: Sendable, CustomStringConvertible {
    /// The name as text.
    public let text: String

    /// Makes a name from text that comes from outside; the empty text is a name without words.
    ///
    /// - Throws: ``QueueError`` with `invalidRequest`, quoting the text, if it has more than 255 bytes or a control character.
    public init(_ text: String) throws(QueueError) {
        try Self.check(text, role: "topic")
        self.text = text
    }

    public var description: String { self.text }

    var words: [String] { Self.words(of: self.text) }

    static func words(of text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }

    static func check(_ text: String, role: String) throws(QueueError) {
        if text.isEmpty { return }
        guard let defect = NameRules.defect(in: text) else { return }
        throw QueueError(.invalidRequest, "\(NameRules.quoted(text)) cannot be a \(role): \(defect)")
    }
}

extension TopicName: Hashable, Comparable, ExpressibleByStringLiteral {
    public static func == (first: Self, second: Self) -> Bool { ExactText.areEqual(first.text, second.text) }

    public static func < (first: Self, second: Self) -> Bool {
        first.text.utf8.lexicographicallyPrecedes(second.text.utf8)
    }

    public func hash(into hasher: inout Hasher) { ExactText(self.text).hash(into: &hasher) }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}
