public import ColonyCaches
public import ColonyCore
import Synchronization

/// A shared cache in the memory of this process: the reference tier, and the fastest.
///
/// It is the contract of ``CacheTier`` in its plainest form: one mutex, one dictionary, one counter. Use it in tests, and
/// where several caches of one process shall share what they hold. Nothing outlives the process.
///
/// A tier made by ``init(limits:maximumEntries:invalidationBuffer:clock:)`` owns a new store; ``client()`` gives another
/// tier on the same store, as a second connection to a server would be. Every change is told to all who listen, on all
/// clients, also to those of the client that made it. Expiry and eviction are told to nobody.
///
/// - Complexity: Every member is O(1) per key on average, and O(*n*) in the number of listeners for each change.
public final class MemoryCacheTier: CacheTier {
    let store: MemoryCacheStore
    private let invalidationBuffer: Int
    private let state = Mutex(ClientState())

    private struct ClientState {
        var isClosed = false
        var listeners: [ObjectIdentifier: CacheInvalidationListener] = [:]
    }

    /// What a tier takes unless told otherwise: values of a mebibyte, as Memcached does, and 1,000 keys a call.
    public static let defaultLimits = CacheTierLimits(valueBytes: 1_048_576, keysPerCall: 1_000)

    /// Makes an empty store and its first client.
    ///
    /// - Parameters:
    ///   - limits: The largest value, from 0 bytes, and the most keys in a call, from 1.
    ///   - maximumEntries: How many entries the store keeps, from 1; the oldest written is given up for a new one.
    ///   - invalidationBuffer: How many changes are kept for a listener who is behind, from 1. One more, and all of them
    ///     are replaced by one ``CacheInvalidation/gap``.
    ///   - clock: What entries end by; the host's clock outside tests.
    public init(
        limits: CacheTierLimits = MemoryCacheTier.defaultLimits, maximumEntries: Int = 1_000_000,
        invalidationBuffer: Int = 1_024, clock: any MonotonicClock = HostClock()
    ) {
        precondition(limits.valueBytes >= 0, "a value has 0 bytes or more, and \(limits.valueBytes) is less")
        precondition(limits.keysPerCall >= 1, "a call has room for 1 key or more, and not for \(limits.keysPerCall)")
        precondition(maximumEntries >= 1, "a store keeps 1 entry or more, and \(maximumEntries) is less")
        precondition(invalidationBuffer >= 1, "a buffer keeps 1 change or more, and \(invalidationBuffer) is less")
        self.limits = limits
        self.invalidationBuffer = invalidationBuffer
        self.store = MemoryCacheStore(maximumEntries: maximumEntries, clock: clock)
    }

    private init(sharing other: MemoryCacheTier) {
        self.limits = other.limits
        self.invalidationBuffer = other.invalidationBuffer
        self.store = other.store
    }

    /// Another client of the same store. Closing one leaves the others open.
    public func client() -> MemoryCacheTier { MemoryCacheTier(sharing: self) }

    /// What keys and values this tier takes, as it was made.
    public let limits: CacheTierLimits

    /// Shared by the tasks of this process; nothing outlives it.
    public var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    /// How many entries the store holds, those included whose time is over and that nobody has asked for since.
    public var count: Int { self.store.count }

