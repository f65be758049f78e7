import ColonyCore

/// When traffic itself shows that an endpoint does worse than the others, and for how long it is then taken out.
///
/// Each rule can be left out by `nil`. The names and the defaults are Envoy's where it has the same; where they differ, the reason is given.
///
/// - SeeAlso: Envoy's documentation, *Outlier detection*; gRPC proposal A50.
public struct OutlierOptions: Hashable, Sendable {
    /// Ejects endpoints whose share of successes lies far below that of the others.
    ///
    /// Of all endpoints that are not ejected and had enough calls in the interval, the mean *m* and the standard deviation *s* of the success
    /// rates are taken, with *s*² the mean of the squared differences. An endpoint is an outlier if its rate is below *m* − ``deviations`` · *s*, and
    /// at least ``minimumDifference`` below *m*.
    ///
    /// A single outlier among *n* endpoints lies at most √(*n* − 1) deviations below the mean, so with fewer than five endpoints 1.9 deviations
    /// are never reached.
    public struct SuccessRate: Hashable, Sendable {
        /// By how many standard deviations.
        public let deviations: Double
        /// By how much at least. Envoy has no such rule, and there 99.9 % is an outlier among endpoints with 100 %.
        public let minimumDifference: Double
        /// How many endpoints must have had enough calls for a comparison.
        public let minimumHosts: Int
        /// How many calls in the interval are enough.
        public let minimumCalls: Int

        /// Makes the rule.
        ///
        /// - Parameters:
        ///   - deviations: From 0.1 to 100.
        ///   - minimumDifference: From 0, which is Envoy's rule, to 1.
        ///   - minimumHosts: From 2 to 10,000.
        ///   - minimumCalls: From 1 to 1,000,000,000.
        /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
        public init(
            deviations: Double = 1.9, minimumDifference: Double = 0.05, minimumHosts: Int = 5, minimumCalls: Int = 100
        ) throws(BalancingError) {
            try SettingBounds.check(deviations, in: 0.1...100, "the deviations of a success rate")
            try SettingBounds.check(minimumDifference, in: 0...1, "the minimum difference of a success rate")
            try OutlierOptions.check(hosts: minimumHosts, calls: minimumCalls)
            self.deviations = deviations
            self.minimumDifference = minimumDifference
            self.minimumHosts = minimumHosts
            self.minimumCalls = minimumCalls
        }

        fileprivate init() {
            self.deviations = 1.9
            self.minimumDifference = 0.05
            self.minimumHosts = 5
            self.minimumCalls = 100
        }
    }

    /// Ejects endpoints whose share of failures reaches a fixed threshold, whatever the others do.
    public struct FailureShare: Hashable, Sendable {
        /// The share of failed calls.
        public let threshold: Double
        /// How many endpoints must have had enough calls.
        public let minimumHosts: Int
        /// How many calls in the interval are enough.
        public let minimumCalls: Int

        /// Makes the rule.
        ///
        /// - Parameters:
        ///   - threshold: From 0.000001 to 1.
        ///   - minimumHosts: From 1 to 10,000.
        ///   - minimumCalls: From 1 to 1,000,000,000.
        /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
        public init(threshold: Double = 0.85, minimumHosts: Int = 5, minimumCalls: Int = 50) throws(BalancingError) {
            try SettingBounds.check(threshold, in: 0.000_001...1, "the threshold of failures")
            try OutlierOptions.check(hosts: minimumHosts, calls: minimumCalls)
            self.threshold = threshold
            self.minimumHosts = minimumHosts
            self.minimumCalls = minimumCalls
        }
    }

    /// Ejects endpoints whose mean latency in the interval is a multiple of the median of all endpoints' means.
    ///
    /// The median, because one very slow endpoint would raise a mean so far that it looks normal itself.
    public struct Latency: Hashable, Sendable {
        /// How many times the median.
        public let factor: Double
        /// How much above the median at least, so that no endpoint is ejected for microseconds.
        public let minimumDifference: Duration
        /// How many endpoints must have had enough calls for a comparison.
        public let minimumHosts: Int
        /// How many calls in the interval are enough.
        public let minimumCalls: Int

