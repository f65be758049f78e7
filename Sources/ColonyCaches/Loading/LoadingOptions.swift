public import ColonyCore

/// How a ``LoadingCache`` is bounded, how its entries age, and what its loads may cost.
///
/// Nothing is cached beyond what is asked for: without a time to live values stay until room is needed, and neither
/// absences nor errors are kept.
public struct LoadingOptions<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    // MARK: The cache underneath

    /// What the cache may hold. An absence or an error that is kept counts as one entry and weighs 1.
    public var bound: CacheBound<Key, Value>
    /// Which entry a full cache gives up.
    public var policy: EvictionPolicy = .adaptive
    /// How long an entry stays after it was last read; above zero. It holds beside all other times.
    public var expireAfterAccess: Duration?
    /// Whether the cache underneath counts hits and misses. Off, because counting costs some nanoseconds at each look-up.
    public var recordsStatistics = false
    /// Is told of every value that leaves, and why. Absences and errors that leave are not told.
    public var onRemoval: (@Sendable (CacheRemoval<Key, Value>) -> Void)?
    /// What everything is counted on.
    public var clock: any MonotonicClock = HostClock()

    // MARK: How entries age

    /// How long a value is fresh after it was stored; above zero. `nil` for no end.
    public var timeToLive: Duration?
    /// How long this value is fresh, in place of `timeToLive`; `nil` for no end. It runs outside every lock. An answer of
    /// zero or less means that the value is handed out and not kept.
    public var timeToLivePerEntry: (@Sendable (Key, Value) -> Duration?)?
    /// How long it is remembered that there is nothing under a key; above zero. `nil`, the default, to ask again each time.
    public var absentTimeToLive: Duration?
    /// How long an error of the loader is remembered and thrown again; `nil`, or zero or less, to load again at the next
    /// get, which is what happens without this closure. It runs outside every lock. An error never takes the place of a
    /// value that may still be served.
    public var errorTimeToLive: (@Sendable (any Error) -> Duration?)?
    /// From which age on a get starts a reload behind the value that it returns; above zero.
    public var refreshAfterWrite: Duration?
    /// How long after the end of its time a value is served at once while it is reloaded; above zero.
    public var staleWhileRevalidate: Duration?
    /// How long after the end of its time a value takes the place of a load that fails or goes past a time-out; above zero.
    /// Counted from the end of the time to live, not from the end of `staleWhileRevalidate`.
    public var failSafe: Duration?
    /// How long nothing is reloaded after a reload failed behind a value that can still be served; zero or more. One second
    /// lets a store recover, and is short beside most times to live.
    public var failureThrottle: Duration = .seconds(1)

    // MARK: What loads may cost

    /// After which time of a load those who have a stale value go on with it; above zero. Needs `failSafe`. The load goes on.
    public var softTimeOut: Duration?
    /// After which time of a load everybody who waits is told `loadTimedOut`, or goes on with a stale value; above zero. The
    /// load goes on, and its value is stored if it comes. The next get starts another load. Without it, a get waits for as
    /// long as the loader takes.
    public var hardTimeOut: Duration?
    /// After which time of a load it is cancelled and forgotten, whether it heeds that or not; not below `hardTimeOut`. `nil`
    /// for ten times `hardTimeOut`, which limits the loads that one hanging key can pile up to ten; without a
    /// `hardTimeOut`, `nil` means never.
    public var abandonAfter: Duration?
    /// How many loads run at once; at least 1. Others wait in turn, and their time-outs run while they do. A call of a bulk
    /// loader is one load. Loads that a load waits for pass the limit.
    public var maximumConcurrentLoads: Int?

    /// Makes options with the defaults.
    public init(_ bound: CacheBound<Key, Value>) { self.bound = bound }
}

extension LoadingOptions {
    /// The rules by which entries age.
    public var freshnessRules: FreshnessRules {
        FreshnessRules(
            refreshAfterWrite: self.refreshAfterWrite, staleWhileRevalidate: self.staleWhileRevalidate ?? .zero,
            failSafe: self.failSafe ?? .zero, throttle: self.failureThrottle)
    }

