/// A point on a monotonic clock, in nanoseconds since the origin of that clock.
///
/// Instants of two clocks have nothing to do with each other. Those of ``HostClock`` can be compared among all processes
/// of one host until it reboots, which is what an embedded store needs and `ContinuousClock.Instant` keeps to itself.
public struct MonotonicInstant: InstantProtocol, Codable, CustomStringConvertible {
    /// Nanoseconds since the origin of the clock.
    public let nanoseconds: Int64

    /// Makes a point from nanoseconds since the origin of the clock.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The point `duration` later. Beyond the range of the type, which is 292 years, it stays at the end of the range.
    public func advanced(by duration: Duration) -> MonotonicInstant {
        self.advanced(byNanoseconds: duration.clampedNanoseconds)
    }

    /// The point `nanoseconds` later, for paths that run for each lease: durations are 128 bits wide.
    package func advanced(byNanoseconds nanoseconds: Int64) -> MonotonicInstant {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
        return MonotonicInstant(nanoseconds: overflow ? (nanoseconds < 0 ? .min : .max) : sum)
    }

    public func duration(to other: MonotonicInstant) -> Duration {
        let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(self.nanoseconds)
        return .nanoseconds(overflow ? (other < self ? .min : .max) : difference)
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.nanoseconds < second.nanoseconds
    }

    public var description: String { "\(self.nanoseconds) ns" }
}

extension Duration {
    /// The duration in whole nanoseconds, rounded towards zero, and kept in the range of the type.
    package var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        if carried { return seconds < 0 ? .min : .max }
        return sum
    }

    /// The duration in whole milliseconds, rounded towards zero, and kept in the range of the type.
    package var clampedMilliseconds: Int64 {
        self.clampedNanoseconds / 1_000_000
    }

    /// In whole milliseconds, rounded up, so that whoever waits for so long is never early.
    package var wholeMilliseconds: Int64 { self.roundedUp(to: 1_000_000) }

    /// In whole seconds, rounded up, as `Retry-After` has them.
    package var wholeSeconds: Int64 { self.roundedUp(to: 1_000_000_000) }

    private func roundedUp(to unit: Int64) -> Int64 {
        let nanoseconds = self.clampedNanoseconds
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: unit)
        return remainder > 0 ? quotient + 1 : quotient
    }
}

/// A clock that never steps and never runs backwards: what leases, deadlines, and intervals are counted on.
///
/// All of Colony reads time through a value of this kind that is handed in, so that every decision can run on the manual
/// clock of ColonySimulation. One instant type for the whole house keeps locks and caches free of a generic parameter.
public protocol MonotonicClock: Clock where Instant == MonotonicInstant, Duration == Swift.Duration {}

extension MonotonicClock {
    /// Suspends the task for `duration`.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func sleep(for duration: Duration) async throws {
        try await self.sleep(until: self.now.advanced(by: duration), tolerance: nil)
    }
}