        /// Makes the rule.
        ///
        /// - Parameters:
        ///   - factor: From 1.1 to 1,000. Three: endpoints that share a database or a noisy machine differ by less.
        ///   - minimumDifference: From zero to one hour.
        ///   - minimumHosts: From 2 to 10,000. Three: with two, the median lies between them and says nothing.
        ///   - minimumCalls: From 1 to 1,000,000,000.
        /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
        public init(
            factor: Double = 3, minimumDifference: Duration = .milliseconds(20), minimumHosts: Int = 3,
            minimumCalls: Int = 100
        ) throws(BalancingError) {
            try SettingBounds.check(factor, in: 1.1...1_000, "the factor of a latency")
            try SettingBounds.check(
                minimumDifference, in: .zero ... .seconds(3_600), "the minimum difference of a latency")
            try OutlierOptions.check(hosts: minimumHosts, calls: minimumCalls)
            self.factor = factor
            self.minimumDifference = minimumDifference
            self.minimumHosts = minimumHosts
            self.minimumCalls = minimumCalls
        }
    }

    /// How long an endpoint stays ejected.
    ///
    /// The *n*th ejection lasts ``base`` · *n*, at most ``maximum``; *n* falls by one with each interval without an ejection. So an endpoint that fails each
    /// time that it comes back is tried less and less often, and one that has been well for a while is forgiven.
    public struct EjectionTime: Hashable, Sendable {
        /// How long the first ejection lasts.
        public let base: Duration
        /// How long an ejection lasts at most, before jitter.
        public let maximum: Duration
        /// By which share of itself the time is made longer by chance.
        public let jitter: Double

        /// Makes the times.
        ///
        /// - Parameters:
        ///   - base: From one millisecond to one day.
        ///   - maximum: From `base` to one day.
        ///   - jitter: From 0 to 1. A tenth, so that the clients that ejected an endpoint together do not all come back in one moment; Envoy
        ///     has none unless asked.
        /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
        public init(
            base: Duration = .seconds(30), maximum: Duration = .seconds(300), jitter: Double = 0.1
        ) throws(BalancingError) {
            try SettingBounds.check(base, in: .milliseconds(1) ... .seconds(86_400), "the base ejection time")
            try SettingBounds.check(maximum, in: base ... .seconds(86_400), "the maximum ejection time")
            try SettingBounds.check(jitter, in: 0...1, "the jitter of an ejection time")
            self.base = base
            self.maximum = maximum
            self.jitter = jitter
        }

        fileprivate init() {
            self.base = .seconds(30)
            self.maximum = .seconds(300)
            self.jitter = 0.1
        }
    }

    /// How often rates and latencies are compared.
    public let interval: Duration
    /// How many errors in a row eject an endpoint at once.
    public let consecutiveErrors: Int?
    /// How many failures to connect in a row eject an endpoint at once, if that differs from other errors.
    public let consecutiveConnectErrors: Int?
    /// The rule for success rates.
    public let successRate: SuccessRate?
    /// The rule for shares of failures.
    public let failureShare: FailureShare?
    /// The rule for latencies.
    public let latency: Latency?
    /// How long an endpoint stays ejected.
    public let ejectionTime: EjectionTime
    /// The share of all endpoints that may be ejected at once.
    public let maximumEjectedShare: Double
    /// Whether one endpoint may be ejected even if the share of all is less than one endpoint.
    public let mayEjectOneAlways: Bool
    /// The share of ejections that are carried out; the others are only noted, for a trial without effect.
    public let enforcing: Double
    /// Whether a check that says that an endpoint is well ends an ejection. A ``HealthChecker`` says so when an endpoint that it had found out is
    /// well again, and not with each probe that passes.
    public let passingCheckEndsEjection: Bool

