import ColonyCaches
import ColonyCore
import NIOCore
import Synchronization

/// The cache that the daemon's clients share: bodies by key, in memory, bounded by their bytes.
///
/// Reading goes straight to ``Cache``. Writes go one at a time: a condition on the present entry and the write are one
/// step, versions rise in the order of the writes, and those who listen are told in that order.
///
/// A restart empties it. What must survive belongs in a store.
final class SharedCache: Sendable {
    /// How many keys ``statistics(now:)`` names.
    static let hottestCount = 10
    /// After how many steps of the history the counts of the hottest keys fade by half: ten minutes.
    private static let stepsToFade: Int64 = 60

    enum Write {
        case stored(StoredBody, isNew: Bool)
        /// The condition did not hold for what is there.
        case refused(StoredBody?)
    }

    enum Deletion {
        case deleted
        case absent
        case refused(StoredBody)
    }

    /// What is counted about look-ups.
    struct Lookups: Sendable {
        var hits: UInt64 = 0
        var misses: UInt64 = 0
        var history: LookupHistory
        var hottest = HottestKeys()
        fileprivate var stepsSinceFading: Int64 = 0

        fileprivate mutating func advance(to now: MonotonicInstant) {
            self.stepsSinceFading += self.history.advance(to: now)
            while self.stepsSinceFading >= stepsToFade {
                self.stepsSinceFading -= stepsToFade
                self.hottest.fade()
                // After a day without a look-up nothing is left to fade.
                if self.stepsSinceFading > 64 * stepsToFade { self.stepsSinceFading %= stepsToFade }
            }
        }
    }

    let settings: DaemonConfiguration.Caching
    let clock: any MonotonicClock
    let invalidations: InvalidationHub
    private let cache: Cache<CacheKey, StoredBody>
    private let tally: CacheTally
    private let lookups: Mutex<Lookups>
    /// The version of the last write. Whoever holds this lock writes.
    private let writing: Mutex<UInt64>

    /// Makes an empty cache.
    ///
    /// - Parameter epoch: The present wall time. Versions begin there, so that a tag from before a restart fits nothing.
    init(
        settings: DaemonConfiguration.Caching, invalidations: InvalidationHub, metrics: DaemonMetrics,
        clock: any MonotonicClock, epoch: WallTime
    ) throws(CacheError) {
        self.settings = settings
        self.clock = clock
        self.invalidations = invalidations
        let tally = CacheTally(metrics)
        self.tally = tally
        var options = CacheOptions<CacheKey, StoredBody>(.weight(settings.bytes, of: Self.weight))
        options.policy = settings.policy
        options.clock = clock
        options.onRemoval = { removal in tally.left(Self.weight(removal.key, removal.value), removal.cause) }
        self.cache = try Cache(options)
        self.lookups = Mutex(Lookups(history: LookupHistory(start: clock.now)))
        self.writing = Mutex(UInt64(max(0, epoch.millisecondsSince1970)) << 20)
    }

    private static func weight(_ key: CacheKey, _ body: StoredBody) -> Int {
        // What is allocated, not what is used: buffers grow by powers of two.
        StoredBody.weight(key.rawValue.utf8.count, body.bytes.storageCapacity, body.contentType)
    }

    // MARK: Reading

    /// Looks a key up for a client, which counts as a use.
    func get(_ key: CacheKey) -> StoredBody? {
        let body = self.cache.get(key)
        self.noteLookup(of: key, isHit: body != nil)
        return body
    }

    /// Looks at an entry without counting as a use.
    func peek(_ key: CacheKey) -> StoredBody? { self.cache.peek(key) }

    private func noteLookup(of key: CacheKey, isHit: Bool) {
        let now = self.clock.now
        self.tally.metrics.looked(isHit: isHit)
        self.lookups.withLock { lookups in
            lookups.advance(to: now)
            lookups.history.count(isHit: isHit)
            lookups.hottest.count(key)
            if isHit { lookups.hits += 1 } else { lookups.misses += 1 }
        }
    }

    // MARK: Writing

