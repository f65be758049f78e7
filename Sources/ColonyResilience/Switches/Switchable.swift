/// What an operator can look at and switch while a process runs: a circuit breaker, a rate limiter.
///
/// The decision stays in the process. A switch only takes it over for a while: until it is `automatic` again.
public protocol Switchable: Sendable {
    /// Which switch moves it.
    var switchID: SwitchID { get }

    /// How it stands now.
    var switchReport: SwitchReport { get }

    /// Puts it into a position. Repeating a position changes nothing.
    func apply(_ position: SwitchPosition)
}

/// What a switch does.
public enum SwitchPosition: String, CaseIterable, Codable, Hashable, Sendable {
    /// The layer decides by itself.
    case automatic
    /// Every call is refused.
    case refusing
    /// Every call is let through, and nothing is counted.
    case passing
}

/// The name of a switch: what kind of thing it moves, and which one.
///
/// As text it is the kind, a slash, and the name, such as `breaker/payments`. All processes that give a thing the same name share its switch.
public struct SwitchID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// What is moved.
    public enum Kind: String, CaseIterable, Codable, Hashable, Sendable {
        /// A ``CircuitBreaker``.
        case breaker
        /// A rate limit.
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
        if let defect = Self.defect(in: name) {
            throw ResilienceError(.invalidRequest, "\(defect)")
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
                .invalidRequest, "\(Self.quoted(text)) names no switch: \(kinds), a slash, and a name are needed")
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

/// How something that can be switched stands in one process.
public struct SwitchReport: Codable, Hashable, Sendable {
    /// Which switch moves it.
    public var id: SwitchID
    /// The position it was put into.
    public var position: SwitchPosition
    /// Its state in its own words, such as `half-open`.
    public var state: String
    /// Calls that succeeded since the process started.
    public var successes: UInt64
    /// Calls that failed since the process started.
    public var failures: UInt64
    /// Calls that were refused since the process started.
    public var refusals: UInt64

    /// Makes a report.
    public init(
        id: SwitchID, position: SwitchPosition, state: String, successes: UInt64 = 0, failures: UInt64 = 0,
        refusals: UInt64 = 0
    ) {
        self.id = id
        self.position = position
        self.state = state
        self.successes = successes
        self.failures = failures
        self.refusals = refusals
    }
}