    /// Makes settings from values that may come from outside.
    ///
    /// - Parameters:
    ///   - interval: From ten milliseconds to one hour. Ten seconds.
    ///   - consecutiveErrors: From 1 to 1,000,000. Five: at a failure rate of 10 % five in a row are one in 100,000 calls.
    ///   - consecutiveConnectErrors: From 1 to 1,000,000. Off: failures to connect are among the consecutive errors all the same.
    ///   - failureShare: Off, as in Envoy: in an outage of what all endpoints need it ejects as many as it may.
    ///   - latency: Off: whether slow is bad is for the user to say.
    ///   - maximumEjectedShare: From 0, which ejects nothing, to 1. One half: when more than that fail, the cause is seldom theirs, and the rest could not
    ///     carry the load. Envoy has a tenth, with which a service of fewer than ten endpoints ejects none.
    ///   - mayEjectOneAlways: Off: an endpoint that is alone is better than none.
    ///   - enforcing: From 0 to 1, with one for always.
    ///   - passingCheckEndsEjection: Off. A health page that answers says little about the calls that fail; with Envoy's default, on, a failing
    ///     endpoint is brought back by each check.
    /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        interval: Duration = .seconds(10), consecutiveErrors: Int? = 5, consecutiveConnectErrors: Int? = nil,
        successRate: SuccessRate? = .standard, failureShare: FailureShare? = nil, latency: Latency? = nil,
        ejectionTime: EjectionTime = .standard, maximumEjectedShare: Double = 0.5, mayEjectOneAlways: Bool = false,
        enforcing: Double = 1, passingCheckEndsEjection: Bool = false
    ) throws(BalancingError) {
        try SettingBounds.check(
            interval, in: .milliseconds(10) ... .seconds(3_600), "the interval of the outlier rules")
        if let consecutiveErrors {
            try SettingBounds.check(consecutiveErrors, in: 1...1_000_000, "a number of consecutive errors")
        }
        if let consecutiveConnectErrors {
            try SettingBounds.check(consecutiveConnectErrors, in: 1...1_000_000, "a number of consecutive errors")
        }
        try SettingBounds.check(maximumEjectedShare, in: 0...1, "the maximum ejected share")
        try SettingBounds.check(enforcing, in: 0...1, "the enforced share of ejections")
        self.interval = interval
        self.consecutiveErrors = consecutiveErrors
        self.consecutiveConnectErrors = consecutiveConnectErrors
        self.successRate = successRate
        self.failureShare = failureShare
        self.latency = latency
        self.ejectionTime = ejectionTime
        self.maximumEjectedShare = maximumEjectedShare
        self.mayEjectOneAlways = mayEjectOneAlways
        self.enforcing = enforcing
        self.passingCheckEndsEjection = passingCheckEndsEjection
    }

    /// How many of so many endpoints may be ejected at once: the share rounded down, which is counted in millionths, so that 0.29 of a hundred
    /// are 29.
    public func ejectionLimit(of count: Int) -> Int {
        let millionths = Int((self.maximumEjectedShare * 1_000_000).rounded())
        let limit = count / 1_000_000 * millionths + count % 1_000_000 * millionths / 1_000_000
        return min(count, max(limit, self.mayEjectOneAlways ? 1 : 0))
    }

    fileprivate static func check(hosts: Int, calls: Int) throws(BalancingError) {
        try SettingBounds.check(hosts, in: 1...10_000, "a minimum number of endpoints")
        try SettingBounds.check(calls, in: 1...1_000_000_000, "a minimum number of calls")
    }
}

extension OutlierOptions.SuccessRate {
    /// 1.9 deviations, and at least five points, with five endpoints that had a hundred calls each.
    public static let standard = Self()
}

extension OutlierOptions.EjectionTime {
    /// Thirty seconds, growing to five minutes, with a tenth of jitter.
    public static let standard = Self()
}
