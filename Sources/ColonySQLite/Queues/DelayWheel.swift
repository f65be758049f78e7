/// How far ahead of time a delayed message is sorted in, and how finely.
///
/// A million messages with delays at random, each in a tree at the place of its instant, dirty a million pages: every insert reads a page
/// from the disk and writes 4 KiB to the log. Here only what is due within two seconds stands in the order of instants. Everything else
/// lies in *buckets*, in the order in which it came: those of a second for what is due within two minutes, of 64 seconds for two hours,
/// and so on by powers of 64, so that whatever the delays are, new messages go to the ends of at most some hundred buckets. A bucket is
/// emptied a second before it opens, into finer ones. A message is moved once per level, five times for a delay of a year.
///
/// - SeeAlso: G. Varghese, A. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7.
package enum DelayWheel {
    private static let second: Int64 = 1_000_000_000
    /// The widths of buckets in nanoseconds: 1 s, 64 s, 68 min, 3 days, 194 days, 34 years.
    private static let widths: [Int64] = (0..<6).map { Self.second << (6 * $0) }

    /// So long before a bucket opens it is emptied, so that what is due at its very beginning is not late.
    package static let lead: Int64 = Self.second

    /// When the bucket opens that a message with this instant goes to; `nil` if it is due so soon that it goes to none.
    ///
    /// A bucket is at most half as wide as the time until the message is due, so it opens later than a bucket that is emptied now, and
    /// moving always comes to an end.
    package static func opening(of due: Int64, at now: Int64) -> Int64? {
        let (rest, overflow) = due.subtractingReportingOverflow(now)
        guard !overflow, let width = Self.widths.last(where: { rest >= 2 * $0 }) else { return nil }
        return Self.floor(due, width)
    }

    /// The openings of all buckets in which a message with this instant may be.
    package static func openings(of due: Int64) -> [Int64] { Self.widths.map { Self.floor(due, $0) } }

    private static func floor(_ due: Int64, _ width: Int64) -> Int64 {
        let rest = due % width
        return due - (rest < 0 ? rest + width : rest)
    }
}
