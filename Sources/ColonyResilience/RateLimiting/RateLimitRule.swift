import ColonyCore

/// How much is allowed: so many permits in a period, and how many at once.
///
/// The two numbers describe a bucket that holds `burst` permits and is refilled evenly with `permits` in each `period`. In any
/// window of length *w*, at most `burst + permits · w / period` permits are granted, and no edge of a window lets through twice.
public struct RateLimitRule: Hashable, Sendable {
    /// How many permits are refilled in a period; at least 1.
    public let permits: Int
    /// The period, from one microsecond to 366 days.
    public let period: Duration
    /// How many permits an idle limit holds; at least 1.
    public let burst: Int

    /// Time between two permits at the steady rate, in nanoseconds, rounded up; at least 1.
    package let interval: Int64
    /// Time in which an empty bucket fills up, in nanoseconds.
    package let tolerance: Int64

    /// The largest number of permits in a rule.
    public static let maximumPermits = 1_000_000_000
    /// The longest time in which a bucket may fill up.
    public static let longestFill: Duration = .seconds(366 * 86_400)

    /// Makes a rule from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - permits: From 1 to ``maximumPermits``.
    ///   - period: From one microsecond to 366 days, and at least one nanosecond for each permit.
    ///   - burst: From 1 to ``maximumPermits``, and the time to fill it at most ``longestFill``. As many as in a period unless
    ///     said otherwise.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(_ permits: Int, per period: Duration, burst: Int? = nil) throws(ResilienceError) {
        func refuse(_ message: String) -> ResilienceError { ResilienceError(.invalidConfiguration, message) }
        guard (1...Self.maximumPermits).contains(permits) else {
            throw refuse("a limit of \(permits) permits is not possible: from 1 to \(Self.maximumPermits)")
        }
        guard period >= .microseconds(1), period <= Self.longestFill else {
            throw refuse("a limit for each \(period) is not possible: from one microsecond to 366 days")
        }
        let burst = burst ?? permits
        guard (1...Self.maximumPermits).contains(burst) else {
            throw refuse("a burst of \(burst) permits is not possible: from 1 to \(Self.maximumPermits)")
        }
        let nanoseconds = period.clampedNanoseconds
        guard nanoseconds >= Int64(permits) else {
            throw refuse("\(permits) permits in \(period) are more than one in each nanosecond")
        }
        // Rounded up, so that the rate is never above what was asked for.
        let interval = (nanoseconds - 1) / Int64(permits) + 1
        let (tolerance, overflow) = interval.multipliedReportingOverflow(by: Int64(burst))
        guard !overflow, tolerance <= Self.longestFill.clampedNanoseconds else {
            throw refuse("a burst of \(burst) at \(permits) in \(period) takes more than 366 days to fill up")
        }
        self.permits = permits
        self.period = period
        self.burst = burst
        self.interval = interval
        self.tolerance = tolerance
    }
}

extension RateLimitRule {
    /// The period in nanoseconds.
    package var nanosecondsOfPeriod: Int64 { self.period.clampedNanoseconds }
}

extension RateLimitRule: CustomStringConvertible {
    public var description: String { "\(self.permits) in \(self.period), burst \(self.burst)" }
}