    /// Looks keys up, all at one moment.
    ///
    /// - Throws: ``/ColonyCaches/CacheError`` with `invalidRequest` for too many keys, or `closed`.
    /// - Complexity: O(1) per key on average.
    public func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        try self.admit(keyCount: keys.count)
        return self.store.get(keys)
    }

    /// Stores entries, all at one moment, and tells everybody who listens.
    ///
    /// - Throws: ``/ColonyCaches/CacheError`` with `invalidRequest`, `valueTooLarge`, or `closed`; nothing is stored then.
    /// - Complexity: O(1) per entry on average, and O(*n*) in the number of listeners.
    public func set(_ entries: [CacheWrite]) async throws(CacheError) {
        try self.admit(keyCount: entries.count)
        for entry in entries { try self.check(entry) }
        self.store.set(entries)
    }

    /// Removes keys, all at one moment, and tells everybody who listens, also of keys that were not there.
    ///
    /// - Returns: How many of the keys were there.
    /// - Throws: ``/ColonyCaches/CacheError`` with `invalidRequest` for too many keys, or `closed`.
    /// - Complexity: O(1) per key on average, and O(*n*) in the number of listeners.
    @discardableResult
    public func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int {
        try self.admit(keyCount: keys.count)
        return self.store.delete(keys)
    }

    /// Stores an entry if what is there has the given version. Versions of this tier never come back.
    ///
    /// - Throws: ``/ColonyCaches/CacheError`` with `invalidRequest`, `valueTooLarge`, or `closed`; nothing is stored then.
    /// - Complexity: O(1) on average, and O(*n*) in the number of listeners.
    public func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try self.admit(keyCount: 1)
        try self.check(entry)
        return self.store.compareAndSet(entry, expecting: version)
    }

    /// Removes a key if what is there has the given version.
    ///
    /// - Throws: ``/ColonyCaches/CacheError`` with `closed`.
    /// - Complexity: O(1) on average, and O(*n*) in the number of listeners.
    public func compareAndDelete(
        _ key: CacheKey, expecting version: CacheVersion
    ) async throws(CacheError) -> Bool {
        try self.admit(keyCount: 1)
        return self.store.compareAndDelete(key, expecting: version)
    }

    /// All changes of the store, beginning with a gap; a tier that was closed gives a sequence that is over.
    public func invalidations() -> CacheInvalidations? {
        let listener = CacheInvalidationListener(capacity: self.invalidationBuffer)
        let key = ObjectIdentifier(listener)
        let isOpen = self.state.withLock { state in
            if !state.isClosed { state.listeners[key] = listener }
            return !state.isClosed
        }
        if isOpen { self.store.enter(listener) } else { listener.finish() }
        // Who stops reading without being cancelled just drops the sequence; that ends the listener, too.
        let leaving = CacheListenerExit { [weak self, store] in
            store.leave(listener)
            self?.state.withLock { $0.listeners[key] = nil }
        }
        return AsyncStream(
            unfolding: {
                defer { withExtendedLifetime(leaving) {} }
                return await listener.next()
            },
            onCancel: {
                listener.finish()
                leaving.leave()
            })
    }

    /// Ends this client and the sequences of those who listen on it; the store and other clients go on.
    public func close() async {
        let listeners = self.state.withLock { state -> [CacheInvalidationListener] in
            state.isClosed = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners {
            self.store.leave(listener)
            listener.finish()
        }
    }

    func admit(keyCount: Int) throws(CacheError) {
        if self.state.withLock(\.isClosed) { throw CacheError(.closed, "the memory tier was closed") }
        guard keyCount <= self.limits.keysPerCall else {
            throw CacheError(
                .invalidRequest, "\(keyCount) keys are too many for one call: \(self.limits.keysPerCall) are the most")
        }
    }

    func check(_ entry: CacheWrite) throws(CacheError) {
        if let timeToLive = entry.timeToLive, timeToLive <= .zero {
            throw CacheError(
                .invalidRequest, "a time to live of \(timeToLive) is not possible for \(entry.key): it is above zero")
        }
        guard entry.value.count <= self.limits.valueBytes else {
            throw CacheError(
                .valueTooLarge,
                "the value of \(entry.key) has \(entry.value.count) bytes, and \(self.limits.valueBytes) are the most")
        }
    }
}

extension CacheTier where Self == MemoryCacheTier {
    /// A shared cache in the memory of this process, for tests and for several caches of one process.
    ///
    /// Each call makes a new store that knows nothing of others.
    public static func memory() -> MemoryCacheTier { MemoryCacheTier() }
}

/// Runs a clean-up once: when told to, or when the last who holds it lets go.
private final class CacheListenerExit: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    /// Leaving twice is harmless, because a listener that is not there cannot leave.
    func leave() { self.body() }

    deinit { self.body() }
}
