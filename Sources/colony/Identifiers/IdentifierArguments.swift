import ArgumentParser
import ColonyCore
import ColonyIdentifiers

/// A kind of identifier on the command line.
struct KindArgument: Sendable, CustomStringConvertible {
    let value: IdentifierKind

    init(_ value: IdentifierKind) {
        self.value = value
    }

    init(_ text: String) throws {
        self.value = try Choice.of(text, among: Self.all, as: "kind of identifier")
    }

    static var all: [(name: String, value: IdentifierKind)] { IdentifierKind.allCases.map { ($0.rawValue, $0) } }

    var description: String { self.value.rawValue }
}

/// A layout of Snowflake identifiers on the command line: one of the presets.
struct LayoutArgument: Sendable, CustomStringConvertible {
    let name: String
    let value: SnowflakeLayout

    init(_ text: String) throws {
        self.value = try Choice.of(text, among: SnowflakeLayout.presets.map { ($0.name, $0.layout) }, as: "layout")
        self.name = text
    }

    static let classic = LayoutArgument(name: "classic", value: .classic)

    private init(name: String, value: SnowflakeLayout) {
        self.name = name
        self.value = value
    }

    static var names: [String] { SnowflakeLayout.presets.map(\.name) }

    var description: String { self.name }
}

/// How a Snowflake identifier is written.
enum IdentifierFormat: String, CaseIterable, Sendable {
    case decimal
    case crockford32
    case base62

    static func named(_ text: String) throws -> IdentifierFormat {
        try Choice.of(text, among: Self.allCases.map { ($0.rawValue, $0) }, as: "format")
    }

    func text(of id: SnowflakeID) -> String {
        switch self {
        case .decimal: id.description
        case .crockford32: id.text(.crockford32)
        case .base62: id.text(.base62)
        }
    }
}

/// A word that must be one of a few.
enum Choice {
    /// - Throws: `ValidationError` with the word, the nearest of the few, and all of them.
    static func of<Value>(_ text: String, among choices: [(name: String, value: Value)], as what: String) throws
        -> Value
    {
        if let found = choices.first(where: { $0.name == text }) { return found.value }
        let names = choices.map(\.name)
        let hint = Spelling.nearest(to: text.lowercased(), among: names).map { "Did you mean \($0)? " } ?? ""
        throw ValidationError(
            "There is no \(what) \(NameRules.quoted(text)). \(hint)There are \(names.joined(separator: ", ")).")
    }
}
