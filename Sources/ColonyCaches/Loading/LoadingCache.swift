import ColonyCore

/// A cache that knows where its values come from: read-through, with one load for all who wait.
///
/// ```swift
/// var options = LoadingOptions<UserID, User>(.count(10_000))
/// options.timeToLive = .seconds(60)
/// options.failSafe = .seconds(600)
/// let users = try LoadingCache(options) { id in try await store.user(id) }
///
/// let user = try await users.value(for: id)
/// ```
///
/// **Guarantees.**
/// - Of all who ask for a key at once, one call of the loader serves everybody, with the same value or the same error.
/// - A load belongs to nobody: whoever is cancelled leaves at once, the load goes on for the others, and is cancelled when
///   the last one has left.
/// - A removal or a `set` beats every load that began before it: what such a load comes to is given to those who were
///   waiting for it already, and never stored.
/// - Errors are not kept unless ``LoadingOptions/errorTimeToLive`` asks for it; nor are absences without
///   ``LoadingOptions/absentTimeToLive``.
/// - What may still be served is served at once, and reloaded behind it, once at a time, however long that takes.
///
/// The loader runs outside every lock, in a task of its own that inherits the priority and the task-local values of whoever
/// asked first. It may ask the cache for other keys.
///
/// - SeeAlso: Go's `singleflight`, which has the sharing, and fails all when the first is cancelled; RFC 5861 for stale
///   answers.
public final class LoadingCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// Gets the value of a key; `nil` says that there is none.
    public typealias Loader = @Sendable (Key) async throws -> Value?
    /// Gets the values of several keys at once; keys that are not in the answer have none.
    public typealias BulkLoader = @Sendable ([Key]) async throws -> [Key: Value]

    typealias Load = Flight<Key, Value>

    enum Source: Sendable {
        case single(Loader)
        case bulk(BulkLoader)
    }

    let cache: Cache<Key, LoadedEntry<Value>>
    let flights = FlightTable<Key, Value>()
    let source: Source
    let options: LoadingOptions<Key, Value>
    let rules: FreshnessRules
    let limiter: LoadLimiter?
    let waits = LoadWaits()
    let counters = LoadCounters()

    /// Makes an empty cache whose values are loaded one at a time.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public convenience init(_ options: LoadingOptions<Key, Value>, loader: @escaping Loader) throws(CacheError) {
        try self.init(options, from: .single(loader))
    }

    /// Makes an empty cache whose values are loaded several at a time where several are asked for.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public convenience init(_ options: LoadingOptions<Key, Value>, bulkLoader: @escaping BulkLoader) throws(CacheError)
    {
        try self.init(options, from: .bulk(bulkLoader))
    }

    private init(_ options: LoadingOptions<Key, Value>, from source: Source) throws(CacheError) {
        try options.validate()
        self.cache = try Cache(options.cacheOptions())
        self.options = options
        self.rules = options.freshnessRules
        self.source = source
        self.limiter = options.maximumConcurrentLoads.map(LoadLimiter.init(limit:))
    }

    var now: MonotonicInstant { self.options.clock.now }

    // MARK: Asking

    /// The value of a key, from the cache or from the loader; `nil` if the loader says that there is none.
    ///
    /// - Throws: What the loader threw; `CancellationError` if the calling task was cancelled; ``CacheError`` with
    ///   `loadTimedOut` after the hard time-out, and with `loadReentered` if the call comes from the loader of this very
    ///   key, or from that of a key whose loader waits for this one.
    /// - Complexity: O(1) and without suspension if there is a value that may be served.
    public func value(for key: Key) async throws -> Value? {
        while true {
            var fallback: LoadedEntry<Value>?
            if let entry = self.cache.get(key) {
                switch self.freshness(of: entry) {
                case .fresh, .throttled: return try entry.get()
                case .refreshDue, .stale:
                    self.reload(behind: key)
                    return try entry.get()
                case .softExpired: fallback = entry
                case .absent: break
                }
            }
            try self.refuseReentry(of: key)
            var work: LoadWork?
            let joined = self.join(key, fallback: fallback, work: &work)
            switch joined {
            case .stored: continue
            case .slow: return try self.served(fallback)
            case .place(let flight, let place, let isNew):
                if isNew { self.start(flight.work, [flight], isReload: fallback != nil) }
                return try await self.outcome(of: flight, at: place, fallback: fallback)
            }
        }
    }

    /// The values of those keys that have one. Keys that are missing are loaded: in one call by a bulk loader, else side by
    /// side; a key that is being loaded already is waited for.
    ///
    /// - Throws: As ``value(for:)``, for one of the keys that fail; the other loads go on for those who wait for them.
    public func values(for keys: some Sequence<Key>) async throws -> [Key: Value] {
        var found: [Key: Value] = [:]
        var started: [Load] = []
        var shared: LoadWork?
        var places: [(flight: Load, place: Int, fallback: LoadedEntry<Value>?)] = []
        defer {
            // After an error, places that were not waited at are given back; whose load nobody wants is stopped.
            for (flight, place, _) in places where flight.leave(place) { self.stop(flight) }
        }
        var isReload = false
        do {
            // What was joined is started also after an error, because others may have come to wait for it.
            defer { if let shared { self.start(shared, started, isReload: isReload) } }
            for key in Set(keys) {
                asking: while true {
                    var fallback: LoadedEntry<Value>?
                    if let entry = self.cache.get(key) {
                        switch self.freshness(of: entry) {
                        case .refreshDue, .stale:
                            self.reload(behind: key)
                            fallthrough
                        case .fresh, .throttled:
                            found[key] = try entry.get()
                            break asking
                        case .softExpired: fallback = entry
                        case .absent: break
                        }
                    }
                    try self.refuseReentry(of: key)
                    var work: LoadWork? = self.loadsInBulk ? shared : nil
                    switch self.join(key, fallback: fallback, work: &work) {
                    case .stored: continue asking
                    case .slow: found[key] = try self.served(fallback)
                    case .place(let flight, let place, let isNew):
                        places.append((flight, place, fallback))
                        if isNew, self.loadsInBulk {
                            shared = work
                            started.append(flight)
                            isReload = isReload || fallback != nil
                        } else if isNew {
                            self.start(flight.work, [flight], isReload: fallback != nil)
                        }
                    }
                    break asking
                }
            }
        }
        while let (flight, place, fallback) = places.popLast() {
            if let value = try await self.outcome(of: flight, at: place, fallback: fallback) {
                found[flight.key] = value
            }
        }
        return found
    }

    /// Loads a key anew, whatever the cache holds, and waits for it; a load that is under way is joined.
    ///
    /// Until it comes the old value is served to others. If it fails, the old value stays.
    ///
    /// - Throws: As ``value(for:)``; also where a stale value could be served.
    @discardableResult
    public func reload(_ key: Key) async throws -> Value? {
        try self.refuseReentry(of: key)
        let joined = self.flights.join(key, hasFallback: false, isReload: true, isStored: { false }) { LoadWork() }
        guard case .place(let flight, let place, let isNew) = joined else { return try await self.value(for: key) }
        if isNew { self.start(flight.work, [flight], isReload: true) }
        return try await self.outcome(of: flight, at: place, fallback: nil)
    }

    /// The value of a key if it may be served without waiting; it never loads.
    public func cachedValue(for key: Key) -> Value? {
        guard let entry = self.cache.get(key), self.isServable(entry) else { return nil }
        return entry.value
    }

    // MARK: Changing

    /// Stores a value; loads of the key that are under way no longer count.
    public func set(_ key: Key, to value: Value) {
        self.flights.detach(key)
        self.store(.value(value), key) { true }
    }

    /// Removes a key; loads of it that are under way are not stored, and whoever asks from now on starts a new one.
    public func remove(_ key: Key) {
        self.flights.detach(key)
        self.cache.remove(key)
    }

    /// Removes everything, and forbids every load that is under way to store its value.
    ///
    /// - Complexity: O(*n*).
    public func removeAll() {
        self.flights.detachAll()
        self.cache.removeAll()
    }

    // MARK: Looking on

    /// What has happened to the entries. Absences and errors that are kept count as entries.
    public var statistics: CacheStatistics { self.cache.statistics }

    /// How the loads have gone.
    public var loadStatistics: LoadStatistics { self.counters.snapshot }

    /// How many entries there are, absences and errors that are kept included.
    public var count: Int { self.cache.count }

    /// How many loads are under way.
    ///
    /// - Complexity: O(*n*) in the number of loads.
    package var loadsUnderWay: Int { self.flights.count }

    /// How many wait for a key, for tests.
    package func waiters(for key: Key) -> Int { self.flights.current(key)?.waiterCount ?? 0 }

    /// What is wrong with the inner structure, for tests; `nil` if nothing is.
    package func defect() -> String? { self.cache.defect() }
}

