/// How a ``RateLimiter`` decides.
///
/// All of them hold the rate of their rule. They differ in how they treat those who come all at once, and in what they cost.
public enum RateLimitAlgorithm: String, Hashable, Sendable, CaseIterable, Codable {
    /// A bucket of `burst` permits that is refilled evenly; the generic cell rate algorithm in one atomic number.
    ///
    /// In any window of length *w* at most `burst + permits · w / period` permits pass. The fastest, and right unless another has a
    /// reason.
    case tokenBucket

    /// The time of each grant is kept: in any window of one period at most `permits` pass, exactly.
    ///
    /// For contracts that say "at most *n* in a minute" and mean every minute. Costs 16 bytes for each permit that was granted within
    /// a period, so a rule has at most ``largestLog`` permits.
    case slidingWindowLog

    /// The grants of this period and of the one before are counted, the latter with the share of it that the window still covers.
    ///
    /// Exact for traffic that is spread evenly over the earlier period, and three numbers whatever the rate is. If all of the earlier
    /// period came at its end, up to twice `permits` can pass in one window of a period; no algorithm with so little memory knows
    /// better. A fixed window would let through twice as much at each of its edges.
    case slidingWindowCounter

    /// A queue that is served evenly: one permit in each interval, and nobody at once but the first.
    ///
    /// For calls to something that wants them evenly. The burst of the rule is only the most permits of one call, after which the queue
    /// stands for as many intervals.
    case leakyBucket

    /// The most permits of a rule that a ``slidingWindowLog`` counts.
    public static let largestLog = 1_000_000
}
