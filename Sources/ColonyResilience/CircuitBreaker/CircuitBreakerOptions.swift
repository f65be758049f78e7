import ColonyCore

/// When a ``CircuitBreaker`` opens, how long it stays open, and what makes it close.
public struct CircuitBreakerOptions: Sendable {
    /// Which results are looked at.
    public enum Window: Hashable, Sendable {
        /// The latest so many results; from 1 to ``CircuitBreakerOptions/largestWindow``.
        case calls(Int)
        /// The results of so much time, from one millisecond to one day, in ten slices: the slice under way and the nine before.
        case time(Duration)
    }

    /// Opens the breaker when calls take long, though they succeed.
    public struct SlowCalls: Hashable, Sendable {
        /// From when on a call is slow; greater than zero.
        public var duration: Duration
        /// The share of slow calls at which the breaker opens, from 0.000001 to 1.
        public var rate: Double

        /// Makes a rule for slow calls. It is checked with the options.
        public init(longerThan duration: Duration, rate: Double = 1) {
            self.duration = duration
            self.rate = rate
        }
    }

    /// How long a breaker stays open.
    public struct Wait: Hashable, Sendable {
        /// The wait when the breaker opens the first time, from one millisecond to ``maximum``.
        public var initial: Duration
        /// By how much the wait grows each time that the probes fail, from 1, not at all, to 100.
        public var multiplier: Double
        /// The longest wait; at most one day.
        public var maximum: Duration
        /// The share of the wait that is left to chance, from 0 to 1. A wait *w* lies between *w* · (1 − jitter) and *w*, so that
        /// clients that opened together do not all probe at once.
        public var jitter: Double

        /// Makes a wait. It is checked with the options.
        ///
        /// - Parameters:
        ///   - initial: Thirty seconds unless said otherwise: time for a process to restart.
        ///   - maximum: Five minutes, or `initial` if that is longer.
        public init(
            _ initial: Duration = .seconds(30), multiplier: Double = 1, maximum: Duration? = nil, jitter: Double = 0
        ) {
            self.initial = initial
            self.multiplier = multiplier
            self.maximum = maximum ?? max(initial, .seconds(300))
            self.jitter = jitter
        }
    }

    /// Which results are looked at.
    public let window: Window
    /// The share of failed calls at which the breaker opens.
    public let failureRate: Double
    /// What makes calls slow, if that is looked for.
    public let slowCalls: SlowCalls?
    /// How many results there must be before a rate means anything.
    public let minimumCalls: Int
    /// How long the breaker stays open.
    public let wait: Wait
    /// How many calls are let through in the half-open state.
    public let probes: Int
    /// How long a probe may take before it counts as failed.
    public let probeTimeout: Duration
    /// Errors that say nothing about the other side, and are not counted at all.
    public let ignores: @Sendable (any Error) -> Bool
    /// Errors that are failures. Those that are neither ignored nor counted are successes: the other side answered.
    public let counts: @Sendable (any Error) -> Bool

    /// The most results in a window of calls.
    public static let largestWindow = 1_000_000
    /// The most probes.
    public static let mostProbes = 1_000

    let rules: CircuitRules

