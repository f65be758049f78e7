package import ColonyCaches
package import ColonyCore

/// A time to live as memcached wants it.
///
/// memcached's clock ticks once a second, and an entry with `T` of *n* is gone at the *n*th tick: after more than
/// *n* − 1 seconds and at most *n*. The number is therefore the next whole one *above* the time. An entry for a whole
/// number of seconds never goes early, and none stays more than a second too long; one for a part of a second more may
/// go early by less than a second, since both cannot be had with such a clock and a stale answer is worse than none.
///
/// memcached counts in seconds, and reads a number above 2,592,000, which is 30 days, as a point in civil time: `T`
/// with 2,592,001 is a moment in January 1970, and the entry is gone at once. Longer times are therefore sent as the
/// point at which they end. That point is of the client's civil clock and is compared with the server's; on 30 days and
/// more, the difference between two clocks that are kept right does not count.
package enum MetaExpiry {
    /// The longest time that is counted from now.
    package static let longestRelativeSeconds: Int64 = 30 * 24 * 60 * 60
    /// The last point in time that memcached can read: it keeps 32 bits with a sign.
    package static let latest = Int64(Int32.max)

    /// The number that stands behind `T`: the whole seconds and one, or a point in seconds since 1970; 0 for no end.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest`, quoting the time, unless it is above zero.
    package static func token(for timeToLive: Duration?, key: CacheKey, at now: WallTime) throws(CacheError) -> Int64 {
        guard let timeToLive else { return 0 }
        guard timeToLive > .zero else {
            throw CacheError(
                .invalidRequest, "the time to live of \"\(key)\" must be above zero, not \(timeToLive)")
        }
        let whole = timeToLive.components.seconds
        let seconds = whole < .max ? whole + 1 : whole
        if seconds <= Self.longestRelativeSeconds { return seconds }
        let (end, overflow) = (now.millisecondsSince1970 / 1_000).addingReportingOverflow(seconds)
        return overflow ? Self.latest : min(max(end, Self.longestRelativeSeconds + 1), Self.latest)
    }

    /// How long an entry will stay at the least if `t` says that so many seconds are left: the first has begun already.
    package static func timeLeft(seconds: Int64) -> Duration { .seconds(max(0, seconds - 1)) }
}
