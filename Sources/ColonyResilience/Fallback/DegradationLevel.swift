/// How much of a feature is offered.
///
/// Between all and nothing there are ways to do less: fewer results, older values, no pictures. The feature decides what each level means;
/// who sets the level need not know.
public enum DegradationLevel: UInt8, CaseIterable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// All of it.
    case full
    /// Without what costs most for the least.
    case reduced
    /// Only what it cannot do without.
    case minimal
    /// Nothing: the feature is not offered.
    case off

    /// Orders levels by how much is given up: `full` is the lowest.
    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }

    public var description: String {
        switch self {
        case .full: "full"
        case .reduced: "reduced"
        case .minimal: "minimal"
        case .off: "off"
        }
    }

    /// Reads a level as ``description`` writes it.
    public init?(text: some StringProtocol) {
        guard let level = Self.allCases.first(where: { $0.description == text }) else { return nil }
        self = level
    }
}
