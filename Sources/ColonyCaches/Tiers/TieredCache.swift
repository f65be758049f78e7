public import ColonyCore
import ColonyHashing
import Synchronization

/// Two caches in one: copies in this process before a cache that many processes share.
///
/// ```swift
/// let users = try TieredCache<String, User>(RedisCacheTier(url), codec: .json)
/// group.addServiceUnlessCancelled { await users.run() }            // hears of changes by others
///
/// let user = try await users.get(id) { id in try await database.user(id) }
/// ```
///
/// # Why not a map before Redis
/// A copy knows nothing of changes. When another process writes the entry, copies stay stale for as long as they live;
/// when messages tell of changes, the first lost message leaves a stale copy that nobody corrects. And a look-up that
/// began before a change may come back after the message about it, and store the old value for good.
///
/// # How stale a copy can be
/// - While ``run()`` listens, a copy ends when the message about a change arrives.
/// - When the channel is lost, copies are used for ``TieredCacheOptions/unlistenedTimeToLive`` more; when it is back,
///   all of them are dropped, because nobody knows what was missed.
/// - Whatever happens, also if messages vanish without notice, a copy is used for
///   ``TieredCacheOptions/localTimeToLive`` at the most, counted from the beginning of the look-up that brought it.
/// - A completed write of this process is seen by its next look-up. A look-up that began before a change, here or as
///   soon as it is told, never leaves a copy (see `CopyTicket`).
/// - A message about a key that this process wrote itself may be an echo of that write. The copy is then compared with
///   the shared cache in the background instead of being dropped, and is used meanwhile.
///
/// # When the shared cache fails
/// Each call has a deadline, and after some failures in a row the shared cache is left alone for a while, so that a
/// dead one costs nothing. With ``TierFailure/soft`` look-ups find nothing then, and writes are *queued*: it is
/// unknown whether they arrived, so ``run()`` removes their keys when the shared cache answers again. Removing is
/// always right in a cache; storing the value of back then might replace a newer one.
///
/// # Loads
/// ``get(_:orLoad:)`` loads a key once, however many ask, and stores the value only where still nothing is, unless the
/// key was changed meanwhile. With a ``StampedeLock`` one node of many loads.
///
/// - SeeAlso: FusionCache, *Backplane* and *Auto-Recovery*, whose ideas these are, with other means.
///   <https://github.com/ZiggyCreatures/FusionCache/blob/main/docs/Backplane.md>
public final class TieredCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// The shared cache. Whoever made it closes it.
    public let tier: any CacheTier
    /// How the cache was made.
    public let options: TieredCacheOptions

    let codec: CacheCodec<Value>
    let naming: @Sendable (Key) throws(InvalidName) -> CacheKey
    let gate: TierGate
    let local: Cache<CacheKey, LocalCopy<Value>>
    let watch = KeyWatch()
    let lookUps = TierFlights<TierAnswer<Value>>()
    let loads = TierFlights<Value>()
    /// How often all copies were dropped; copies of an earlier generation are not used.
    let generation = Atomic<UInt64>(0)
    /// Since when nobody tells of changes, in nanoseconds of the clock; the greatest number while somebody does.
    let unlistenedSince = Atomic<Int64>(.min)
    /// Keys with a write that may not have arrived.
    let repairs: BoundedKeys
    /// Keys whose copy stems from an own write and may have been changed by others.
    let suspects = BoundedKeys(capacity: 4_096)
    let counts = Mutex(TieredCacheStatistics())
    let isRunning = Atomic<Bool>(false)

    /// Puts copies in this process before a shared cache. It does no I/O.
    ///
    /// - Parameters:
    ///   - tier: The shared cache. It stays the caller's, who closes it.
    ///   - codec: How values become bytes.
    ///   - naming: The key in the shared cache of a key here; different keys must have different names.
    ///   - generator: What the length of rests is drawn from.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        _ tier: any CacheTier, codec: CacheCodec<Value>, options: TieredCacheOptions = TieredCacheOptions(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        naming: @escaping @Sendable (Key) throws(InvalidName) -> CacheKey
    ) throws(CacheError) {
        try options.validate()
        self.tier = tier
        self.codec = codec
        self.options = options
        self.naming = naming
        self.gate = TierGate(options, generator: generator)
        self.repairs = BoundedKeys(capacity: options.maximumRepairs)
        var local = CacheOptions<CacheKey, LocalCopy<Value>>(.count(options.localCapacity))
        local.policy = options.localPolicy
        local.expiry.afterWrite = options.localTimeToLive
        local.recordsStatistics = true
        local.clock = options.clock
        self.local = try Cache(local)
    }

    // MARK: Looking up

    /// The value of a key; `nil` if neither tier has one.
    ///
    /// Bytes that the codec cannot read count as absent, and are reported to ``TieredCacheOptions/onProblem``.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest` for a key without a name, `cancelled`, `closed`, and, with
    ///   ``TierFailure/hard``, `unavailable` and `refused`.
    /// - Complexity: O(1) for a copy, without I/O; one round trip else, however many ask at once.
    public func get(_ key: Key) async throws(CacheError) -> Value? {
        let name = try self.name(of: key)
        if let value = self.copy(of: name) { return value }
        return try self.value(of: try await self.lookUp(name))
    }

    /// The copy of a key in this process, if there is one that may be used. Asks nobody.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest` for a key without a name.
    public func localValue(_ key: Key) throws(CacheError) -> Value? {
        self.copy(of: try self.name(of: key))
    }

    func name(of key: Key) throws(CacheError) -> CacheKey {
        do {
            return try self.naming(key)
        } catch {
            throw CacheError(.invalidRequest, error.description, cause: error)
        }
    }

    /// A copy that may be used.
    func copy(of name: CacheKey) -> Value? {
        guard let copy = self.local.get(name) else { return nil }
        if self.isUsable(copy) { return copy.value }
        self.counts.withLock { $0.unusableCopies += 1 }
        return nil
    }

    func isUsable(_ copy: LocalCopy<Value>) -> Bool {
        let ticket = copy.ticket
        if ticket.isRevoked || ticket.generation != self.generation.load(ordering: .acquiring) { return false }
        let since = self.unlistenedSince.load(ordering: .acquiring)
        if since == .max { return true }
        let from = max(ticket.began, MonotonicInstant(nanoseconds: since))
        return self.options.clock.now < from.advanced(by: self.options.unlistenedTimeToLive)
    }

    /// A write begins; what look-ups and loads bring meanwhile leaves no copy, and nobody joins them any more.
    ///
    /// - Parameter load: The ticket of the load whose value is written; it goes on.
    func beginWrite(_ name: CacheKey, _ ticket: CopyTicket, sparing load: CopyTicket? = nil) {
        self.watch.beginWrite(name, ticket, sparing: load)
        self.detachFlights(name, loads: load == nil)
    }

    /// A write is over; what look-ups and loads that began during it bring leaves no copy.
    func endWrite(_ name: CacheKey, _ ticket: CopyTicket, sparing load: CopyTicket? = nil) {
        self.watch.endWrite(name, ticket, sparing: load)
        self.detachFlights(name, loads: load == nil)
    }

    func detachFlights(_ name: CacheKey, loads: Bool) {
        self.lookUps.detach(name)
        if loads { self.loads.detach(name) }
    }

    func makeTicket() -> CopyTicket {
        // The generation first: a flush in between makes the ticket older than it is, never younger.
        let generation = self.generation.load(ordering: .acquiring)
        return CopyTicket(generation: generation, began: self.options.clock.now)
    }

    /// Keeps a copy, for as long as it may be used at the most.
    func keep(
        _ name: CacheKey, _ value: Value, _ ticket: CopyTicket, timeToLive: Duration?, ownHash: UInt64? = nil
    ) {
        if ticket.isRevoked { return }
        let life = min(self.options.localTimeToLive, timeToLive ?? self.options.localTimeToLive)
        self.local.set(
            name, to: LocalCopy(value: value, ticket: ticket, ownHash: ownHash),
            expiringAt: ticket.began.advanced(by: life))
        // Revoked meanwhile: it is not used, and need not take up room.
        if ticket.isRevoked { self.local.remove(name) }
    }

    // MARK: Writing

    /// Stores a value in both tiers.
    ///
    /// - Parameter timeToLive: How long it stays in the shared cache, above zero; as the options say by default.
    ///   Copies end with it.
    /// - Returns: Whether the shared cache has acknowledged it. With ``TierFailure/hard`` it has.
    /// - Throws: ``CacheError`` with `invalidRequest`, also for a value that cannot be encoded, `valueTooLarge`,
    ///   `refused`, `cancelled`, `closed`; and `unavailable` with ``TierFailure/hard``, or when
    ///   ``TieredCacheOptions/maximumRepairs`` are waiting. After `unavailable` and `cancelled` it is unknown whether
    ///   the value is stored; no copy of what was there before is used.
    /// - Complexity: One round trip.
    @discardableResult
    public func set(_ key: Key, to value: Value, timeToLive: Duration? = nil) async throws(CacheError) -> TierWrite {
        try await self.set(all: CollectionOfOne((key: key, value: value)), timeToLive: timeToLive)
    }

    /// Removes a key from both tiers.
    ///
    /// - Returns: Whether the shared cache has acknowledged it.
    /// - Throws: ``CacheError``, as ``set(_:to:timeToLive:)``.
    /// - Complexity: One round trip.
    @discardableResult
    public func remove(_ key: Key) async throws(CacheError) -> TierWrite {
        try await self.remove(all: CollectionOfOne(key))
    }

    /// Drops all copies in this process. The shared cache stays as it is.
    public func removeAllCopies() {
        self.generation.add(1, ordering: .acquiringAndReleasing)
        self.lookUps.detachAll()
        self.loads.detachAll()
        self.local.removeAll()
    }

    // MARK: Looking at it

    /// What has happened since the cache was made, tier by tier.
    public var statistics: TieredCacheStatistics {
        var statistics = self.counts.withLock { $0 }
        statistics.local = self.local.statistics
        let counts = self.gate.counts
        statistics.tier.failures = counts.failures
        statistics.tier.skippedCalls = counts.skippedCalls
        statistics.tier.isResting = counts.isResting
        statistics.tier.pendingRepairs = self.repairs.count
        statistics.channel.isListening = self.unlistenedSince.load(ordering: .acquiring) == .max
        return statistics
    }

    func report(_ problem: TierProblem) { self.options.onProblem?(problem) }
}

extension TieredCache where Key == CacheKey {
    /// Puts copies in this process before a shared cache whose keys are used as they are. It does no I/O.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public convenience init(
        _ tier: any CacheTier, codec: CacheCodec<Value>, options: TieredCacheOptions = TieredCacheOptions(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(CacheError) {
        try self.init(tier, codec: codec, options: options, generator: generator) { key in key }
    }
}

extension TieredCache where Key == String {
    /// Puts copies in this process before a shared cache, with text as keys. It does no I/O.
    ///
    /// - Parameter prefix: What the keys in the shared cache begin with, so that several caches share one store.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public convenience init(
        _ tier: any CacheTier, codec: CacheCodec<Value>, prefix: String = "",
        options: TieredCacheOptions = TieredCacheOptions(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(CacheError) {
        try self.init(
            tier, codec: codec, options: options, generator: generator
        ) { (key: String) throws(InvalidName) -> CacheKey in
            try CacheKey(prefix + key)
        }
    }
}
