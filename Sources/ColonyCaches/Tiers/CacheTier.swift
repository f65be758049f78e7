public import ColonyCore

/// A cache that many processes share: the port under the second tier of ``TieredCache``.
///
/// A tier stores bytes. What the bytes mean, how loads are shared, and when something is stale live above it, once.
/// Keys that the tier has given up, for want of room or because their time was over, are simply absent.
///
/// Every member may be called concurrently. Making a tier does no I/O; the first call opens what it needs. Every call
/// ends within a time that the tier's options name, with `unavailable` if the store did not answer.
public protocol CacheTier: AnyObject, Sendable {
    /// Among whom entries are shared, and what they outlive; constant for the life of the tier.
    var guarantee: Guarantee { get }

    /// What keys and values the tier takes; constant for the life of the tier.
    var limits: CacheTierLimits { get }

    /// Looks keys up, in as few round trips as the store allows.
    ///
    /// - Returns: What is stored, in the order of `keys`; `nil` where nothing is.
    /// - Throws: ``CacheError`` with `invalidRequest`, `wrongType`, `unavailable`, `cancelled`, `refused`, or `closed`.
    func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?]

    /// Stores entries, replacing what was there.
    ///
    /// - Throws: ``CacheError``. After `valueTooLarge` nothing of the call was stored, because sizes are checked first;
    ///   after `unavailable` and `cancelled` any part may have been.
    func set(_ entries: [CacheWrite]) async throws(CacheError)

    /// Removes keys, and tells everybody who listens to ``invalidations()``.
    ///
    /// - Returns: How many of the keys were there.
    @discardableResult
    func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int

    /// Stores an entry if what is there now has the given version, in one atomic step.
    ///
    /// - Parameter version: What ``CachedBytes/version`` of an earlier look-up said; `nil` demands that nothing is
    ///   there.
    /// - Returns: Whether it was stored, or what is there instead.
    func compareAndSet(_ entry: CacheWrite, expecting version: CacheVersion?) async throws(CacheError) -> CompareAndSet

    /// Removes a key if what is there now has the given version, in one atomic step.
    ///
    /// - Returns: Whether this call removed it.
    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool

    /// Changes made by others, so that copies of entries elsewhere can be dropped; `nil` if the store tells nobody.
    ///
    /// The sequence begins with ``CacheInvalidation/gap`` as soon as it listens, and yields it again whenever messages
    /// may have been missed, such as after a reconnection or when the reader fell behind the bounded buffer; everything
    /// read before a gap may be stale. It ends when the tier is closed or the reading task is cancelled.
    func invalidations() -> CacheInvalidations?

    /// Ends connections and background work. Calls under way and later ones throw `closed`. Repeating it is harmless.
    func close() async
}

/// Changes of a shared cache, in the order in which they were learned.
public typealias CacheInvalidations = AsyncStream<CacheInvalidation>

/// A change of a shared cache that makes copies of entries stale.
public enum CacheInvalidation: Hashable, Sendable {
    /// The entries of these keys were written or removed.
    case keys([CacheKey])
    /// Everything was removed.
    case all
    /// Messages may have been missed: nothing that was read earlier can be relied on.
    case gap
}

/// The answer to ``CacheTier/compareAndSet(_:expecting:)``.
public enum CompareAndSet: Hashable, Sendable {
    /// The entry is stored, with this version.
    case stored(CacheVersion)
    /// The version was another one. This is what is there; `nil` if nothing is.
    case conflict(CachedBytes?)
}

/// What stands for one state of an entry in one store; opaque, at most 64 bytes.
///
/// Equal versions of a key mean equal bytes. A version may come back when the same bytes do.
public struct CacheVersion: Hashable, Sendable {
    /// The bytes as the store gave them.
    public let bytes: [UInt8]

    /// Wraps what a store gave.
    public init(bytes: [UInt8]) { self.bytes = bytes }
}

/// An entry as a shared cache holds it.
public struct CachedBytes: Hashable, Sendable {
    /// The value.
    public var value: [UInt8]
    /// The version, for ``CacheTier/compareAndSet(_:expecting:)``.
    public var version: CacheVersion
    /// How long the entry will stay, where the store says so; `nil` if it is kept without end or the store does not
    /// say.
    public var timeToLive: Duration?

    /// Puts the parts together.
    public init(value: [UInt8], version: CacheVersion, timeToLive: Duration?) {
        self.value = value
        self.version = version
        self.timeToLive = timeToLive
    }
}

/// An entry to be stored in a shared cache.
public struct CacheWrite: Hashable, Sendable {
    /// The key.
    public var key: CacheKey
    /// The value.
    public var value: [UInt8]
    /// How long the entry may stay, above zero; `nil` keeps it until the store needs the room. Stores with a coarser
    /// clock round up, to a second at the most.
    public var timeToLive: Duration?

    /// Puts the parts together.
    public init(_ key: CacheKey, _ value: [UInt8], timeToLive: Duration? = nil) {
        self.key = key
        self.value = value
        self.timeToLive = timeToLive
    }
}

/// What a shared cache takes.
public struct CacheTierLimits: Hashable, Sendable {
    /// The largest value in bytes.
    public var valueBytes: Int
    /// The most keys in one call; more are refused with `invalidRequest`.
    public var keysPerCall: Int

    /// Puts the parts together.
    public init(valueBytes: Int, keysPerCall: Int) {
        self.valueBytes = valueBytes
        self.keysPerCall = keysPerCall
    }
}
