import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// How an endpoint that has become healthy gets its calls: a few at first, and all of its share at the end of a window.
///
/// A process that has just started has cold caches, an untrained compiler, and no connections. With the least-request rule it even gets
/// more calls than the others, because it has none under way. The share grows with the time *t* since the endpoint became healthy:
///
/// share(*t*) = max(*minimum*, (*t* / *window*) ^ (1 / *aggression*)), and 1 from the end of the window on
///
/// With an aggression of 1 it grows in a straight line; with more it grows faster at first and slower in the end. Envoy counts whole seconds
/// from one on; here time has no steps, so that windows of a few seconds work as well.
///
/// - SeeAlso: Envoy's documentation, *Slow start mode*, in *Upstream clusters, Load balancing*.
public struct SlowStart: Hashable, Sendable {
    /// The legal windows.
    public static var windows: ClosedRange<Duration> { .milliseconds(1) ... .seconds(86_400) }
    /// The legal aggressions.
    public static var aggressions: ClosedRange<Double> { 0.01...100 }
    /// The legal minimum shares.
    public static var minimumShares: ClosedRange<Double> { 0.001...1 }

    /// How long it takes until an endpoint has its whole share.
    public let window: Duration
    /// How fast the share grows at first.
    public let aggression: Double
    /// The share with which an endpoint begins.
    public let minimumShare: Double

    private let windowNanoseconds: Double
    private let exponent: Double

    /// Makes settings from values that may come from outside.
    ///
    /// - Parameters:
    ///   - window: Within ``windows``. Thirty seconds is what caches and compilers of most services need.
    ///   - aggression: Within ``aggressions``. One: a straight line surprises nobody.
    ///   - minimumShare: Within ``minimumShares``. A tenth, as in Envoy: enough that the endpoint warms up at all.
    /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        window: Duration = .seconds(30), aggression: Double = 1, minimumShare: Double = 0.1
    ) throws(BalancingError) {
        try SettingBounds.check(window, in: Self.windows, "the window of a slow start")
        try SettingBounds.check(aggression, in: Self.aggressions, "the aggression of a slow start")
        try SettingBounds.check(minimumShare, in: Self.minimumShares, "the minimum share of a slow start")
        self.window = window
        self.aggression = aggression
        self.minimumShare = minimumShare
        self.windowNanoseconds = Double(window.clampedNanoseconds)
        self.exponent = 1 / aggression
    }

    /// The part of its weight that an endpoint has so long after it became healthy.
    ///
    /// - Returns: From ``minimumShare`` to 1. It never falls as time passes.
    /// - Complexity: O(1); one power unless the aggression is 1.
    public func share(sinceHealthy elapsed: Duration) -> Double {
        self.share(sinceHealthyNanoseconds: elapsed.clampedNanoseconds)
    }

    /// The same for paths on which a duration of 128 bits is too wide.
    package func share(sinceHealthyNanoseconds nanoseconds: Int64) -> Double {
        guard nanoseconds > 0 else { return self.minimumShare }
        let progress = Double(nanoseconds) / self.windowNanoseconds
        guard progress < 1 else { return 1 }
        let share = self.exponent == 1 ? progress : pow(progress, self.exponent)
        return max(self.minimumShare, min(1, share))
    }
}
