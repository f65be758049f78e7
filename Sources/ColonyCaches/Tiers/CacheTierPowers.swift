/// A shared cache that compares and stores many entries in one round trip.
///
/// Each entry is atomic for itself; the call as a whole is not.
public protocol BulkComparingTier: CacheTier {
    /// Does ``CacheTier/compareAndSet(_:expecting:)`` for each entry.
    ///
    /// - Parameter entries: At most ``CacheTierLimits/keysPerCall``. A key may come twice; its entries are then
    ///   compared in their order.
    /// - Returns: For each entry, in the same order, what became of it, or why the store refused it.
    /// - Throws: ``CacheError`` where the call as a whole failed; after `unavailable` and `cancelled` any part may have
    ///   been stored.
    func compareAndSet(
        _ entries: [CacheComparison]
    ) async throws(CacheError) -> [Result<CompareAndSet, CacheError>]
}

/// An entry to be stored if what is there has the given version.
public struct CacheComparison: Hashable, Sendable {
    /// What is stored.
    public var entry: CacheWrite
    /// The version that must be there; `nil` demands that nothing is.
    public var version: CacheVersion?

    /// Puts the parts together.
    public init(_ entry: CacheWrite, expecting version: CacheVersion?) {
        self.entry = entry
        self.version = version
    }
}

/// A shared cache that can tell which keys it holds. Memcached cannot, and a Redis Cluster not in one order.
public protocol ListingTier: CacheTier {
    /// Lists keys, page by page.
    ///
    /// A key that is there from the first page to the last is listed at least once, and may be listed twice. One that
    /// comes or goes meanwhile may be listed or not.
    ///
    /// - Parameters:
    ///   - cursor: `nil` for the first page, then what the last page said.
    ///   - limit: About how many keys a page shall have, from 1.
    /// - Returns: Keys, and where the next page begins; without a cursor it was the last page. A page may be empty.
    /// - Throws: ``CacheError``; `refused` where this store, as it is set up, cannot list.
    func keys(from cursor: CacheCursor?, limit: Int) async throws(CacheError) -> CachePage
}

/// Where a listing goes on; only the tier that gave it knows what it means.
public struct CacheCursor: Hashable, Sendable {
    /// The text as the store gave it.
    public let text: String

    /// Wraps what a store gave.
    public init(text: String) { self.text = text }
}

/// Some of the keys of a shared cache.
public struct CachePage: Hashable, Sendable {
    /// The keys.
    public var keys: [CacheKey]
    /// Where the next page begins; `nil` after the last.
    public var next: CacheCursor?

    /// Puts the parts together.
    public init(keys: [CacheKey], next: CacheCursor?) {
        self.keys = keys
        self.next = next
    }
}
