public import ColonyCore

/// How suspicious the silence of somebody is who sends heartbeats.
///
/// A fixed time-out is wrong on most networks: too short where heartbeats come late now and then, too long where they never do. This detector learns how the
/// intervals are spread, and answers with a level instead of a verdict: φ = 1 means that a silence as long as this one comes by chance once in ten
/// intervals, φ = 8 once in a hundred million. Each user of it compares the level with a threshold of its own.
///
/// ```swift
/// detector.heartbeat(at: clock.now)
/// if detector.phi(at: clock.now) > 8 { … }
/// ```
///
/// Intervals are taken for normally distributed over the latest `window`. The deviation has a minimum, because after a hundred heartbeats that came on
/// the millisecond the next one may all the same be late by ten; and an acceptable pause is added to the mean, for stalls of garbage collection,
/// of a virtual machine, or of the network that are no failures.
///
/// - Complexity: O(1) for each heartbeat and look; `window` numbers of memory.
/// - SeeAlso: N. Hayashibara, X. Défago, R. Yared, T. Katayama, *The φ Accrual Failure Detector*, SRDS 2004, section IV. The minimum of the
///   deviation and the acceptable pause are those of Akka's implementation.
public struct PhiAccrualDetector: Hashable, Sendable {
    /// How a ``PhiAccrualDetector`` judges.
    public struct Settings: Hashable, Sendable {
        /// Of how many intervals the distribution is made.
        public let window: Int
        /// The least deviation that is reckoned with.
        public let minimumDeviation: Duration
        /// How much later than usual a heartbeat may be before it counts as late.
        public let acceptablePause: Duration
        /// The interval that is expected before two heartbeats were seen.
        public let expectedInterval: Duration

        /// Makes settings from numbers that may come from outside.
        ///
        /// - Parameters:
        ///   - expectedInterval: From a millisecond to an hour: how often heartbeats are sent.
        ///   - window: From 2 to 10,000. 100 of them forget a change of the network within minutes.
        ///   - minimumDeviation: From a microsecond to an hour; a tenth of the interval unless you say otherwise.
        ///   - acceptablePause: From zero to an hour; none unless you say otherwise.
        /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the value.
        public init(
            expectedInterval: Duration, window: Int = 100, minimumDeviation: Duration? = nil,
            acceptablePause: Duration = .zero
        ) throws(ClusterError) {
            let minimumDeviation = minimumDeviation ?? expectedInterval / 10
            let hour = Duration.seconds(3_600)
            let defect =
                SettingRange.defect(
                    of: expectedInterval, in: .milliseconds(1)...hour, as: "the interval of heartbeats")
                ?? SettingRange.defect(of: window, in: 2...10_000, as: "the number of intervals that are kept")
                ?? SettingRange.defect(
                    of: minimumDeviation, in: .microseconds(1)...hour, as: "the least deviation of heartbeats")
                ?? SettingRange.defect(of: acceptablePause, in: .zero...hour, as: "the pause that is acceptable")
            if let defect { throw ClusterError(.invalidConfiguration, defect) }
            self.window = window
            self.minimumDeviation = minimumDeviation
            self.acceptablePause = acceptablePause
            self.expectedInterval = expectedInterval
        }
    }

    /// The greatest level that is told. Beyond it the tail of the distribution is less than what a number can hold.
    public static let greatestPhi = 300.0

    /// The settings it was made with.
    public let settings: Settings
    /// When the latest heartbeat came; `nil` before the first.
    public private(set) var latest: MonotonicInstant?

    /// The latest intervals in nanoseconds, as a ring.
    private var intervals: [Int64] = []
    private var next = 0
    /// Sums of the intervals less the expected one, so that their squares stay exact for as long as it matters.
    private var sum: Double = 0
    private var squares: Double = 0

    /// Makes a detector that has heard nothing.
    public init(_ settings: Settings) {
        self.settings = settings
        // Before anything is known: the expected interval, spread by a quarter, as in Akka.
        let expected = settings.expectedInterval.clampedNanoseconds
        self.remember(expected - expected / 4)
        self.remember(expected + expected / 4)
    }

    /// Takes note of a heartbeat. One that is older than the latest is ignored.
    public mutating func heartbeat(at now: MonotonicInstant) {
        defer { self.latest = max(now, self.latest ?? now) }
        guard let latest = self.latest, latest <= now else { return }
        let interval = latest.duration(to: now)
        // After a silence that any user takes for a failure, the network begins anew; its length says nothing about intervals.
        if self.phi(after: interval) < Self.outage { self.remember(interval.clampedNanoseconds) }
    }

    /// From which level on a silence is not an interval.
    private static let outage = 16.0

    private mutating func remember(_ interval: Int64) {
        let value = self.centred(interval)
        self.sum += value
        self.squares += value * value
        if self.intervals.count < self.settings.window {
            self.intervals.append(interval)
            return
        }
        let old = self.centred(self.intervals[self.next])
        self.sum -= old
        self.squares -= old * old
        self.intervals[self.next] = interval
        self.next = (self.next + 1) % self.settings.window
        // Rounding adds up over millions of heartbeats, so the sums are made anew with each turn of the ring.
        if self.next == 0 {
            self.sum = self.intervals.reduce(0) { $0 + self.centred($1) }
            self.squares = self.intervals.reduce(0) { $0 + self.centred($1) * self.centred($1) }
        }
    }

    private func centred(_ interval: Int64) -> Double {
        Double(interval - self.settings.expectedInterval.clampedNanoseconds)
    }

    /// The mean of the intervals.
    public var mean: Duration {
        self.settings.expectedInterval + .nanoseconds(Int64(self.sum / Double(self.intervals.count)))
    }

    /// Their deviation, at least the minimum.
    public var deviation: Duration {
        let count = Double(self.intervals.count)
        let variance = max(0, self.squares / count - (self.sum / count) * (self.sum / count))
        return max(self.settings.minimumDeviation, .nanoseconds(Int64(variance.squareRoot())))
    }

    /// The level of suspicion at an instant: 0 before the first heartbeat, and growing without one.
    public func phi(at now: MonotonicInstant) -> Double {
        guard let latest = self.latest else { return 0 }
        return self.phi(after: latest.duration(to: now))
    }

    /// When the level reaches a threshold if nothing is heard; `nil` before the first heartbeat.
    ///
    /// - Parameter threshold: From 0 to ``greatestPhi``.
    /// - Complexity: O(1), some fifty looks at the distribution.
    public func instant(ofPhi threshold: Double) -> MonotonicInstant? {
        guard let latest = self.latest else { return nil }
        var (low, high) = (Duration.zero, self.mean + self.settings.acceptablePause + self.deviation * 64)
        while high - low > .microseconds(1) {
            let middle = low + (high - low) / 2
            if self.phi(after: middle) < threshold { low = middle } else { high = middle }
        }
        return latest.advanced(by: high)
    }

    private func phi(after silence: Duration) -> Double {
        let late = silence - self.mean - self.settings.acceptablePause
        let deviations = Double(late.clampedNanoseconds) / Double(self.deviation.clampedNanoseconds)
        let level = -Logarithm.decimalOfNormalTail(deviations)
        return level.isFinite ? min(level, Self.greatestPhi) : Self.greatestPhi
    }
}
