import ColonyCore

/// What was measured in one window of samples.
public struct ConcurrencySample: Hashable, Sendable {
    /// The mean round-trip time of the calls that succeeded in the window, in nanoseconds; at least 1. `nil` if all were dropped: how long
    /// it took to refuse a call or to give it up says nothing about how long calls take.
    public let meanNanoseconds: Int64?
    /// The shortest round-trip time of the calls that succeeded in the window, in nanoseconds; at least 1. `nil` if all were dropped.
    public let shortestNanoseconds: Int64?
    /// The most calls that were under way at once.
    public let inFlight: Int
    /// Whether a call was dropped: refused by the other side, or given up for its time.
    public let hasDropped: Bool

    /// Makes a sample. Times below one nanosecond count as one.
    public init(meanNanoseconds: Int64?, shortestNanoseconds: Int64?, inFlight: Int, hasDropped: Bool) {
        self.meanNanoseconds = meanNanoseconds.map { max(1, $0) }
        self.shortestNanoseconds = shortestNanoseconds.map { max(1, $0) }
        self.inFlight = inFlight
        self.hasDropped = hasDropped
    }
}

/// Finds out how many calls another side can take at once, as TCP finds its window.
///
/// A value without clock or chance: samples in, a limit out.
///
/// - Important: It is asked under the lock of its ``AdaptiveConcurrencyLimit``, one window after the other. It must not call back into
///   that limit, which would wait for itself, and whatever it does delays the calls that end meanwhile.
public protocol ConcurrencyAlgorithm: Sendable {
    /// The next limit.
    ///
    /// - Parameters:
    ///   - limit: The limit in force, with its fraction, between the bounds of the options.
    ///   - sample: What was measured under it.
    /// - Returns: The next limit, which is then kept between the bounds. A number that is not finite changes nothing.
    mutating func limit(after limit: Double, _ sample: ConcurrencySample) -> Double
}

/// Additive increase, multiplicative decrease: one more after a good window, a share less after a drop.
///
/// It needs no idea of a normal round-trip time, but it must be told what a drop is, and it finds the limit only by passing it:
/// the other side must refuse, or calls must end by a time-out. Without either it grows to its maximum.
///
/// - SeeAlso: D.-M. Chiu, R. Jain, *Analysis of the Increase and Decrease Algorithms for Congestion Avoidance*, 1989; the constants
///   are those of `AIMDLimit` in Netflix's concurrency-limits.
public struct AIMDAlgorithm: ConcurrencyAlgorithm, Hashable {
    /// What is left of the limit after a drop.
    public let backoff: Double
    /// From which mean round-trip time on a window counts as a drop.
    public let timeout: Duration

    private let timeoutNanoseconds: Int64

    /// Makes the algorithm.
    ///
    /// - Parameters:
    ///   - backoff: From 0.5 to 0.99.
    ///   - timeout: From one microsecond to one day.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(backoff: Double = 0.9, timeout: Duration = .seconds(5)) throws(ResilienceError) {
        try Bounds.check(backoff, in: 0.5...0.99, "what is left of a limit after a drop")
        try Bounds.check(timeout, in: .microseconds(1) ... .seconds(86_400), "the time-out of a limit")
        self.backoff = backoff
        self.timeout = timeout
        self.timeoutNanoseconds = timeout.clampedNanoseconds
    }

    /// One more after a good window, a share less after a drop or a window that took too long.
    public mutating func limit(after limit: Double, _ sample: ConcurrencySample) -> Double {
        let isTooLong = sample.meanNanoseconds.map { $0 > self.timeoutNanoseconds } ?? false
        if sample.hasDropped || isTooLong {
            return min(limit - 1, (limit * self.backoff).rounded(.down))
        }
        // A limit that is not used says nothing, and must not drift upwards.
        return sample.inFlight * 2 >= Int(limit) ? limit + 1 : limit
    }
}

/// TCP Vegas: estimates from round-trip times how many calls stand in a queue on the other side, and keeps that number small.
///
/// With the shortest time ever seen as the time without a queue, `limit · (1 − shortest ever / shortest now)` of the calls are queued. Few
/// queued calls raise the limit, many lower it. It needs no drops. Calls that differ are no trouble, because the shortest of a window is
/// compared with the shortest of others; their mean would look like a queue.
///
/// The shortest time goes out of date when the other side changes, so it is measured anew now and then: after at most
/// ``probeMultiplier`` windows for each call of the limit, at a varying distance, so that clients do not do it together.
///
/// - Important: A limit that starts above what the other side can do takes the queue there for normal. Start low.
/// - SeeAlso: L. Brakmo, S. O'Malley, L. Peterson, *TCP Vegas: New Techniques for Congestion Detection and Avoidance*, SIGCOMM 1994;
///   the thresholds, which grow with the logarithm of the limit, are those of `VegasLimit` in Netflix's concurrency-limits. The
///   distance between measurements follows from the count of them here, where that one draws it.
public struct VegasAlgorithm: ConcurrencyAlgorithm, Hashable {
    /// After how many windows, for each call of the limit, the time without a queue is measured anew.
    public let probeMultiplier: Int