    /// Stores a body if the condition holds for what is there.
    ///
    /// - Parameters:
    ///   - timeToLive: Above zero; `nil` keeps the entry until room is needed.
    ///   - writer: Who need not be told of the write, because it is its own.
    func set(
        _ key: CacheKey, _ bytes: ByteBuffer, contentType: String?, timeToLive: Duration?,
        if condition: Preconditions = .none, writer: String? = nil
    ) -> Write {
        let copy = ByteBuffer(buffer: bytes)
        return self.writing.withLock { version in
            let present = self.cache.peek(key)
            guard condition.allowChange(from: present?.tag) else { return .refused(present) }
            version += 1
            let now = self.clock.now
            let body = StoredBody(
                bytes: copy, contentType: contentType, version: version, storedAt: now,
                end: timeToLive.map { now.advanced(by: $0) })
            self.tally.entered(Self.weight(key, body))
            if let timeToLive {
                self.cache.set(key, to: body, expiringAfter: timeToLive)
            } else {
                self.cache.set(key, to: body)
            }
            self.invalidations.publish(.keys([key]), from: writer)
            return .stored(body, isNew: present == nil)
        }
    }

    /// Removes an entry if the condition holds for it.
    func delete(_ key: CacheKey, if condition: Preconditions = .none, writer: String? = nil) -> Deletion {
        self.writing.withLock { _ in
            guard let present = self.cache.peek(key) else {
                // Told all the same: a copy elsewhere may have outlived an entry that was given up here.
                self.invalidations.publish(.keys([key]), from: writer)
                return .absent
            }
            guard condition.allowChange(from: present.tag) else { return .refused(present) }
            self.cache.remove(key)
            self.tally.metrics.cacheDeletions.increment(by: 1)
            self.invalidations.publish(.keys([key]), from: writer)
            return .deleted
        }
    }

    /// Removes everything that is there.
    ///
    /// - Returns: How many entries that were.
    func removeAll(writer: String? = nil) -> Int {
        self.writing.withLock { _ in
            let count = self.cache.count
            self.cache.removeAll()
            self.tally.metrics.cacheDeletions.increment(by: Int64(count))
            self.invalidations.publish(.all, from: writer)
            return count
        }
    }

    // MARK: Statistics

    struct Statistics {
        var entries: Int
        var bytes: Int
        var writes: Int
        var lookups: Lookups
        var removals: [(cause: CacheRemovalCause, count: Int)]
    }

    var statistics: Statistics {
        let now = self.clock.now
        let lookups = self.lookups.withLock { lookups in
            lookups.advance(to: now)
            return lookups
        }
        return Statistics(
            entries: self.cache.count, bytes: self.tally.bytes, writes: self.tally.writes, lookups: lookups,
            removals: CacheRemovalCause.allCases.map { ($0, self.tally.removals(for: $0)) })
    }

    var count: Int { self.cache.count }
    var bytes: Int { self.tally.bytes }
}

/// What has come into the cache and left it.
///
/// It is apart from ``SharedCache``, because the cache reports what leaves on the thread that caused it, which may be one
/// that writes.
final class CacheTally: Sendable {
    let metrics: DaemonMetrics
    private let weight = Atomic(0)
    private let written = Atomic(0)
    private let left = Mutex<[CacheRemovalCause: Int]>([:])

    init(_ metrics: DaemonMetrics) {
        self.metrics = metrics
    }

    func entered(_ weight: Int) {
        self.weight.add(weight, ordering: .relaxed)
        self.written.add(1, ordering: .relaxed)
        self.metrics.cacheWrites.increment(by: 1)
    }

    func left(_ weight: Int, _ cause: CacheRemovalCause) {
        self.weight.subtract(weight, ordering: .relaxed)
        self.left.withLock { $0[cause, default: 0] += 1 }
        self.metrics.removed(cause)
    }

    /// What all entries count together. A write that is under way may show early.
    var bytes: Int { max(0, self.weight.load(ordering: .relaxed)) }
    var writes: Int { self.written.load(ordering: .relaxed) }
    func removals(for cause: CacheRemovalCause) -> Int { self.left.withLock { $0[cause] ?? 0 } }
}
