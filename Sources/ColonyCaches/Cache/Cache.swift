public import ColonyCore
public import Synchronization

// `@unchecked Sendable`, because readers only load `tables` and the atomics behind it, under the rules of ReaderRegistry;
// everything else is constant or under `lock`.

/// A bounded map in memory that any number of threads and tasks use at once, without `await`.
///
/// ```swift
/// let users = try Cache<UserID, User>(capacity: 10_000)
/// users.set(id, to: user)
/// if let user = users.get(id) { … }
/// ```
///
/// **Guarantees.** Every operation is linearizable: a value that was stored is seen by every look-up that begins afterwards,
/// until it is removed, replaced, evicted, or its time is over. The bound is never passed, not even for a moment. An entry
/// whose time is over is never returned, and it is reclaimed soon after, also when nobody uses the cache.
///
/// **Cost.** A look-up takes no lock and allocates nothing; it never waits for a writer. Writers wait for each other; a
/// write holds the lock for some tens of nanoseconds. Closures of the options, the removal listener, and the `deinit`
/// of values run outside the lock and may use the cache. Beside key and value an entry takes about 70 bytes.
///
/// Keys are told apart by `==`; their hashes are seeded for each process, so that nobody outside can choose keys that
/// collide.
public final class Cache<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
    /// What readers see.
    @usableFromInline let tables: Atomic<UnsafeMutablePointer<EntryTables<Key, Value>>>
    @usableFromInline let registry = ReaderRegistry.shared
    @usableFromInline let hits = HitQueue()
    @usableFromInline let lookups: LookupCounters?
    @usableFromInline let lock: WriterLock<CacheWriter<Key, Value>>
    @usableFromInline let options: CacheOptions<Key, Value>
    @usableFromInline let capacity: Int
    @usableFromInline let isWeighed: Bool
    /// Whether an entry with an end was ever stored; until then nobody asks for the time.
    private let mayEnd: Atomic<Bool>
    private let reclaimer = CacheReclaimer()

    /// Makes an empty cache.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value, for a bound below 1 or a time that is not
    ///   above zero.
    public init(_ options: CacheOptions<Key, Value>) throws(CacheError) {
        self.capacity = try options.validatedCapacity()
        self.options = options
        if case .weight = options.bound { self.isWeighed = true } else { self.isWeighed = false }
        self.lookups = options.recordsStatistics ? LookupCounters() : nil
        let writer = CacheWriter<Key, Value>(options, capacity: self.capacity)
        self.mayEnd = Atomic(!options.expiry.isNever)
        self.tables = Atomic(writer.published)
        self.lock = WriterLock(writer)
    }

    /// Makes an empty cache of at most `capacity` entries.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
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

    deinit {
        self.reclaimer.cancel()
        self.lock.withLock { $0.tearDown() }
        self.hits.deallocate()
        self.lookups?.deallocate()
    }

    // MARK: Looking up

    /// The value of a key, which counts as a use; `nil` if there is none or its time is over.
    ///
    /// - Complexity: O(1) on average, without a lock and without allocation.
    @inlinable
    public func get(_ key: Key) -> Value? {
        let hash = Self.hash(key)
        let stripe = ReaderRegistry.stripe
        self.registry.enter(stripe)
        let tables = self.tables.load(ordering: .sequentiallyConsistent)
        let entry = tables.pointee.find(key, hash)
        if entry == 0 || tables.pointee.expiries != nil && !self.prolong(entry, tables) {
            self.registry.leave(stripe)
            self.lookups?.recordMiss(stripe)
            return nil
        }
        let value = tables.pointee.payloads[Int(entry)].value
        let recording = tables.pointee.hitRecording
        if recording.markLimit != 0 { tables.pointee.nodes.raiseMark(entry, limit: recording.markLimit) }
        self.registry.leave(stripe)
        if hash & recording.mask == recording.pattern, self.hits.append(entry, stripe) { self.drainHits() }
        self.lookups?.recordHit(stripe)
        return value
    }

    /// The value of a key, without counting as a use or in the statistics.
    ///
    /// - Complexity: O(1) on average, without a lock and without allocation.
    @inlinable
    public func peek(_ key: Key) -> Value? {
        let hash = Self.hash(key)
        let stripe = ReaderRegistry.stripe
        self.registry.enter(stripe)
        defer { self.registry.leave(stripe) }
        let tables = self.tables.load(ordering: .sequentiallyConsistent)
        let entry = tables.pointee.find(key, hash)
        guard entry != 0 else { return nil }
        if let expiries = tables.pointee.expiries,
            expiries[Int(entry)].end.load(ordering: .relaxed) <= self.options.clock.now.nanoseconds
        {
            return nil
        }
        return tables.pointee.payloads[Int(entry)].value
    }

    /// The values of those keys that have one, each counting as a use.
    ///
    /// - Complexity: O(*n*) in the number of keys.
    public func get(all keys: some Sequence<Key>) -> [Key: Value] {
        var values: [Key: Value] = [:]
        for key in keys {
            if let value = self.get(key) { values[key] = value }
        }
        return values
    }

    @inlinable @inline(__always)
    static func hash(_ key: Key) -> UInt64 { UInt64(truncatingIfNeeded: key.hashValue) }

    /// Lets a read count for an entry's stay.
    ///
    /// - Returns: `false` if its time is over.
    @usableFromInline
    func prolong(_ entry: EntryIndex, _ tables: UnsafeMutablePointer<EntryTables<Key, Value>>) -> Bool {
        guard let expiries = tables.pointee.expiries else { return true }
        let expiry = expiries + Int(entry)
        let end = expiry.pointee.end.load(ordering: .relaxed)
        if end == EntryExpiry.never { return true }
        let now = self.options.clock.now.nanoseconds
        if end <= now { return false }
        if tables.pointee.idle != 0 {
            let later = min(now.addingClamped(tables.pointee.idle), expiry.pointee.limit)
            if later > end { expiry.pointee.end.store(later, ordering: .relaxed) }
        }
        return true
    }

    /// Takes up queued hits if nobody else holds the lock.
    @usableFromInline
    func drainHits() {
        _ = self.lock.withLockIfAvailable { writer in writer.ledger.replay(self.hits) }
    }

    // MARK: Storing

    /// Stores a value; a get that begins after this has returned sees it or a later one.
    ///
    /// An entry that is heavier than the whole bound is not kept, and what was stored under the key is removed.
    ///
    /// - Complexity: O(1) on average; evictions are amortised over the insertions that cause them.
    @inlinable
    public func set(_ key: Key, to value: Value) {
        self.store(key, value, self.lifetime(of: key, value))
    }

    /// Stores a value that stays for `timeToLive`, in place of what the options say of writes.
    ///
    /// - Parameter timeToLive: How long. With zero or less nothing is kept, and what was stored under the key is removed.
    public func set(_ key: Key, to value: Value, expiringAfter timeToLive: Duration) {
        self.mayEnd.store(true, ordering: .sequentiallyConsistent)
        self.store(key, value, EntryLifetime(self.options.expiry, for: timeToLive, from: self.options.clock.now))
    }

    /// Stores a value that stays until a point of the cache's clock, in place of what the options say of writes.
    public func set(_ key: Key, to value: Value, expiringAt end: MonotonicInstant) {
        self.mayEnd.store(true, ordering: .sequentiallyConsistent)
        self.store(key, value, EntryLifetime(self.options.expiry, until: end, from: self.options.clock.now))
    }

    /// Stores several values; each is seen as soon as it is stored.
    ///
    /// - Complexity: O(*n*).
    public func set(all values: some Sequence<(key: Key, value: Value)>) {
        for (key, value) in values { self.set(key, to: value) }
    }

    /// The value of a key, or that of `make`, which is stored if there is none.
    ///
    /// `make` runs outside every lock; of several callers at once each may run it, and all get the value of the first to
    /// store it. Where making is dear, ``LoadingCache`` shares it.
    @inlinable
    public func get<Failure: Error>(
        _ key: Key, orSet make: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        if let value = self.get(key) { return value }
        let made = try make()
        return self.update(key) { value in
            if let value { return value }
            value = made
            return made
        }
    }

    /// Reads and changes the entry of a key in one step: at the moment of the change the entry is the one that `body` saw, or
    /// there is none, as `body` saw.
    ///
    /// - Parameter body: Gets the present value and leaves the new one; `nil` removes the entry. It runs outside the lock
    ///   and **again** if another writer was faster, so it should have no other effect. It may use the cache. When it
    ///   throws, nothing is changed.
    /// - Returns: What the run whose change was taken returned.
    @discardableResult
    public func update<Result, Failure: Error>(
        _ key: Key, _ body: (inout Value?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let hash = Self.hash(key)
        while true {
            let now = self.now
            let (ticket, present) = self.lock.withLock { $0.ticket(for: key, hash, now) }
            var value = present
            let result = try body(&value)
            let change: CacheWriter<Key, Value>.Change
            if let value {
                change = .store(
                    EntryPayload(key: key, value: value), weight: self.weight(of: key, value),
                    self.lifetime(of: key, value))
            } else {
                change = .remove
            }
            var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
            let isTaken = self.lock.withLock { writer in
                writer.ledger.replay(self.hits)
                return writer.commit(change, key, hash, ticket, now, &aftermath, self.tables)
            }
            self.finish(aftermath)
            if isTaken { return result }
        }
    }

    /// Stores, after weight and lifetime are known.
    @inlinable
    func store(_ key: Key, _ value: Value, _ lifetime: EntryLifetime) {
        let hash = Self.hash(key)
        let weight = self.isWeighed ? self.weight(of: key, value) : 1
        var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
        self.lock.withLock { writer in
            if self.hits.hasHits { writer.ledger.replay(self.hits) }
            writer.store(EntryPayload(key: key, value: value), hash, weight, lifetime, &aftermath, self.tables)
        }
        self.finish(aftermath)
    }

    /// Stores a value if `permit` still holds at the moment of the store: nothing that is removed afterwards was stored before.
    ///
    /// - Parameter permit: Runs under the lock, so it may read an atomic and nothing more.
    /// - Returns: Whether it was stored.
    func set(_ key: Key, to value: Value, if permit: () -> Bool) -> Bool {
        let hash = Self.hash(key)
        let weight = self.weight(of: key, value)
        let lifetime = self.lifetime(of: key, value)
        var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
        let isPermitted = self.lock.withLock { writer in
            writer.ledger.replay(self.hits)
            guard permit() else { return false }
            writer.store(EntryPayload(key: key, value: value), hash, weight, lifetime, &aftermath, self.tables)
            return true
        }
        self.finish(aftermath)
        return isPermitted
    }

    @inlinable
    func lifetime(of key: Key, _ value: Value) -> EntryLifetime {
        self.options.expiry.isNever ? .endless : self.measuredLifetime(of: key, value)
    }

    @usableFromInline
    func measuredLifetime(of key: Key, _ value: Value) -> EntryLifetime {
        let expiry = self.options.expiry
        let timeToLive = expiry.perEntry.map { $0(key, value) } ?? expiry.afterWrite
        return EntryLifetime(expiry, for: timeToLive, from: self.options.clock.now)
    }

    @usableFromInline
    func weight(of key: Key, _ value: Value) -> Int {
        guard case .weight(_, let weigh) = self.options.bound else { return 1 }
        let weight = weigh(key, value)
        precondition(weight >= 0, "the weight \(weight) of an entry is negative")
        return weight
    }

    /// The time, if anything in this cache may end; else before all time.
    private var now: Int64 {
        self.mayEnd.load(ordering: .sequentiallyConsistent) ? self.options.clock.now.nanoseconds : .min
    }

    // MARK: Removing

    /// Removes a key.
    ///
    /// - Returns: The value that was there.
    /// - Complexity: O(1) on average.
    @discardableResult
    public func remove(_ key: Key) -> Value? {
        let hash = Self.hash(key)
        let now = self.now
        var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
        let value = self.lock.withLock { writer in
            writer.ledger.replay(self.hits)
            return writer.remove(key, hash, now, &aftermath)
        }
        self.finish(aftermath)
        return value
    }

    /// Removes a key if `permit` still holds at that moment; it runs under the lock, so it may read an atomic and nothing
    /// more.
    ///
    /// - Returns: Whether it held.
    func remove(_ key: Key, if permit: () -> Bool) -> Bool {
        let hash = Self.hash(key)
        let now = self.now
        var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
        // The value outlives the lock.
        let removed = self.lock.withLock { writer -> Value?? in
            writer.ledger.replay(self.hits)
            return permit() ? .some(writer.remove(key, hash, now, &aftermath)) : nil
        }
        self.finish(aftermath)
        return removed != nil
    }

    /// Removes everything that was stored before the call.
    ///
    /// - Complexity: O(*n*); writers wait for it, readers do not.
    public func removeAll() {
        // What is over and not yet reclaimed goes as well, and counts as expired.
        self.remove(self.lock.withLock { $0.entries(at: .min) })
    }

    /// Removes the entries that `predicate` names.
    ///
    /// - Parameter predicate: Runs outside the lock on a snapshot; an entry that another writer has replaced since stays.
    /// - Complexity: O(*n*).
    public func removeAll(where predicate: (Key, Value) -> Bool) {
        let now = self.now
        self.remove(
            self.lock.withLock { $0.entries(at: now) }.filter { predicate($0.payload.key, $0.payload.value) })
    }

    private func remove(_ doomed: [CacheWriter<Key, Value>.Snapshot]) {
        var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
        let now = self.now
        self.lock.withLock { writer in
            for entry in doomed { writer.remove(entry, now, &aftermath) }
        }
        self.finish(aftermath)
    }

    /// Reclaims every entry whose time is over; returns how many there were.
    ///
    /// The cache does this by itself; it is for programs that want the memory back at a moment of their own.
    ///
    /// - Complexity: O(*n*) in the number of entries that go.
    @discardableResult
    public func removeExpired() -> Int {
        var total = 0
        while true {
            var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
            let now = self.now
            let count = self.lock.withLock { $0.expire(at: now, limit: 512, &aftermath) }
            self.finish(aftermath)
            total += count
            if count < 512 { return total }
        }
    }

    // MARK: Looking at all

    /// How many entries there are, those included whose time is over and that are not reclaimed yet.
    public var count: Int { self.lock.withLock { $0.ledger.count } }

    /// The total weight of the entries; their number in a cache that is bounded by count.
    public var weight: Int { self.lock.withLock { $0.ledger.weight } }

    /// Every entry at one moment, in no particular order.
    ///
    /// - Complexity: O(*n*); writers wait for it, readers do not.
    public func snapshot() -> [(key: Key, value: Value)] {
        let now = self.now
        return self.lock.withLock { $0.entries(at: now) }.map { ($0.payload.key, $0.payload.value) }
    }

    /// What has happened since the cache was made.
    public var statistics: CacheStatistics {
        var statistics = self.lock.withLock { writer in
            var statistics = writer.statistics
            statistics.removals = writer.ledger.removals
            statistics.count = writer.ledger.count
            statistics.weight = writer.ledger.weight
            return statistics
        }
        statistics.capacity = self.capacity
        if let total = self.lookups?.total() { (statistics.hits, statistics.misses) = total }
        return statistics
    }

    /// What is wrong with the inner structure, for tests; `nil` if nothing is.
    package func defect() -> String? {
        self.lock.withLock { writer in
            writer.ledger.replay(self.hits)
            return writer.ledger.defect()
        }
    }

    /// How many entries the fullest bucket has, for tests.
    package var longestChain: Int { self.lock.withLock { $0.ledger.longestChain } }

    // MARK: After the lock

    @inlinable @inline(__always)
    func finish(_ aftermath: borrowing CacheAftermath<Key, Value>) {
        if aftermath.isEmpty { return }
        self.settle(aftermath)
    }

    @usableFromInline
    func settle(_ aftermath: borrowing CacheAftermath<Key, Value>) {
        for tables in aftermath.tables { tables.free() }
        if let listener = self.options.onRemoval {
            for removal in aftermath.removals { listener(removal) }
        }
        if let wake = aftermath.wake {
            self.reclaimer.wake(at: wake, on: self.options.clock) { [weak self] in
                guard let self else { return nil }
                self.removeExpired()
                return self.lock.withLock { $0.ledger.nextWake }
            }
        }
    }
}

extension Int64 {
    /// The sum, or the end of the range.
    @usableFromInline
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
