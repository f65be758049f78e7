import ColonyCore
import Synchronization

/// Spreads equal times to live, so that entries that were stored together do not end together.
///
/// A program that fills a cache at its start, each entry for an hour, gets all its misses at once an hour later. With a
/// fraction of 0.1 each entry is given 54 to 60 minutes, evenly spread, and the misses come over six minutes. A time is
/// only ever shortened: how old an entry may get is a promise.
///
/// ```swift
/// let jitter = try TTLJitter(fraction: 0.1)
/// let cache = try Cache(capacity: 10_000, expiry: jitter.expiry(afterWrite: .seconds(3_600)))
/// ```
public final class TTLJitter: Sendable {
    /// By how much a time is shortened at the most, as a part of it.
    public let fraction: Double
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    /// Makes a spread.
    ///
    /// - Parameters:
    ///   - fraction: By how much a time is shortened at the most, from 0, not at all, to below 1. A tenth spreads the misses
    ///     of an hour over six minutes.
    ///   - generator: Where the spread is drawn from.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        fraction: Double, generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(CacheError) {
        guard fraction >= 0 && fraction < 1 else {
            throw CacheError(.invalidConfiguration, "the fraction of a jitter is from 0 to below 1, not \(fraction)")
        }
        self.fraction = fraction
        self.generator = Mutex(generator)
    }

    /// A time between `(1 - fraction) · timeToLive` and `timeToLive`, evenly drawn.
    ///
    /// - Parameter timeToLive: Any; zero or less is returned as it is. What is above zero stays above zero.
    /// - Complexity: O(1), under a lock that all users of this object share.
    public func spread(_ timeToLive: Duration) -> Duration {
        let whole = timeToLive.clampedNanoseconds
        guard whole > 1, self.fraction > 0 else { return timeToLive }
        // Comparing before converting: the nearest Double to the end of Int64 lies beyond it.
        let part = Double(whole) * self.fraction
        let most = part < Double(whole - 1) ? Int64(part) : whole - 1
        return .nanoseconds(whole - self.generator.withLock { Int64.random(in: 0...most, using: &$0) })
    }

    /// An expiry by which each entry ends after a spread time; drawn anew at each write.
    ///
    /// - Parameter timeToLive: Above zero; an entry with a time of zero or less is not kept.
    public func expiry<Key: Sendable, Value: Sendable>(afterWrite timeToLive: Duration) -> CacheExpiry<Key, Value> {
        CacheExpiry(perEntry: { _, _ in self.spread(timeToLive) })
    }

    /// A write of a shared cache with its time to live spread; one without an end has none afterwards.
    public func spread(_ write: CacheWrite) -> CacheWrite {
        CacheWrite(write.key, write.value, timeToLive: write.timeToLive.map { self.spread($0) })
    }
}
