/// A shared cache that compares ranks for its users: an entry is replaced only by one of higher rank, in one step, and
/// whoever writes need not know what is there.
///
/// Ranks lie in the values themselves, as ``EntryRanking`` says, so that entries stay plain entries of the cache.
/// Whoever writes ranked keys by other means, such as ``CacheTier/set(_:)``, can take any rank back.
///
/// Each entry is atomic for itself; a call as a whole is not.
public protocol RankingTier: CacheTier {
    /// Stores each entry unless what is there has the same rank, a higher one, or none.
    ///
    /// - Parameters:
    ///   - entries: At most ``CacheTierLimits/keysPerCall``, each with a rank. A key may come twice; its entries are
    ///     then compared in their order.
    ///   - ranking: Where ranks lie.
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
public struct EntryRanking: Hashable, Sendable {
    /// From 1 to 8 of them, all different and of one length, from 1 byte to 16.
    public let prefixes: [[UInt8]]

    /// Puts a ranking together.
    public init(prefixes: [[UInt8]]) {
        precondition((1...8).contains(prefixes.count), "a ranking has 1 to 8 prefixes, not \(prefixes.count)")
        let width = prefixes[0].count
        precondition((1...16).contains(width), "a prefix has 1 to 16 bytes, not \(width)")
        precondition(prefixes.allSatisfy { $0.count == width }, "the prefixes \(prefixes) have different lengths")
        precondition(Set(prefixes).count == prefixes.count, "one of the prefixes \(prefixes) comes twice")
        self.prefixes = prefixes
    }

    /// The rank of a value; `nil` if it has none.
    public func rank(of value: [UInt8]) -> UInt64? {
        let width = self.prefixes[0].count
        guard value.count >= width + 8, self.prefixes.contains(where: { value.starts(with: $0) }) else { return nil }
        return value.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: width, as: UInt64.self)) }
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
