public import ColonyCore

/// The settings of a pipeline as a value that comes from a configuration, with the layers in the order that is right.
///
/// ```json
/// {
///   "timeout": "2s",
///   "retry": {"attempts": 3, "initial": "50ms", "maximum": "1s", "budget": 0.2},
///   "breaker": {"failure_rate": 0.5, "window_calls": 100, "wait": "30s", "probes": 5},
///   "limit": {"permits": 100, "per": "1s", "burst": 20},
///   "bulkhead": {"calls": 20, "waiting": 50, "wait": "500ms"},
///   "attempt_timeout": "500ms"
/// }
/// ```
///
/// What is left out is no layer. An unknown key is refused, and so is a value that cannot work, by an error that quotes it: at the
/// latest by ``makePipeline(name:clock:generator:)``, so a program learns it when it starts.
///
/// Durations are texts with a unit, such as `250ms`, `30s`, or `1.5m`.
public struct Policy: Hashable, Sendable {
    /// How long the whole call may take, retries included.
    public var timeout: Duration?
    /// How often a call that failed is repeated.
    public var retry: RetryPolicy?
    /// When calls are refused because they fail.
    public var breaker: BreakerPolicy?
    /// How many calls are let through in which time.
    public var limit: LimitPolicy?
    /// How many calls run at once.
    public var bulkhead: BulkheadPolicy?
    /// How long one attempt may take.
    public var attemptTimeout: Duration?

    /// A policy without layers.
    public init() {}

    /// The layers of a policy, the outermost first: timeout, retry, breaker, limit, bulkhead, timeout of an attempt.
    public typealias Layers = NestedLayers<
        NestedLayers<
            NestedLayers<NestedLayers<NestedLayers<Timeout?, Retry?>, CircuitBreaker?>, RateLimiter?>, Bulkhead?
        >, Timeout?
    >

    /// Makes the pipeline that the policy describes.
    ///
    /// - Parameters:
    ///   - name: What is protected, for errors, metrics, and switches.
    ///   - generator: Where the jitter of waits comes from.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public func makePipeline(
        name: String, clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(ResilienceError) -> Pipeline<Layers> {
        var outer: Timeout?
        if let timeout { outer = try Timeout(timeout, name: name, clock: clock) }
        let retry = try self.retry?.layer(name, clock, generator)
        let breaker = try self.breaker?.layer(name, clock, generator)
        let limiter = try self.limit?.layer(name, clock)
        let bulkhead = try self.bulkhead?.layer(name, clock)
        var inner: Timeout?
        if let attemptTimeout { inner = try Timeout(attemptTimeout, name: "\(name), one attempt", clock: clock) }
        return Pipeline {
            outer
            retry
            breaker
            limiter
            bulkhead
            inner
        }
    }
}

/// How often a call that failed is repeated; see ``RetryOptions``.
public struct RetryPolicy: Hashable, Sendable {
    /// The most attempts, the first one included.
    public var attempts = 3
    /// The upper bound of the first wait.
    public var initial: Duration = .milliseconds(50)
    /// The upper bound of every wait.
    public var maximum: Duration = .seconds(5)
    /// Retries for each call, as a share.
    public var budget = 0.2
    /// Whether calls are repeated that may have had their effect.
    public var repeatsUnknownOutcomes = false

    /// The standard options.
    public init() {}

    func layer(
        _ name: String, _ clock: any MonotonicClock, _ generator: any RandomNumberGenerator & Sendable
    ) throws(ResilienceError) -> Retry {
        let options = try RetryOptions(
            attempts: self.attempts, delays: try RetryDelays(from: self.initial, upTo: self.maximum),
            retriesUnknownOutcomes: self.repeatsUnknownOutcomes,
            budget: try RetryBudget(ratio: self.budget, clock: clock))
        return Retry(options, name: name, clock: clock, generator: generator)
    }
}

/// When calls are refused because they fail; see ``CircuitBreakerOptions``.
public struct BreakerPolicy: Hashable, Sendable {
    /// The share of failed calls at which it opens.
    public var failureRate = 0.5
    /// How many of the latest calls are looked at, unless a time is given.
    public var windowCalls: Int?
    /// Of which time the calls are looked at.
    public var window: Duration?
    /// How many calls there must be before it opens.
    public var minimumCalls: Int?
    /// The time after which a call counts as slow.
    public var slowAfter: Duration?
    /// The share of slow calls at which it opens; 1 unless said otherwise. It is refused without ``slowAfter``, as it would do nothing.
    public var slowRate: Double?
    /// How long it refuses before it probes.
    public var wait: Duration = .seconds(30)
    /// How many calls are let through as probes.
    public var probes = 5

    /// The standard options.
    public init() {}

    func layer(
        _ name: String, _ clock: any MonotonicClock, _ generator: any RandomNumberGenerator & Sendable
    ) throws(ResilienceError) -> CircuitBreaker {
        if let windowCalls, let window {
            throw ResilienceError(
                .invalidConfiguration,
                "\(name): a breaker looks at \(windowCalls) calls or at \(window), and not at both")
        }
        if let slowRate, self.slowAfter == nil {
            throw ResilienceError(
                .invalidConfiguration,
                "\(name): a rate of \(slowRate) slow calls says nothing without the time after which a call is slow")
        }
        let span: CircuitBreakerOptions.Window =
            if let window { .time(window) } else { .calls(self.windowCalls ?? 100) }
        let slow = self.slowAfter.map { CircuitBreakerOptions.SlowCalls(longerThan: $0, rate: self.slowRate ?? 1) }
        let options = try CircuitBreakerOptions(
            window: span, failureRate: self.failureRate, slowCalls: slow, minimumCalls: self.minimumCalls,
            wait: CircuitBreakerOptions.Wait(self.wait), probes: self.probes)
        return CircuitBreaker(options, name: name, clock: clock, generator: generator)
    }
}

/// How many calls are let through in which time; see ``RateLimitRule``.
public struct LimitPolicy: Hashable, Sendable {
    /// How many in a period.
    public var permits: Int
    /// The period.
    public var period: Duration
    /// How many at once; as many as in a period unless said otherwise.
    public var burst: Int?
    /// How long a call may wait for its turn.
    public var wait: Duration = .zero

    /// So many calls in a period.
    public init(_ permits: Int, per period: Duration, burst: Int? = nil) {
        self.permits = permits
        self.period = period
        self.burst = burst
    }

    func layer(_ name: String, _ clock: any MonotonicClock) throws(ResilienceError) -> RateLimiter {
        let rule = try RateLimitRule(self.permits, per: self.period, burst: self.burst)
        return try RateLimiter(rule, RateLimiterOptions(name: name, maximumWait: self.wait), clock: clock)
    }
}

/// How many calls run at once; see ``BulkheadOptions``.
public struct BulkheadPolicy: Hashable, Sendable {
    /// How many run at once.
    public var calls: Int
    /// How many wait for a place.
    public var waiting = 0
    /// How long they wait.
    public var wait: Duration = .seconds(1)

    /// So many calls at once.
    public init(_ calls: Int) {
        self.calls = calls
    }

    func layer(_ name: String, _ clock: any MonotonicClock) throws(ResilienceError) -> Bulkhead {
        let options = try BulkheadOptions(limit: self.calls, maximumWaiting: self.waiting, maximumWait: self.wait)
        return Bulkhead(options, name: name, clock: clock)
    }
}
