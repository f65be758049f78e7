import ColonyCore

/// The name of a switch: what kind of thing it moves, and which one.
///
/// As text it is the kind, a slash, and the name, such as `breaker/payments`. All processes that give a thing the same name share its switch.
public struct SwitchID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// What is moved.
    public enum Kind: String, CaseIterable, Codable, Hashable, Sendable {
        /// A ``CircuitBreaker``.
        case breaker
        /// A shared limit, which the daemon switches.
        case limit
    }

    /// What is moved.
    public let kind: Kind
    /// Which one. 1 to 200 bytes of UTF-8 without control characters.
    public let name: String

    /// The most bytes of a name.
    public static let maximumNameBytes = 200

    /// Makes the name of a switch.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the name.
    public init(_ kind: Kind, _ name: String) throws(ResilienceError) {
        if let defect = NameRules.defect(in: name, upTo: Self.maximumNameBytes) {
            throw ResilienceError(
                .invalidRequest, "\(NameRules.quoted(name)) cannot be the name of a switch: \(defect)")
        }
        self.kind = kind
        self.name = name
    }

    /// Reads the text of a switch, such as `breaker/payments`.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the text.
    public init(_ text: String) throws(ResilienceError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])) else {
            let kinds = Kind.allCases.map(\.rawValue).joined(separator: " or ")
            throw ResilienceError(
                .invalidRequest, "\(NameRules.quoted(text)) names no switch: \(kinds), a slash, and a name are needed")
        }
        try self.init(kind, String(parts[1]))
    }

    /// Reads the text of a switch.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as ResilienceError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    /// Writes the text of the switch.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }

    /// Orders switches by kind and name.
    public static func < (first: Self, second: Self) -> Bool {
        first.description < second.description
    }

    public var description: String { "\(self.kind.rawValue)/\(self.name)" }
}