// MARK: - Waiting

extension LoadingCache {
    var loadsInBulk: Bool { if case .bulk = self.source { true } else { false } }

    /// Takes a place in the load of a key.
    ///
    /// - Parameter work: The call that a new load shall be part of; made here if there is none yet.
    private func join(
        _ key: Key, fallback: LoadedEntry<Value>?, work: inout LoadWork?
    ) -> FlightTable<Key, Value>.Joined {
        var used = work
        // Lives longer than the lock of the table, because letting go of a value may run code of the user.
        var seen: LoadedEntry<Value>?
        defer {
            work = used
            seen = nil
        }
        return self.flights.join(key, hasFallback: fallback != nil, isReload: fallback != nil) {
            seen = self.cache.peek(key)
            return seen.map(self.isServable) ?? false
        } work: {
            let work = used ?? LoadWork()
            used = work
            return work
        }
    }

    private func freshness(of entry: LoadedEntry<Value>) -> Freshness {
        // What never ages needs no clock.
        entry.refreshAt == FreshnessRules.never ? .fresh : self.rules.freshness(of: entry, at: self.now)
    }

    /// Whether an entry would be served without waiting.
    private func isServable(_ entry: LoadedEntry<Value>) -> Bool {
        switch self.freshness(of: entry) {
        case .fresh, .refreshDue, .stale, .throttled: true
        case .softExpired, .absent: false
        }
    }

