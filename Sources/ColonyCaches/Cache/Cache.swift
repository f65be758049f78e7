public import ColonyCore
import Synchronization

/// A bounded map in memory that any number of threads and tasks use at once, without `await`.
public final class Cache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Stored {
        var value: Value
        var end: MonotonicInstant?
    }
    private let stored = Mutex<[Key: Stored]>([:])
    private let options: CacheOptions<Key, Value>

    /// Makes an empty cache.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value, for a bound below 1 or a time that is not
    ///   above zero.
    public init(_ options: CacheOptions<Key, Value>) throws(CacheError) {
        self.options = options
    }

    /// Makes an empty cache of at most `capacity` entries.
    public convenience init(
        capacity: Int, policy: EvictionPolicy = .adaptive, expiry: CacheExpiry<Key, Value> = CacheExpiry(),
        clock: any MonotonicClock = HostClock()
    ) throws(CacheError) {
        var options = CacheOptions<Key, Value>(.count(capacity))
        options.policy = policy
        options.expiry = expiry
        options.clock = clock
        try self.init(options)
    }

    /// The value of a key, which counts as a use; `nil` if there is none or its time is over.
    public func get(_ key: Key) -> Value? {
        self.peek(key)
    }

    /// The value of a key, without counting as a use or in the statistics.
    public func peek(_ key: Key) -> Value? {
        let now = self.options.clock.now
        return self.stored.withLock { stored in
            guard let entry = stored[key] else { return nil }
            if let end = entry.end, end <= now { return nil }
            return entry.value
        }
    }

    /// Stores a value; a get that begins after this has returned sees it or a later one.
    public func set(_ key: Key, to value: Value) {
        self.store(key, value, self.options.expiry.perEntry?(key, value) ?? self.options.expiry.afterWrite)
    }

    /// Stores a value that stays for `timeToLive`, in place of what the options say of writes.
    ///
    /// - Parameter timeToLive: Above zero; an entry with less is not kept.
    public func set(_ key: Key, to value: Value, expiringAfter timeToLive: Duration) {
        self.store(key, value, timeToLive)
    }

    /// Stores a value that stays until a point of the cache's clock.
    public func set(_ key: Key, to value: Value, expiringAt end: MonotonicInstant) {
        self.store(key, value, self.options.clock.now.duration(to: end))
    }

    private func store(_ key: Key, _ value: Value, _ timeToLive: Duration?) {
        let end = timeToLive.map { self.options.clock.now.advanced(by: $0) }
        self.stored.withLock { $0[key] = Stored(value: value, end: end) }
    }

    /// Removes a key.
    ///
    /// - Returns: The value that was there.
    @discardableResult
    public func remove(_ key: Key) -> Value? {
        self.stored.withLock { $0.removeValue(forKey: key)?.value }
    }

    /// Removes everything that was stored before the call.
    public func removeAll() {
        self.stored.withLock { $0.removeAll() }
    }

    /// Reads and changes the entry of a key in one step that nothing comes between.
    ///
    /// - Parameter body: Gets the present value and leaves the new one; `nil` removes the entry. It runs under the lock
    ///   of the cache: it must be short and must not use the cache.
    @discardableResult
    public func update<Result, Failure: Error>(
        _ key: Key, _ body: (inout Value?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var value = self.peek(key)
        let result = try body(&value)
        if let value { self.set(key, to: value) } else { self.remove(key) }
        return result
    }

    /// How many entries there are, those included whose time is over and that are not reclaimed yet.
    public var count: Int { self.stored.withLock(\.count) }
}
