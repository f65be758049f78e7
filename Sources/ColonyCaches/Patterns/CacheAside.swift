// Cache-aside, and the race that the plain form loses
// ---------------------------------------------------
//
// The plain form is two rules: a reader that misses loads from the store and puts the value into the cache; a writer
// commits to the store and deletes the key from the cache. They lose updates:
//
//     reader                         writer
//     get(k): nothing
//     load: "old"
//                                    commit "new"
//                                    delete(k)
//     set(k, "old")                  … and "old" stays, until its time is over.
//
// Deleting twice, or after a while, only makes this rarer. Here the reader takes a *fill ticket* before it loads, and the
// writer's invalidation revokes the tickets that are out, so that the reader's `set` is refused. That is the lease of
// Memcache at Facebook [1, 3.2.1], without a server: tickets live beside the cache, only while somebody loads.
//
// The ticket says nothing about the store: the load must read what is committed when it begins, so not from a replica
// that lags behind. `SharedCacheAside` does the same among processes.
//
// [1] R. Nishtala et al., Scaling Memcache at Facebook, NSDI 2013.

/// A cache beside a store: the program reads through ``get(_:orLoad:)`` and says when it has written.
///
/// ```swift
/// let users = CacheAside(over: try Cache<Int, User>(capacity: 10_000))
/// let user = try await users.get(42) { try await database.user($0) }
/// try await users.write(42) { try await database.rename(42, to: "Ada") }
/// ```
///
/// **Guarantee.** Once ``invalidate(_:)`` or ``write(_:_:)`` has returned, no look-up of this process returns a value that
/// was loaded before it was called, whatever loads were under way. It holds within one process and for changes that are
/// told to this object; a change made elsewhere is seen when the entry ends, or through an invalidation of ``CacheTier``.
///
/// Loads are not shared: of several readers that miss at once, each loads. Where loading is dear, ``LoadingCache`` shares
/// it.
public final class CacheAside<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// The cache. Reading it is fine; storing in it directly passes the tickets by.
    public let cache: Cache<Key, Value>
    let fills = FillTable<Key>()

    /// Puts the pattern over a cache, whose bound and expiry hold. It should be the only one that stores in it.
    public init(over cache: Cache<Key, Value>) { self.cache = cache }

    /// The value of a key, loaded from the store if the cache has none.
    ///
    /// - Parameter load: Reads the store as it is committed when the load begins. An answer of `nil`, for a key that the
    ///   store does not have, is not cached.
    /// - Throws: What `load` throws; nothing is cached then.
    /// - Complexity: As ``Cache/get(_:)`` on a hit.
    public func get<Failure: Error>(
        _ key: Key, orLoad load: (Key) async throws(Failure) -> Value?
    ) async throws(Failure) -> Value? {
        if let value = self.cache.get(key) { return value }
        let ticket = self.fills.ticket(for: key)
        guard let value = try await load(key) else { return nil }
        self.cache.fill(ticket, with: value)
        return value
    }

    /// The right to fill a key, to be taken before its value is loaded; for loads that ``get(_:orLoad:)`` does not fit.
    ///
    /// - Complexity: O(1) on average.
    public func ticket(for key: Key) -> FillTicket<Key> { self.fills.ticket(for: key) }

    /// Stores what was loaded under a ticket.
    ///
    /// - Returns: Whether it was stored: `false` if the key was invalidated or written after the ticket was taken. The
    ///   value may still be handed to whoever asked before that.
    /// - Complexity: As ``Cache/set(_:to:)``.
    @discardableResult
    public func fill(_ ticket: FillTicket<Key>, with value: Value) -> Bool { self.cache.fill(ticket, with: value) }

    /// Removes a key, and what is being loaded for it is not stored; to be called **after** the store has committed.
    ///
    /// - Complexity: O(1) on average.
    public func invalidate(_ key: Key) {
        self.fills.revoke(key)
        self.cache.remove(key)
    }

    /// Removes every key, and what is being loaded is not stored.
    ///
    /// - Complexity: O(*n*).
    public func invalidateAll() {
        self.fills.revokeAll()
        self.cache.removeAll()
    }

    /// Runs a change of the store and invalidates the key afterwards, also when the change throws or is cancelled: its
    /// outcome is unknown then, and removing an entry that is not stale costs one load.
    ///
    /// - Throws: What `change` throws.
    public func write<Result, Failure: Error>(
        _ key: Key, _ change: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        defer { self.invalidate(key) }
        return try await change()
    }

    /// How many keys are being loaded, for tests.
    package var loadingCount: Int { self.fills.count }
}
