/// What a ``SharedRateLimiter`` does while its store cannot be reached.
public enum RateLimitOutagePolicy: Hashable, Sendable {
    /// Nothing is granted: calls throw ``ResilienceError/Code/unavailable``.
    case failClosed
    /// Each limiter grants by itself, under this rule. What *n* of them let through together is at most *n* times the rule, and no more
    /// than that beyond the shared limit.
    case failOpen(RateLimitRule)
}

/// How a ``SharedRateLimiter`` works.
public struct SharedRateLimiterOptions: Hashable, Sendable {
    /// What happens while the store cannot be reached; nothing is granted unless said otherwise.
    public var outage: RateLimitOutagePolicy
    /// After a call that did not reach the store, how long it takes until one call asks it again, from a millisecond to an hour. All
    /// others are answered by the policy at once, so that an outage does not cost each of them a time-out. A second unless said otherwise.
    public var probeInterval: Duration
    /// How long ``SharedRateLimiter/execute(_:)`` waits for a permit, from zero to 366 days; zero unless said otherwise.
    public var maximumWait: Duration
    /// How many callers wait at the same time, at least 0; a thousand unless said otherwise.
    public var maximumWaiting: Int

    /// Makes options; ``SharedRateLimiter/init(_:_:on:_:clock:)`` looks whether they can work.
    public init(
        outage: RateLimitOutagePolicy = .failClosed, probeInterval: Duration = .seconds(1),
        maximumWait: Duration = .zero, maximumWaiting: Int = 1_000
    ) {
        self.outage = outage
        self.probeInterval = probeInterval
        self.maximumWait = maximumWait
        self.maximumWaiting = maximumWaiting
    }

    func check() throws(ResilienceError) {
        guard (.milliseconds(1) ... .seconds(3_600)).contains(self.probeInterval) else {
            throw ResilienceError(
                .invalidConfiguration,
                "a probe each \(self.probeInterval) is not possible: from one millisecond to an hour")
        }
        guard (.zero...RateLimitRule.longestFill).contains(self.maximumWait) else {
            throw ResilienceError(
                .invalidConfiguration, "a wait of \(self.maximumWait) is not possible: from zero to 366 days")
        }
        guard self.maximumWaiting >= 0 else {
            throw ResilienceError(
                .invalidConfiguration, "\(self.maximumWaiting) waiting callers are not possible: at least 0")
        }
    }
}
