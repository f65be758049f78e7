/// How much it matters that a call is served, when not all can be.
///
/// It travels with the task, as the deadline does, so that whoever knows what a request is for can say so at the edge:
///
/// ```swift
/// try await CallPriority.$current.withValue(.sheddable) { try await prefetch(page) }
/// ```
public enum CallPriority: Int, Hashable, Comparable, Sendable, CaseIterable, CustomStringConvertible {
    /// Nobody notices if it is left out: prefetching, analytics.
    case sheddable
    /// Somebody notices and can ask again. What a call is unless said otherwise.
    case normal
    /// Somebody waits for it, and leaves if it fails.
    case important
    /// It is never shed: payments under way, health checks, what ends other load.
    case critical

    /// The priority of the calls of the current task.
    @TaskLocal public static var current = CallPriority.normal

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }

    public var description: String {
        switch self {
        case .sheddable: "sheddable"
        case .normal: "normal"
        case .important: "important"
        case .critical: "critical"
        }
    }
}
