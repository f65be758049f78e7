public import ColonyCore

/// How a ``SharedCacheAside`` fills, waits, and invalidates.
public struct SharedCacheAsideOptions: Sendable {
    /// How long a value stays; above zero, `nil` for no end. It bounds how long an entry can be stale after an invalidation
    /// that never reached the tier; an hour is a bound that most programs can live with.
    public var timeToLive: Duration? = .seconds(3_600)
    /// Spreads `timeToLive`, so that values that were stored together do not end together; `nil` for equal times.
    public var jitter: TTLJitter?
    /// How long a fill ticket is kept; above zero. A load that takes longer is not stored. Ten seconds is far above what a
    /// look-up in a store takes, and short enough that a reader that died holds nobody up for long.
    public var ticketTimeToLive: Duration = .seconds(10)
    /// How long a write keeps readers from filling; above zero. It should be longer than any transaction of the store takes,
    /// lock waits included.
    public var blockTimeToLive: Duration = .seconds(30)
    /// How long a reader waits for another reader's fill before it loads for itself; zero or more. A tenth of a second
    /// turns a crowd of loads into one for stores of ordinary speed.
    public var patience: Duration = .milliseconds(100)
    /// How often a waiting reader looks; above zero.
    public var pollInterval: Duration = .milliseconds(10)
    /// How often an invalidation is tried; at least 1.
    public var invalidationAttempts = 5
    /// The waits between the attempts of an invalidation.
    public var backoff = Backoff()
    /// Is told when the tier failed and the program went on without it.
    public var onTierFailure: (@Sendable (CacheKey, CacheError) -> Void)?
    /// What waiting is counted on.
    public var clock: any MonotonicClock = HostClock()
    /// Where the tokens of tickets and the waits between attempts are drawn from.
    public var generator: any RandomNumberGenerator & Sendable

    /// Makes options with the defaults.
    public init(generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()) {
        self.generator = generator
    }

    /// Looks for settings that cannot work.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public func validate() throws(CacheError) {
        let times: [(String, Duration?)] = [
            ("timeToLive", self.timeToLive), ("ticketTimeToLive", self.ticketTimeToLive),
            ("blockTimeToLive", self.blockTimeToLive), ("pollInterval", self.pollInterval),
        ]
        for case (let name, let time?) in times where time <= .zero {
            throw CacheError(.invalidConfiguration, "\(name) must be above zero, not \(time)")
        }
        if self.patience < .zero {
            throw CacheError(.invalidConfiguration, "patience must not be below zero, and \(self.patience) is")
        }
        if self.invalidationAttempts < 1 {
            throw CacheError(
                .invalidConfiguration, "invalidationAttempts must be at least 1, not \(self.invalidationAttempts)")
        }
    }
}
