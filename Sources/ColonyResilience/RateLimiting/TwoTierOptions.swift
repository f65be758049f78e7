/// How a ``TwoTierRateLimiter`` works.
public struct TwoTierOptions: Hashable, Sendable {
    /// The most permits that one limiter holds in advance, at least 2 and at most the burst of the rule. They are taken from the store in
    /// two halves: while one is used up, the other is fetched.
    public var leaseSize: Int
    /// How long permits may be used after they were taken from the store, from a millisecond to an hour; a second unless said otherwise.
    /// What is left of them then is lost.
    public var leaseDuration: Duration
    /// What else holds for the calls to the store. Its `maximumWait` is of no meaning here: ``TwoTierRateLimiter/execute(_:)`` refuses at once.
    public var store: SharedRateLimiterOptions

    /// Makes options; ``TwoTierRateLimiter/init(_:_:on:_:clock:)`` looks whether they can work.
    ///
    /// - Parameter leaseSize: What a process uses in a tenth of a second is a good size: then it asks the store twenty times a second.
    public init(
        leaseSize: Int, leaseDuration: Duration = .seconds(1),
        store: SharedRateLimiterOptions = SharedRateLimiterOptions()
    ) {
        self.leaseSize = leaseSize
        self.leaseDuration = leaseDuration
        self.store = store
    }

    func check(with rule: RateLimitRule) throws(ResilienceError) {
        guard self.leaseSize >= 2, self.leaseSize <= rule.burst else {
            throw ResilienceError(
                .invalidConfiguration,
                "a lease of \(self.leaseSize) permits is not possible: from 2 to the burst of \(rule.burst)")
        }
        guard (.milliseconds(1) ... .seconds(3_600)).contains(self.leaseDuration) else {
            throw ResilienceError(
                .invalidConfiguration,
                "a lease for \(self.leaseDuration) is not possible: from one millisecond to an hour")
        }
    }
}
