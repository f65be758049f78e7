/// A cache that takes writes at once and brings them to a store behind the caller's back, in batches.
///
/// ```swift
/// let counters = try WriteBehind(over: try Cache<String, Int>(capacity: 10_000)) { changes in
///     try await database.apply(changes.map { ($0.key, $0.value) })
/// }
/// try await counters.set("visits", to: 42)      // returns before the store has it
/// …
/// let lost = await counters.close(within: .seconds(10))
/// ```
///
/// **Guarantee.** Changes of a key reach the store in the order in which they were made; of several that wait only the
/// last is written. Look-ups see a change from the moment at which it was taken, whether the cache keeps it or not. One
/// call of the store is made at a time. A change whose call threw is tried again, so the store must take it twice without
/// harm. The number of keys with unwritten changes is bounded.
///
/// - Important: A crash of the process loses every change that ``flush()`` or ``close(within:)`` has not brought to the
///   store: up to ``WriteBehindOptions/capacity`` keys, and in a quiet program what came in the last
///   ``WriteBehindOptions/linger`` and the call under way. Of what is lost nobody is told. Between keys there is no order:
///   after a crash the store may have a later change of one key without an earlier one of another. Where that cannot be
///   borne, use ``WriteThrough``.
///
/// Work begins with the first change and ends when nothing waits, so an idle object has no task. An object that is let go
/// without ``close(within:)`` writes what it has, without waiting for more, and ends.
public final class WriteBehind<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let worker: WriteBehindWorker<Key, Value>

    /// Puts the pattern over a cache, whose bound and expiry hold. It should be the only one that stores in it.
    ///
    /// - Parameter store: Brings changes of different keys to the store, all or some; when it returns, all are committed.
    ///   After it has thrown all are tried again. A call that hangs holds up the others, so it needs a time-out of its own;
    ///   nothing is written beside it, because order would be lost.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        over cache: Cache<Key, Value>, options: WriteBehindOptions<Key, Value> = WriteBehindOptions(),
        store: @escaping @Sendable ([WriteBehindChange<Key, Value>]) async throws -> Void
    ) throws(CacheError) {
        try options.validate()
        self.worker = WriteBehindWorker(aside: CacheAside(over: cache), options: options, store: store)
    }

    deinit { self.worker.hurry() }

    /// The value of a key, if a change waits or the cache has one.
    ///
    /// - Complexity: O(1) on average.
    public func get(_ key: Key) -> Value? {
        if let change = self.worker.pending(key) { return change.value }
        return self.worker.aside.cache.get(key)
    }

    /// The value of a key, loaded from the store if neither a change waits nor the cache has one.
    ///
    /// - Throws: What `load` throws.
    public func get<Failure: Error>(
        _ key: Key, orLoad load: (Key) async throws(Failure) -> Value?
    ) async throws(Failure) -> Value? {
        if let change = self.worker.pending(key) { return change.value }
        return try await self.worker.aside.get(key, orLoad: load)
    }

    /// Takes a value; it is written later.
    ///
    /// - Throws: ``CacheError`` with `overloaded` if there is no room and the options refuse, `cancelled` if the task was
    ///   cancelled while it waited for room, or `closed`. The change was not taken then.
    /// - Complexity: O(1) on average.
    public func set(_ key: Key, to value: Value) async throws(CacheError) {
        try await self.worker.add(key, value)
    }

    /// Takes a removal; it is written later.
    ///
    /// - Throws: As ``set(_:to:)``.
    public func remove(_ key: Key) async throws(CacheError) {
        try await self.worker.add(key, nil)
    }

    /// Waits until every change that was taken before the call has been written, without waiting for more to come.
    ///
    /// - Throws: ``CacheError`` with `unavailable` if some of them were given up, `cancelled` if the task was cancelled;
    ///   they are written all the same.
    /// - Complexity: O(*n*) in the number of keys with unwritten changes, beside the writing.
    public func flush() async throws(CacheError) { try await self.worker.flush() }

    /// Refuses further changes, writes what waits, and gives up what is not written when the time is over.
    ///
    /// The call of the store that is under way then is cancelled, and not waited for. Cancelling the calling task ends the
    /// time at once. Look-ups go on to work. Repeating it is harmless.
    ///
    /// - Returns: How many changes were given up; `onFailure` was told of each.
    @discardableResult
    public func close(within limit: Duration) async -> Int { await self.worker.close(within: limit) }

    /// What has happened since the object was made.
    public var statistics: WriteBehindStatistics { self.worker.statistics }
}
