/// How two events, or two versions of a value, relate by cause and effect.
///
/// There are four answers and not three, which is why versions are not `Comparable`: a sort that takes `concurrent` for
/// "equal" or for "before" depends on the order of its input, and drops writes.
///
/// - SeeAlso: Lamport 1978, "The Partial Ordering"; F. Mattern, *Virtual Time and Global States of Distributed Systems*,
///   1989, section 4.
public enum CausalOrder: Hashable, Sendable, CaseIterable {
    /// The first can have caused the second: it is part of the second's past, and the second replaces it.
    case before
    /// The second can have caused the first.
    case after
    /// They are the same.
    case equal
    /// Neither knew of the other. Both have to be kept, or merged by somebody who knows what they mean.
    case concurrent

    /// The answer to the same question asked the other way round.
    public var reversed: CausalOrder {
        switch self {
        case .before: .after
        case .after: .before
        case .equal: .equal
        case .concurrent: .concurrent
        }
    }

    /// Whether the first includes the second: it is the same or comes after.
    public var isAtLeast: Bool { self == .after || self == .equal }
}
