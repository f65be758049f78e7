public import ColonyCaches
import ColonyClocks

/// A counter that many processes count up and down at the same time, and that loses no change: a PN-counter in a
/// ``QuorumStore``.
///
/// It has no lower limit, and a value that is read may lack what others have counted meanwhile. What must not fall
/// below zero needs a lock or a store that decides in one place.
///
/// - SeeAlso: ``ReplicatedValue``, which says how other types are kept.
public final class DistributedCounter: Sendable {
    private let counter: ReplicatedValue<PNCounter>

    /// Makes a handle; one for each key and process, kept as long as the process, is best.
    ///
    /// - Parameter store: A store that keeps siblings.
    /// - Throws: ``QuorumError`` with `invalidConfiguration` if it does not.
    public init(_ key: CacheKey, in store: QuorumStore) throws(QuorumError) {
        self.counter = try ReplicatedValue(key, in: store)
    }

    /// Makes a handle whose name follows from a generator.
    public init(
        _ key: CacheKey, in store: QuorumStore, generator: inout some RandomNumberGenerator
    ) throws(QuorumError) {
        self.counter = try ReplicatedValue(key, in: store, generator: &generator)
    }

    /// Counts up, or down if `amount` is negative.
    ///
    /// - Returns: The value as it is known here afterwards.
    /// - Throws: ``QuorumError``. After `unknown` and `cancelled` the change is kept here and written with the next
    ///   one, so do not make it again: ``flush(at:)`` writes it without another.
    @discardableResult
    public func add(_ amount: Int, at level: ConsistencyLevel = .eventual) async throws(QuorumError) -> Int128 {
        try await self.counter.update(at: level) { counter, replica in try counter.add(amount, at: replica) }.value
    }

    /// Writes what is known here once more, such as after a change that ended with `unknown`.
    ///
    /// - Throws: ``QuorumError``.
    public func flush(at level: ConsistencyLevel = .eventual) async throws(QuorumError) {
        try await self.counter.update(at: level) { _, _ in }
    }

    /// Reads the value.
    ///
    /// - Throws: ``QuorumError``.
    public func value(at level: ConsistencyLevel = .eventual) async throws(QuorumError) -> Int128 {
        try await self.counter.value(at: level).value
    }
}