    private var shortest: Int64?
    private var windows = 0
    private var probes: UInt64 = 0

    /// Makes the algorithm.
    ///
    /// - Parameter probeMultiplier: From 1 to 1,000,000.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(probeMultiplier: Int = 30) throws(ResilienceError) {
        try Bounds.check(probeMultiplier, in: 1...1_000_000, "windows between measurements")
        self.probeMultiplier = probeMultiplier
    }

    /// More while few calls are queued on the other side, fewer while many are, or when one was dropped.
    public mutating func limit(after limit: Double, _ sample: ConcurrencySample) -> Double {
        self.windows += 1
        let step = Self.wholeLogarithm(limit)
        // What a drop says holds in a window that measures the time anew as well, and in one that has no times.
        let unmoved = sample.hasDropped ? limit - step : limit
        guard let time = sample.shortestNanoseconds else { return unmoved }
        if Double(self.windows) >= self.distance * Double(self.probeMultiplier) * limit {
            self.windows = 0
            self.probes += 1
            self.shortest = time
            return unmoved
        }
        guard let shortest, shortest <= time else {
            self.shortest = time
            return unmoved
        }
        if sample.hasDropped { return unmoved }
        guard sample.inFlight * 2 >= Int(limit) else { return limit }
        let queued = (limit * (1 - Double(shortest) / Double(time))).rounded(.up)
        if queued <= step { return limit + 6 * step }
        if queued < 3 * step { return limit + step }
        if queued > 6 * step { return limit - step }
        return limit
    }

    /// The whole part of the decimal logarithm; at least 1.
    private static func wholeLogarithm(_ limit: Double) -> Double {
        var logarithm = 0.0
        var rest = limit
        while rest >= 10 {
            rest /= 10
            logarithm += 1
        }
        return max(1, logarithm)
    }

    /// From a half to one, in an order that looks like chance and is the same in each run: the golden ratio's multiples.
    private var distance: Double {
        0.5 + 0.5 * (Double(self.probes) * 0.618_033_988_749_894_9).truncatingRemainder(dividingBy: 1)
    }
}

/// Netflix's second gradient: compares the round-trip time of now with its mean over a long time, and lowers the limit by their ratio.
///
/// Calls differ, so the shortest time is a bad measure of the normal one; the long mean is a better one and moves with the other side.
/// The gradient, from 0.5 to 1, shrinks the limit, and a few calls of head room let it grow. Load that lasts becomes the
/// normal: the long mean follows within some hundred windows, so a ``VegasAlgorithm`` keeps a steadier limit where times are even.
///
/// - SeeAlso: `Gradient2Limit` in Netflix's concurrency-limits, and E. Landau, W. Thurston, T. Bozarth, *Performance Under Load*, 2018.
///   The long mean is a plain mean of the first ten windows and decays exponentially after them, as there;
///   a drop, which that one does not look at, counts as the lowest gradient here.
public struct Gradient2Algorithm: ConcurrencyAlgorithm, Hashable {
    /// How many calls the limit may grow by, before smoothing.
    public let headRoom: Double
    /// How much of a new limit is taken over.
    public let smoothing: Double
    /// Over how many windows the long mean reaches.
    public let longWindow: Int

    private var longMean = 0.0
    private var windows = 0

    private static let warmUp = 10

    /// Makes the algorithm.
    ///
    /// - Parameters:
    ///   - headRoom: From 1 to 1,000.
    ///   - smoothing: From 0.01 to 1.
    ///   - longWindow: From 10 to 1,000,000.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(headRoom: Double = 4, smoothing: Double = 0.2, longWindow: Int = 600) throws(ResilienceError) {
        try Bounds.check(headRoom, in: 1...1_000, "head room of a limit")
        try Bounds.check(smoothing, in: 0.01...1, "smoothing of a limit")
        try Bounds.check(longWindow, in: 10...1_000_000, "windows of the long mean")
        self.headRoom = headRoom
        self.smoothing = smoothing
        self.longWindow = longWindow
    }

    /// The limit by the ratio of the long mean to the mean of now, with head room, and smoothed.
    public mutating func limit(after limit: Double, _ sample: ConcurrencySample) -> Double {
        let ratio = sample.meanNanoseconds.map { self.ratio(to: Double($0)) } ?? 1
        if sample.inFlight < Int(limit / 2) { return limit }
        // A drop is the strongest sign of a queue that there is.
        let gradient = sample.hasDropped ? 0.5 : max(0.5, min(1, ratio))
        let next = limit * gradient + self.headRoom
        return limit * (1 - self.smoothing) + next * self.smoothing
    }

    /// Takes the mean of a window into the long mean, and compares the two.
    private mutating func ratio(to mean: Double) -> Double {
        if self.windows < Self.warmUp {
            self.windows += 1
            self.longMean += (mean - self.longMean) / Double(self.windows)
        } else {
            self.longMean += (mean - self.longMean) * 2 / Double(self.longWindow + 1)
        }
        let ratio = self.longMean / mean
        // Back from a long time of load, the long mean would take as long to come down.
        if ratio > 2 { self.longMean *= 0.9 }
        return ratio
    }
}
