public import ColonyCore

/// The clock of one node of a simulation: it shows another time than the true one, and goes too fast or too slow.
///
/// ```swift
/// var clock = DriftingClock(origin: .init(nanoseconds: 7_000), drift: 0.01, at: agenda.now)     // one in a hundred too fast
/// election.wake(at: clock.reading(at: agenda.now))
/// agenda.add(.wake, at: clock.instant(of: election.nextWake))
/// clock.setDrift(-0.01, at: agenda.now)
/// clock.step(by: .seconds(-2), at: agenda.now)                   // what a monotonic clock never does, and others do
/// ```
public struct DriftingClock: Hashable, Sendable {
    private var base: MonotonicInstant
    private var since: MonotonicInstant
    /// By how much it goes too fast: 0.01 is one in a hundred; less than zero, if it goes too slowly.
    public private(set) var drift: Double

    /// Makes a clock.
    ///
    /// - Parameters:
    ///   - origin: What it shows at `now`.
    ///   - drift: Greater than −0.9 and less than 10.
    ///   - now: The true time.
    public init(origin: MonotonicInstant, drift: Double = 0, at now: MonotonicInstant) {
        Self.check(drift)
        self.base = origin
        self.since = now
        self.drift = drift
    }

    private static func check(_ drift: Double) {
        precondition(drift > -0.9 && drift < 10, "\(drift) is no drift of a clock: from -0.9 to 10")
    }

    /// What it shows at a true time, which is no earlier than that of the last change.
    public func reading(at now: MonotonicInstant) -> MonotonicInstant {
        let elapsed = now.nanoseconds - self.since.nanoseconds
        return MonotonicInstant(
            nanoseconds: self.base.nanoseconds + elapsed + Int64((Double(elapsed) * self.drift).rounded(.down)))
    }

    /// The first true time at which it shows a reading or a later one, if nothing changes.
    public func instant(of reading: MonotonicInstant) -> MonotonicInstant {
        let shown = reading.nanoseconds - self.base.nanoseconds
        guard shown > 0 else { return self.since }
        var instant = MonotonicInstant(
            nanoseconds: self.since.nanoseconds + Int64((Double(shown) / (1 + self.drift)).rounded(.down)))
        // Rounding is off by a few nanoseconds in either direction.
        while self.reading(at: instant) >= reading, instant > self.since {
            instant = MonotonicInstant(nanoseconds: instant.nanoseconds - 1)
        }
        while self.reading(at: instant) < reading {
            instant = MonotonicInstant(nanoseconds: instant.nanoseconds + 1)
        }
        return instant
    }

    /// Goes at another speed from now on.
    public mutating func setDrift(_ drift: Double, at now: MonotonicInstant) {
        Self.check(drift)
        self.base = self.reading(at: now)
        self.since = now
        self.drift = drift
    }

    /// Shows so much more, or less, from now on.
    public mutating func step(by duration: Duration, at now: MonotonicInstant) {
        self.base = self.reading(at: now).advanced(by: duration)
        self.since = now
    }
}
