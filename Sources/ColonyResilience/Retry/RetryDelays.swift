import ColonyCore

/// How long to wait between the attempts of a ``Retry``: how the wait grows, between which bounds, and how chance spreads it.
///
/// Callers that failed together and wait equally long come back together. Of the kinds of jitter, *full* needs the fewest calls until
/// all are served, and *decorrelated* is near to it with fewer very short waits; *equal* keeps half of the wait for those who must not
/// come back at once; *none* is for tests and for a single caller.
///
/// 1. M. Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015: full, equal, and decorrelated jitter.
public struct RetryDelays: Hashable, Sendable {
    /// How the bound of a wait grows from one failed attempt to the next.
    public enum Growth: Hashable, Sendable {
        /// It stays at the first one.
        case constant
        /// It grows by the first one each time.
        case linear
        /// It is multiplied each time, by a number from 1 to 100.
        case exponential(by: Double)
    }

    /// How chance changes a wait.
    public enum Jitter: String, CaseIterable, Hashable, Sendable {
        /// Not at all: the bound itself.
        case none
        /// Evenly from zero to the bound.
        case full
        /// Evenly from half of the bound to the bound.
        case equal
        /// Evenly from the first wait to three times the wait before, whatever the growth is.
        case decorrelated
    }

    /// How the bound grows.
    public let growth: Growth
    /// The bound of the first wait.
    public let initial: Duration
    /// The longest wait.
    public let maximum: Duration
    /// How chance changes a wait.
    public let jitter: Jitter

    /// The longest wait that settings may ask for.
    public static let longest: Duration = .seconds(86_400)

    /// Doubles from 50 milliseconds to five seconds, with full jitter.
    public static let standard = RetryDelays(
        unchecked: .exponential(by: 2), initial: .milliseconds(50), maximum: .seconds(5), jitter: .full)
    /// No waits, for tests and for errors that a second attempt at once may mend.
    public static let none = RetryDelays(unchecked: .constant, initial: .zero, maximum: .zero, jitter: .none)

    /// Makes waits from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - growth: Doubles unless said otherwise.
    ///   - initial: From zero to ``longest``. 50 milliseconds is about ten round trips within a data centre.
    ///   - maximum: From `initial` to ``longest``. Five seconds keeps a recovered service from being noticed late.
    ///   - jitter: Full unless said otherwise.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ growth: Growth = .exponential(by: 2), from initial: Duration = .milliseconds(50),
        upTo maximum: Duration = .seconds(5), jitter: Jitter = .full
    ) throws(ResilienceError) {
        guard initial >= .zero, initial <= Self.longest else {
            throw ResilienceError(
                .invalidConfiguration, "a first wait of \(initial) is not possible: from zero to \(Self.longest)")
        }
        guard maximum >= initial, maximum <= Self.longest else {
            throw ResilienceError(
                .invalidConfiguration,
                "a longest wait of \(maximum) is not possible: from the first, \(initial), to \(Self.longest)")
        }
        // A comparison with NaN is false, so it is refused as well.
        if case .exponential(let factor) = growth, !(factor >= 1 && factor <= 100) {
            throw ResilienceError(
                .invalidConfiguration, "waits cannot grow by a factor of \(factor): from 1 to 100")
        }
        self.init(unchecked: growth, initial: initial, maximum: maximum, jitter: jitter)
    }

    private init(unchecked growth: Growth, initial: Duration, maximum: Duration, jitter: Jitter) {
        self.growth = growth
        self.initial = initial
        self.maximum = maximum
        self.jitter = jitter
    }

    /// The wait after `failures` failed attempts.
    ///
    /// - Parameters:
    ///   - failures: How many attempts have failed in a row; from 1, less counts as 1.
    ///   - previous: The wait before this one; zero at first. Only decorrelated jitter looks at it.
    /// - Complexity: O(log *n*) in the number of failures.
    public func delay(
        after failures: Int, previous: Duration = .zero, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let bound = self.bound(after: max(1, failures))
        switch self.jitter {
        case .none:
            return .nanoseconds(bound)
        case .full:
            return .nanoseconds(Int64.random(in: 0...bound, using: &generator))
        case .equal:
            return .nanoseconds(Int64.random(in: (bound / 2)...bound, using: &generator))
        case .decorrelated:
            let lowest = self.initial.clampedNanoseconds
            let highest = min(self.maximum.clampedNanoseconds, Self.threefold(max(self.initial, previous)))
            return .nanoseconds(Int64.random(in: lowest...highest, using: &generator))
        }
    }

    private static func threefold(_ duration: Duration) -> Int64 {
        let (product, overflow) = max(0, duration.clampedNanoseconds).multipliedReportingOverflow(by: 3)
        return overflow ? .max : product
    }

    /// The upper bound of a wait, in nanoseconds.
    private func bound(after failures: Int) -> Int64 {
        let first = self.initial.clampedNanoseconds
        guard first > 0 else { return 0 }
        switch self.growth {
        case .constant:
            return first
        case .linear:
            let (product, overflow) = first.multipliedReportingOverflow(by: Int64(failures))
            return min(overflow ? .max : product, self.maximum.clampedNanoseconds)
        case .exponential(let factor):
            return Backoff(initial: self.initial, maximum: self.maximum, multiplier: factor).bound(after: failures)
        }
    }
}
