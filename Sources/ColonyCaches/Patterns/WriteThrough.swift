/// A cache that writes through to a store: the store first, the cache only after it.
///
/// ```swift
/// let users = WriteThrough(
///     over: try Cache<Int, User>(capacity: 10_000),
///     store: { id, user in try await database.save(user, under: id) },
///     remove: { id in try await database.delete(id) })
/// try await users.set(42, to: ada)
/// ```
///
/// **Guarantee.** When ``set(_:to:)`` has returned, the store has the value and every look-up that begins afterwards sees
/// it or a later one. Writes of one key reach the store and the cache one after the other, in the order in which they were
/// called; writes of different keys do not wait for each other. The cache never shows what the store has not taken.
///
/// **Failure.** A store that throws may have taken the value or not, so the key is removed from the cache and the next
/// reader asks the store. A store whose writes may still take effect *after* they have thrown, as a database may after a
/// broken connection, can be overtaken by such a reader, whose value then stays until the entry ends: give the cache an
/// expiry, or let the store's writes carry a version.
///
/// The order is that of this process; several processes that write the same keys need order in the store.
public final class WriteThrough<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let aside: CacheAside<Key, Value>
    private let turns = KeyedTurns<Key>()
    private let store: @Sendable (Key, Value) async throws -> Void
    private let erase: @Sendable (Key) async throws -> Void

    /// Puts the pattern over a cache, whose bound and expiry hold. It should be the only one that stores in it.
    ///
    /// - Parameters:
    ///   - store: Stores a value; when it returns, the value is committed. It must not write the same key through this
    ///     object, which would wait for itself.
    ///   - remove: Removes a key from the store; removing what is not there is no error.
    public init(
        over cache: Cache<Key, Value>, store: @escaping @Sendable (Key, Value) async throws -> Void,
        remove: @escaping @Sendable (Key) async throws -> Void
    ) {
        self.aside = CacheAside(over: cache)
        self.store = store
        self.erase = remove
    }

    /// The cache underneath. Reading it is fine; storing in it directly passes the store by.
    public var cache: Cache<Key, Value> { self.aside.cache }

    /// The value of a key, if the cache has one.
    ///
    /// - Complexity: As ``Cache/get(_:)``.
    public func get(_ key: Key) -> Value? { self.aside.cache.get(key) }

    /// The value of a key, loaded from the store if the cache has none. A load that a write has overtaken is not cached.
    ///
    /// - Throws: What `load` throws.
    public func get<Failure: Error>(
        _ key: Key, orLoad load: (Key) async throws(Failure) -> Value?
    ) async throws(Failure) -> Value? {
        try await self.aside.get(key, orLoad: load)
    }

    /// Stores a value in the store and then in the cache.
    ///
    /// - Throws: What the store throws, with the key removed from the cache; `CancellationError` if the task was cancelled
    ///   while it waited for earlier writes of the key, with nothing done.
    /// - Complexity: One call of the store, after those of earlier writes of the key.
    public func set(_ key: Key, to value: Value) async throws {
        try await self.turns.run(key) {
            do {
                try await self.store(key, value)
            } catch {
                self.aside.invalidate(key)
                throw error
            }
            // Loads that began before the commit are refused; then the new value takes the place of what they left.
            self.aside.fills.revoke(key)
            self.aside.cache.set(key, to: value)
        }
    }

    /// Removes a key from the store and then from the cache.
    ///
    /// - Throws: What the store throws, with the key removed from the cache all the same; `CancellationError` as for
    ///   ``set(_:to:)``.
    public func remove(_ key: Key) async throws {
        try await self.turns.run(key) {
            defer { self.aside.invalidate(key) }
            try await self.erase(key)
        }
    }

    /// How many keys are being written, for tests.
    package var writingCount: Int { self.turns.count }

    /// How many writes of a key wait for an earlier one, for tests.
    package func waitingCount(for key: Key) -> Int { self.turns.waitingCount(for: key) }
}
