/// When a ``Hedge`` starts a second attempt.
public enum HedgeDelay: Hashable, Sendable {
    /// After a fixed time; above zero.
    case fixed(Duration)
    /// After a percentile of the latencies of late, within bounds: with 95, one call in twenty is hedged.
    ///
    /// - Parameters:
    ///   - percentile: From 50 up to, and without, 100.
    ///   - atLeast: Above zero. It keeps a fast service from being asked twice for the noise of a scheduler.
    ///   - atMost: The delay until enough latencies are known, and the longest one.
    case percentile(Double, atLeast: Duration, atMost: Duration)
}

/// When and how often a ``Hedge`` asks again.
public struct HedgeOptions: Sendable {
    /// When the next attempt starts if none has ended.
    public let delay: HedgeDelay
    /// The most attempts beside the first.
    public let maximumHedges: Int
    /// What hedges may add to the load; `nil` for no bound.
    public let budget: RetryBudget?
    /// How many latencies must be known before a percentile is used.
    public let minimumSamples: Int

    /// The most hedges that settings may ask for.
    public static let highestMaximum = 16
    /// The longest delay that settings may ask for.
    public static let longestDelay: Duration = .seconds(3_600)

    /// Makes options from values that may come from outside.
    ///
    /// - Parameters:
    ///   - delay: The 95th percentile between one millisecond and one second unless said otherwise.
    ///   - maximumHedges: From 1 to ``highestMaximum``. One takes almost all of what there is to win.
    ///   - minimumSamples: From 1 to 1,000,000. Fewer than a hundred say little about the slowest in twenty.
    ///   - budget: A budget of its own unless said otherwise: a tenth of the calls, and one a second.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        delay: HedgeDelay = .percentile(95, atLeast: .milliseconds(1), atMost: .seconds(1)), maximumHedges: Int = 1,
        minimumSamples: Int = 100, budget: RetryBudget?
    ) throws(ResilienceError) {
        func refuse(_ message: String) -> ResilienceError { ResilienceError(.invalidConfiguration, message) }
        switch delay {
        case .fixed(let delay):
            guard delay > .zero, delay <= Self.longestDelay else {
                throw refuse("a hedge after \(delay) is not possible: above zero, up to \(Self.longestDelay)")
            }
        case .percentile(let percentile, let shortest, let longest):
            // A comparison with NaN is false, so it is refused as well.
            guard percentile >= 50, percentile < 100 else {
                throw refuse("a hedge after percentile \(percentile) is not possible: from 50, below 100")
            }
            guard shortest > .zero, longest >= shortest, longest <= Self.longestDelay else {
                throw refuse(
                    "a hedge between \(shortest) and \(longest) is not possible: above zero, up to \(Self.longestDelay)"
                )
            }
        }
        guard (1...Self.highestMaximum).contains(maximumHedges) else {
            throw refuse("\(maximumHedges) hedges are not possible: from 1 to \(Self.highestMaximum)")
        }
        guard (1...1_000_000).contains(minimumSamples) else {
            throw refuse("\(minimumSamples) latencies before a percentile are not possible: from 1 to 1000000")
        }
        self.delay = delay
        self.maximumHedges = maximumHedges
        self.minimumSamples = minimumSamples
        self.budget = budget
    }

    /// Makes options with a budget of their own: a tenth of the calls, and one a second.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        delay: HedgeDelay = .percentile(95, atLeast: .milliseconds(1), atMost: .seconds(1)), maximumHedges: Int = 1,
        minimumSamples: Int = 100
    ) throws(ResilienceError) {
        try self.init(
            delay: delay, maximumHedges: maximumHedges, minimumSamples: minimumSamples,
            budget: RetryBudget(ratio: 0.1, minimumPerSecond: 1))
    }
}
