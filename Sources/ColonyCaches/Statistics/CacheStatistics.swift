/// What has happened in a ``Cache`` since it was made.
///
/// Hits and misses are counted only if ``CacheOptions/recordsStatistics`` asks for it; the rest always. The numbers are
/// read one after the other, so that those of a busy cache do not fit each other to the last unit.
public struct CacheStatistics: Hashable, Sendable {
    /// Look-ups that found a value.
    public var hits: UInt64 = 0
    /// Look-ups that found none.
    public var misses: UInt64 = 0
    /// Values that were stored under a key that had none.
    public var insertions: UInt64 = 0
    /// Entries that left, by cause.
    public var removals: [CacheRemovalCause: UInt64] = [:]
    /// Entries there are now, those included whose time is over and that are not reclaimed yet.
    public var count = 0
    /// Their total weight; their number in a cache that is bounded by count.
    public var weight = 0
    /// The bound.
    public var capacity = 0

    /// Makes statistics in which nothing has happened.
    public init() {}

    /// Look-ups altogether.
    public var requests: UInt64 { self.hits + self.misses }

    /// The share of look-ups that found a value, from 0 to 1; `nil` before the first.
    public var hitRatio: Double? {
        self.requests == 0 ? nil : Double(self.hits) / Double(self.requests)
    }
}
