/// A value that many replicas change without asking one another, and that comes out the same everywhere once all have seen
/// all changes, in whatever order.
///
/// The states of such a value form a join-semilattice, and ``merge(_:)`` is its join. For all states *a*, *b*, *c*:
///
/// | Law | | It makes harmless |
/// | --- | --- | --- |
/// | commutative | *a* ⊔ *b* = *b* ⊔ *a* | reordering |
/// | associative | (*a* ⊔ *b*) ⊔ *c* = *a* ⊔ (*b* ⊔ *c*) | batching, detours |
/// | idempotent | *a* ⊔ *a* = *a* | duplication, sending again |
/// | identity | *a* ⊔ `Self()` = *a* | joining late |
///
/// The laws hold for states that come from mutations whose premises were kept, above all that a ``NodeID`` stands for one
/// replica, which makes its changes one after another and never starts again with an old state.
///
/// **Deltas.** Each mutating method returns a *delta*: a small state that holds the change only, and that merges like any
/// other. Merging the delta of each mutation, in any order and any number of times, gives the same state as merging full
/// states. Deltas merge with one another into larger ones. ``deltaDelivery`` says what a type needs of the network that
/// carries them.
///
/// - SeeAlso: M. Shapiro, N. Preguiça, C. Baquero, M. Zawirski, *Conflict-free Replicated Data Types*, SSS 2011, section 2
///   (state-based objects); P. S. Almeida, A. Shoker, C. Baquero, *Delta State Replicated Data Types*, J. Parallel Distrib.
///   Comput. 111, 2018, sections 4 and 5.
public protocol Replicated: Equatable, Sendable {
    /// What a mutation returns, to be sent to the other replicas. For the types of this module it is a state of the same
    /// type, so that a delta can be merged, kept, encoded, and sent on in the same way.
    associatedtype Delta: Replicated = Self where Delta.Delta == Delta

    /// What a network has to promise about deltas for this type.
    static var deltaDelivery: DeltaDelivery { get }

    /// The state before any change, which merging leaves as it is.
    init()

    /// Takes in all changes that `other` has seen.
    ///
    /// - Complexity: At most O(*n* + *m*) in the sizes of the two states.
    mutating func merge(_ other: Self)

    /// Takes in the changes of a delta, or of several that were merged. A type whose delta is a state of its own merges it.
    ///
    /// - Complexity: As ``merge(_:)``, with the size of the delta.
    mutating func apply(_ delta: Delta)
}

extension Replicated {
    /// The state that has seen the changes of both. See ``merge(_:)``.
    ///
    /// - Complexity: A copy, and that of ``merge(_:)``.
    public func merging(_ other: Self) -> Self {
        var result = self
        result.merge(other)
        return result
    }
}

extension Replicated where Delta == Self {
    /// Merges the delta, which is a state.
    ///
    /// - Complexity: That of ``merge(_:)``.
    public mutating func apply(_ delta: Self) {
        self.merge(delta)
    }
}

/// What a type needs of the network that carries its deltas. Reordering and duplication are harmless for every type.
///
/// - SeeAlso: Almeida et al. 2018, section 5.2 (propositions 1 and 2, causal delta-merging condition).
public enum DeltaDelivery: Hashable, Sendable {
    /// A lost delta is made good by any later one of the same replica that touches the same entry. If it was the last, or
    /// nothing touches its entry again, it has to be sent again, or a full state instead.
    case laterRepairsEarlier
    /// Every delta has to arrive some time, or a full state of a replica that has it. Replicas then agree, whatever the
    /// order. That a replica never shows an effect without its cause, as with full states, needs more: it takes a delta of
    /// replica *r* only after all earlier deltas of *r* and those that *r* had taken before.
    case eachMustArrive
}