    /// Waits at a place and makes of the outcome what the caller gets.
    private func outcome(of flight: Load, at place: Int, fallback: LoadedEntry<Value>?) async throws -> Value? {
        let frame = LoadChain.frame(of: self)
        if let frame {
            guard self.waits.enter(frame.work, for: flight.work) else {
                if flight.leave(place) { self.stop(flight) }
                throw self.reentered(flight.key)
            }
            self.limiter?.expedite(flight.work)
        }
        defer { if let frame { self.waits.leave(frame.work, for: flight.work) } }
        switch await flight.wait(at: place) {
        case .loaded(let value): return value
        case .slow: return try self.served(fallback)
        case .failed(let error):
            if let stale = self.servable(fallback, after: flight) { return stale }
            throw error
        case .timedOut:
            if let stale = self.servable(fallback, after: flight) { return stale }
            let limit = self.options.hardTimeOut ?? .zero
            throw CacheError(.loadTimedOut, "the load of \"\(flight.key)\" took longer than \(limit.text)")
        case .cancelled(let mustStop):
            if mustStop { self.stop(flight) }
            throw CancellationError()
        }
    }

    /// The stale value that takes the place of a load that failed, unless it was invalidated or its last time is over.
    private func servable(_ fallback: LoadedEntry<Value>?, after flight: Load) -> Value? {
        guard let fallback, !flight.isDetached, self.now < self.rules.end(of: fallback) else { return nil }
        self.counters.servedStale()
        return fallback.value
    }

    private func served(_ fallback: LoadedEntry<Value>?) throws -> Value? {
        self.counters.servedStale()
        return try fallback?.get()
    }

    /// Refuses a call from within the load of the same key, which would wait for itself.
    private func refuseReentry(of key: Key) throws(CacheError) {
        if LoadChain.contains(of: self, as: [Load].self, where: { flights in flights.contains { $0.key == key } }) {
            throw self.reentered(key)
        }
    }

    private func reentered(_ key: Key) -> CacheError {
        CacheError(.loadReentered, "the loader of \"\(key)\" waits for \"\(key)\" itself")
    }
}
