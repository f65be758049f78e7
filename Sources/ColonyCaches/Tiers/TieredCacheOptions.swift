public import ColonyCore

/// How a ``TieredCache`` keeps its copies, and what it does while the shared cache does not answer.
public struct TieredCacheOptions: Sendable {
    // MARK: Copies in this process

    /// How many copies are kept in this process, from 1.
    public var localCapacity = 10_000
    /// Which copy a full first tier gives up.
    public var localPolicy: EvictionPolicy = .adaptive
    /// How long a copy is used at the most, counted from the beginning of the look-up that brought it; above zero. The
    /// bound on how stale a copy can be **whatever happens**, also if the channel loses messages and does not notice.
    public var localTimeToLive: Duration = .seconds(60)
    /// How long a copy is used while nobody tells of changes, counted from the loss of the channel or from the
    /// beginning of the look-up, whichever was later; above zero. It applies before ``TieredCache/run()`` is
    /// listening, after the channel was lost, and always over stores that tell nobody, such as Memcached.
    public var unlistenedTimeToLive: Duration = .seconds(5)

    // MARK: The shared cache

    /// How long entries stay in the shared cache unless told otherwise; above zero, `nil` for as long as there is room.
    public var timeToLive: Duration? = .seconds(3_600)
    /// What happens when the shared cache does not answer.
    public var failure: TierFailure = .soft
    /// How long one call to the shared cache may take; above zero. The tier has a time-out of its own, which is often
    /// longer than a request can wait for a mere cache.
    public var deadline: Duration = .milliseconds(500)
    /// After how many failures in a row the shared cache is left alone for a while; from 1.
    public var failuresBeforeRest = 3
    /// For how long it is left alone: between half of a wait of this kind and all of it. Then one call tries.
    public var rest = Backoff(initial: .milliseconds(200), maximum: .seconds(10))
    /// How many keys with a write that may not have arrived are remembered, to be removed from the shared cache when it
    /// answers again; from 1. One more, and its write fails with `unavailable`.
    public var maximumRepairs = 10_000

    // MARK: Loads

    /// Lets one node load a key while others wait; `nil` for none, and then each node loads once.
    public var stampedeLock: StampedeLock?

    // MARK: Surroundings

    /// Is told of what went wrong without failing a call. It runs outside every lock.
    public var onProblem: (@Sendable (TierProblem) -> Void)?
    /// What everything is counted on.
    public var clock: any MonotonicClock = HostClock()

    /// Makes options with the defaults.
    public init() {}

    func validate() throws(CacheError) {
        let times: [(String, Duration?)] = [
            ("localTimeToLive", self.localTimeToLive), ("unlistenedTimeToLive", self.unlistenedTimeToLive),
            ("timeToLive", self.timeToLive), ("deadline", self.deadline),
        ]
        for case (let name, let time?) in times where time <= .zero {
            throw CacheError(.invalidConfiguration, "\(name) must be above zero, not \(time)")
        }
        let counts = [
            ("localCapacity", self.localCapacity), ("failuresBeforeRest", self.failuresBeforeRest),
            ("maximumRepairs", self.maximumRepairs),
        ]
        for (name, count) in counts where count < 1 {
            throw CacheError(.invalidConfiguration, "\(name) must be at least 1, not \(count)")
        }
        if self.unlistenedTimeToLive > self.localTimeToLive {
            throw CacheError(
                .invalidConfiguration,
                "unlistenedTimeToLive of \(self.unlistenedTimeToLive) must not be above localTimeToLive of "
                    + "\(self.localTimeToLive), or it never applies")
        }
    }
}

/// What a ``TieredCache`` does when the shared cache does not answer.
public enum TierFailure: Hashable, Sendable {
    /// Look-ups find nothing, and writes are made good later: the program goes on as with a cold cache.
    case soft
    /// Calls throw `unavailable`.
    case hard
}

/// What has become of a write through a ``TieredCache``.
public enum TierWrite: Hashable, Sendable {
    /// The shared cache has acknowledged it.
    case stored
    /// The shared cache did not answer, so the write may have arrived or not. The key is removed from it as soon as it
    /// answers again, so that nobody reads the value before. Until then this process does not read the key from it.
    case queued
}

/// Something that went wrong without failing a call of a ``TieredCache``.
public enum TierProblem: Sendable {
    /// The bytes or the type under a key are not what the codec or the tier understands. It counts as absent.
    case unreadable(CacheKey, any Error)
    /// A value that was loaded is too large for the shared cache, or cannot be encoded; it is kept in this process
    /// only.
    case notShared(CacheKey, CacheError)
    /// The shared cache failed several times in a row and is left alone for this long.
    case resting(Duration, CacheError)
    /// The shared cache answers again.
    case recovered
    /// Nobody tells of changes any more.
    case channelLost
    /// Changes are told again; all copies were dropped.
    case channelRestored
    /// The engine of the stampede lock failed; the key was loaded without it.
    case lockFailed(CacheKey, LeaseError)
}
