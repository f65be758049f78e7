/// How a ``RateLimiter`` works.
public struct RateLimiterOptions: Hashable, Sendable {
    /// What errors and metrics call the limiter.
    public var name: String
    /// How it decides; the token bucket, which is the fastest, unless said otherwise.
    public var algorithm: RateLimitAlgorithm
    /// How long ``RateLimiter/execute(_:)`` waits for a permit, from zero, which refuses at once, to 366 days.
    ///
    /// Zero unless said otherwise: a caller that is told soon can do something else, and one that waits holds memory.
    public var maximumWait: Duration
    /// How many callers wait at the same time, at least 0. A thousand unless said otherwise; who comes when all places are taken is
    /// refused at once.
    public var maximumWaiting: Int

    /// Makes options; ``RateLimiter/init(_:_:clock:)`` looks whether they can work.
    public init(
        name: String = "limiter", algorithm: RateLimitAlgorithm = .tokenBucket, maximumWait: Duration = .zero,
        maximumWaiting: Int = 1_000
    ) {
        self.name = name
        self.algorithm = algorithm
        self.maximumWait = maximumWait
        self.maximumWaiting = maximumWaiting
    }

    func check(with rule: RateLimitRule) throws(ResilienceError) {
        func refuse(_ message: String) -> ResilienceError {
            ResilienceError(.invalidConfiguration, "\(self.name): \(message)")
        }
        guard (.zero...RateLimitRule.longestFill).contains(self.maximumWait) else {
            throw refuse("a wait of \(self.maximumWait) is not possible: from zero to 366 days")
        }
        guard self.maximumWaiting >= 0 else {
            throw refuse("\(self.maximumWaiting) waiting callers are not possible: at least 0")
        }
        switch self.algorithm {
        case .tokenBucket, .leakyBucket: return
        case .slidingWindowLog, .slidingWindowCounter: break
        }
        guard rule.burst <= rule.permits else {
            throw refuse(
                "a window of \(rule.permits) permits never has room for a burst of \(rule.burst); leave the burst out")
        }
        if self.algorithm == .slidingWindowLog, rule.permits > RateLimitAlgorithm.largestLog {
            throw refuse(
                "a log of \(rule.permits) permits is not kept: up to \(RateLimitAlgorithm.largestLog); a window counter "
                    + "counts more")
        }
    }
}