    /// When a load is given up, if ever.
    var abandonment: Duration? {
        self.abandonAfter ?? self.hardTimeOut.map { .nanoseconds($0.clampedNanoseconds.multipliedOrMaximum(by: 10)) }
    }

    /// Looks for settings that cannot work.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public func validate() throws(CacheError) {
        let times: [(String, Duration?)] = [
            ("timeToLive", self.timeToLive), ("absentTimeToLive", self.absentTimeToLive),
            ("expireAfterAccess", self.expireAfterAccess), ("refreshAfterWrite", self.refreshAfterWrite),
            ("staleWhileRevalidate", self.staleWhileRevalidate), ("failSafe", self.failSafe),
            ("softTimeOut", self.softTimeOut), ("hardTimeOut", self.hardTimeOut), ("abandonAfter", self.abandonAfter),
        ]
        for case (let name, let time?) in times where time <= .zero {
            throw CacheError(.invalidConfiguration, "\(name) must be above zero, not \(time)")
        }
        if self.failureThrottle < .zero {
            throw CacheError(
                .invalidConfiguration, "failureThrottle must not be below zero, and \(self.failureThrottle) is")
        }
        if let limit = self.maximumConcurrentLoads, limit < 1 {
            throw CacheError(.invalidConfiguration, "maximumConcurrentLoads must be at least 1, not \(limit)")
        }
        if let soft = self.softTimeOut {
            if self.failSafe == nil {
                throw CacheError(
                    .invalidConfiguration,
                    "softTimeOut of \(soft) needs failSafe: without it there is no stale value to go on with")
            }
            if let hard = self.hardTimeOut, soft >= hard {
                throw CacheError(
                    .invalidConfiguration, "softTimeOut of \(soft) must be shorter than hardTimeOut of \(hard)")
            }
        }
        if let abandonAfter = self.abandonAfter, let least = self.hardTimeOut ?? self.softTimeOut, abandonAfter < least
        {
            throw CacheError(
                .invalidConfiguration,
                "abandonAfter of \(abandonAfter) must not be shorter than the time-out of \(least)")
        }
        if let refresh = self.refreshAfterWrite, let timeToLive = self.timeToLive, refresh >= timeToLive {
            throw CacheError(
                .invalidConfiguration,
                "refreshAfterWrite of \(refresh) must be shorter than timeToLive of \(timeToLive), or it never applies")
        }
    }

    /// The options of the cache underneath.
    ///
    /// Entries end there when they count as absent. That is counted anew at each store, because a reload that failed
    /// stores the old entry again with another `refreshAt`.
    func cacheOptions() -> CacheOptions<Key, LoadedEntry<Value>> {
        let bound: CacheBound<Key, LoadedEntry<Value>> =
            switch self.bound {
            case .count(let count): .count(count)
            case .weight(let total, let weigh): .weight(total) { key, entry in entry.value.map { weigh(key, $0) } ?? 1 }
            }
        var options = CacheOptions<Key, LoadedEntry<Value>>(bound)
        options.policy = self.policy
        let (rules, clock) = (self.freshnessRules, self.clock)
        options.expiry = CacheExpiry(afterAccess: self.expireAfterAccess) { _, entry in
            let end = rules.end(of: entry)
            return end == FreshnessRules.never ? nil : clock.now.duration(to: end)
        }
        options.recordsStatistics = self.recordsStatistics
        options.clock = self.clock
        if let onRemoval = self.onRemoval {
            options.onRemoval = { removal in
                guard let value = removal.value.value else { return }
                onRemoval(CacheRemoval(key: removal.key, value: value, cause: removal.cause))
            }
        }
        return options
    }
}

extension Int64 {
    /// The product, or the greatest number if it is beyond the range.
    func multipliedOrMaximum(by factor: Int64) -> Int64 {
        let (product, overflow) = self.multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