    /// Makes options from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - window: The latest hundred calls unless said otherwise.
    ///   - failureRate: From 0.000001 to 1; counted in millionths, so that 0.55 of 100 calls are 55.
    ///   - slowCalls: Off unless said otherwise, because measuring costs two readings of the clock for each call.
    ///   - minimumCalls: At least 1, and at most the size of a window of calls. Twenty, or the size of the window if that is less:
    ///     a rate of fewer calls is mostly noise.
    ///   - probes: From 1 to ``mostProbes``. Exactly so many are let through, and their results decide by the same rates.
    ///   - probeTimeout: From one millisecond to one day. A probe that does not come back must not keep the breaker half-open.
    ///   - ignores: Unless said otherwise, `CancellationError` and the refusals of the caller's own layers, such as
    ///     `rateLimited`, `bulkheadFull`, and a `deadlineExceeded` that ``ResilienceError/isNotStarted``, after which nothing was
    ///     sent. It runs under no lock.
    ///   - counts: All errors unless said otherwise.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        window: Window = .calls(100), failureRate: Double = 0.5, slowCalls: SlowCalls? = nil, minimumCalls: Int? = nil,
        wait: Wait = Wait(), probes: Int = 5, probeTimeout: Duration = .seconds(60),
        ignores: @escaping @Sendable (any Error) -> Bool = CircuitBreakerOptions.isLocal,
        counts: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) throws(ResilienceError) {
        let minimum = try Self.minimum(minimumCalls, in: window)
        self.window = window
        self.failureRate = failureRate
        self.slowCalls = slowCalls
        self.minimumCalls = minimum
        self.wait = wait
        self.probes = probes
        self.probeTimeout = probeTimeout
        self.ignores = ignores
        self.counts = counts
        try Self.check(wait)
        try Bounds.check(probes, in: 1...Self.mostProbes, "probes of a circuit breaker")
        try Bounds.check(probeTimeout, in: .milliseconds(1) ... .seconds(86_400), "a probe's time")
        if let slowCalls {
            try Bounds.check(slowCalls.duration, in: .nanoseconds(1) ... .seconds(86_400), "the time of a slow call")
        }
        self.rules = CircuitRules(
            window: window, failureMillionths: try Self.millionths(failureRate, "failed"),
            slowMillionths: try slowCalls.map { rule throws(ResilienceError) in
                try Self.millionths(rule.rate, "slow")
            },
            slowNanoseconds: slowCalls?.duration.clampedNanoseconds ?? .max, minimumCalls: minimum, wait: wait,
            probes: probes, probeNanoseconds: probeTimeout.clampedNanoseconds)
    }

    /// Whether an error was made on this side before anything was sent, or because the caller lost interest.
    public static let isLocal: @Sendable (any Error) -> Bool = { error in
        if error is CancellationError { return true }
        guard let error = error as? ResilienceError else { return false }
        // A deadline that had passed before anything was sent says nothing about the other side.
        if error.code == .deadlineExceeded { return error.isNotStarted }
        let codes: [ResilienceError.Code] = [
            .circuitOpen, .rateLimited, .bulkheadFull, .shed, .disabled, .invalidConfiguration, .invalidRequest,
            .keyReused, .cancelled, .closed,
        ]
        return codes.contains(error.code)
    }

    private static func minimum(_ minimumCalls: Int?, in window: Window) throws(ResilienceError) -> Int {
        switch window {
        case .calls(let count):
            try Bounds.check(count, in: 1...self.largestWindow, "calls in the window of a circuit breaker")
            let minimum = minimumCalls ?? min(20, count)
            try Bounds.check(minimum, in: 1...count, "calls as the minimum of a window of \(count)")
            return minimum
        case .time(let duration):
            try Bounds.check(
                duration, in: .milliseconds(1) ... .seconds(86_400), "the window of a circuit breaker")
            let minimum = minimumCalls ?? 20
            try Bounds.check(minimum, in: 1...1_000_000_000, "calls as the minimum of a window")
            return minimum
        }
    }

    private static func millionths(_ rate: Double, _ what: String) throws(ResilienceError) -> Int {
        // Written so that a NaN is refused as well.
        guard rate >= 0.000_001, rate <= 1 else {
            throw ResilienceError(
                .invalidConfiguration, "a rate of \(rate) \(what) calls is not possible: from 0.000001 to 1")
        }
        return Int((rate * 1_000_000).rounded())
    }

    private static func check(_ wait: Wait) throws(ResilienceError) {
        try Bounds.check(
            wait.maximum, in: .milliseconds(1) ... .seconds(86_400), "the longest wait of a circuit breaker")
        try Bounds.check(wait.initial, in: .milliseconds(1)...wait.maximum, "the wait of a circuit breaker")
        try Bounds.check(wait.multiplier, in: 1...100, "growth of the wait of a circuit breaker")
        try Bounds.check(wait.jitter, in: 0...1, "jitter of the wait of a circuit breaker")
    }
}
