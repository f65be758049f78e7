/// A shared cache that compares ranks for its users: an entry is replaced only by one of higher rank, in one step, and
/// whoever writes need not know what is there.
///
/// Ranks lie in the values themselves, as ``EntryRanking`` says, so that entries stay plain entries of the cache.
/// Whoever writes ranked keys by other means, such as ``CacheTier/set(_:)``, can take any rank back.
///
/// Each entry is atomic for itself; a call as a whole is not.
public protocol RankingTier: CacheTier {
    /// Whether ``raise(_:by:)`` keeps the mark of a ranking. A store whose keys are on several servers cannot.
    var keepsMarks: Bool { get }

    /// Stores each entry unless what is there has the same rank, a higher one, or none.
    ///
    /// Where ``keepsMarks`` and the ranking has a mark, the mark rises in the same step to the highest rank of
    /// `entries`, whether they are stored or not.
    ///
    /// - Parameters:
    ///   - entries: At most ``CacheTierLimits/keysPerCall``, each with a rank. A key may come twice; its entries are
    ///     then compared in their order.
    ///   - ranking: Where ranks lie. Its mark must be none of the keys.
    /// - Returns: For each entry, in the same order, what became of it, or why the store refused it. An entry that is
    ///   repeated because its fate was unknown may find itself there.
    /// - Throws: ``CacheError`` where the call as a whole failed: `invalidRequest` for too many entries or one without
    ///   a rank, and nothing was stored; after `unavailable` and `cancelled` any part may have been.
    func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>]

    /// Tells the ranks of keys without their values.
    ///
    /// - Parameter keys: At most ``CacheTierLimits/keysPerCall``.
    /// - Returns: For each key, in the same order, its rank, or why the store has no answer.
    /// - Throws: ``CacheError`` where the call as a whole failed.
    func ranks(
        of keys: [CacheKey], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<EntryRank, CacheError>]

    /// Looks keys up like ``CacheTier/get(_:)``, without the versions, which a ranked write does not need and some
    /// stores must compute.
    func values(of keys: [CacheKey]) async throws(CacheError) -> [[UInt8]?]
}

/// Where the rank of an entry lies in its value: behind one of some prefixes, as eight bytes, the highest first.
///
/// A value that begins with none of them, or is too short, has no rank.
///
/// One key may be the *mark*: an entry of this ranking, kept by the store, that no rank is above which was ever raised.
/// So whoever wants to rank above everything that is there asks for one number, whatever the number of keys. A mark
/// that is not there says nothing of what is: a store that lost it, or evicted it, begins a new one.
public struct EntryRanking: Hashable, Sendable {
    /// From 1 to 8 of them, all different and of one length, from 1 byte to 16.
    public let prefixes: [[UInt8]]
    /// The key of the mark; `nil` if none is kept.
    public let mark: CacheKey?

    /// Puts a ranking together.
    public init(prefixes: [[UInt8]], mark: CacheKey? = nil) {
        precondition((1...8).contains(prefixes.count), "a ranking has 1 to 8 prefixes, not \(prefixes.count)")
        let width = prefixes[0].count
        precondition((1...16).contains(width), "a prefix has 1 to 16 bytes, not \(width)")
        precondition(prefixes.allSatisfy { $0.count == width }, "the prefixes \(prefixes) have different lengths")
        precondition(Set(prefixes).count == prefixes.count, "one of the prefixes \(prefixes) comes twice")
        self.prefixes = prefixes
        self.mark = mark
    }

    /// What lies under the mark.
    public func markValue(_ rank: UInt64) -> [UInt8] {
        withUnsafeBytes(of: rank.bigEndian) { self.prefixes[0] + $0 }
    }

    /// The rank of a value; `nil` if it has none.
    public func rank(of value: [UInt8]) -> UInt64? {
        let width = self.prefixes[0].count
        guard value.count >= width + 8, self.prefixes.contains(where: { value.starts(with: $0) }) else { return nil }
        return value.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: width, as: UInt64.self)) }
    }
}

extension EntryRanking {
    /// The highest rank of some entries, and 0 of none.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest` for an entry without a rank, and for one under the mark.
    public func highestRank(of entries: [CacheWrite]) throws(CacheError) -> UInt64 {
        var highest: UInt64 = 0
        for entry in entries {
            guard let rank = self.rank(of: entry.value) else {
                throw CacheError(.invalidRequest, "the value of \(entry.key) has no rank")
            }
            if entry.key == self.mark {
                throw CacheError(.invalidRequest, "\(entry.key) is where the mark of the ranking lies")
            }
            highest = max(highest, rank)
        }
        return highest
    }
}

/// What ``RankingTier/ranks(of:by:)`` says of a key.
public enum EntryRank: Hashable, Sendable {
    /// Nothing is there.
    case nothing
    /// The rank of what is there.
    case rank(UInt64)
    /// Something is there that has no rank.
    case unranked
}

/// What became of an entry in ``RankingTier/raise(_:by:)``.
public enum RankedSet: Hashable, Sendable {
    /// The entry is stored: nothing was there, or something of lower rank.
    case stored
    /// It is not stored, because this is there.
    case held(CachedBytes)
}
