import ColonyCaches
import ColonyCore

/// A time to live as memcached wants it.
///
/// memcached counts in seconds, and reads a number above 2,592,000, which is 30 days, as a point in civil time: `T`
/// with 2,592,001 is a moment in January 1970, and the entry is gone at once. Longer times are therefore sent as the
/// point at which they end. That point is of the client's civil clock and is compared with the server's; on 30 days and
/// more, the difference between two clocks that are kept right does not count.
enum MetaExpiry {
    /// The longest time that is counted from now.
    static let longestRelativeSeconds: Int64 = 30 * 24 * 60 * 60
    /// The last point in time that memcached can read: it keeps 32 bits with a sign.
    static let latest = Int64(Int32.max)

    /// The number that stands behind `T`: seconds rounded up, or a point in seconds since 1970; 0 for no end.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest`, quoting the time, unless it is above zero.
    static func token(for timeToLive: Duration?, key: CacheKey, at now: WallTime) throws(CacheError) -> Int64 {
        guard let timeToLive else { return 0 }
        guard timeToLive > .zero else {
            throw CacheError(
                .invalidRequest, "the time to live of \"\(key)\" must be above zero, not \(timeToLive)")
        }
        let (whole, fraction) = timeToLive.components
        let seconds = fraction > 0 && whole < .max ? whole + 1 : whole
        if seconds <= Self.longestRelativeSeconds { return seconds }
        let (end, overflow) = (now.millisecondsSince1970 / 1_000).addingReportingOverflow(seconds)
        return overflow ? Self.latest : min(max(end, Self.longestRelativeSeconds + 1), Self.latest)
    }
}
