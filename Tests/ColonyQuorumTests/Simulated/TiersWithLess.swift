import ColonyCaches
import ColonyCore

/// A server of which something is missing or wrong; all else is as the simulated one has it.
protocol LessThanATier: CacheTier, ListingTier {
    var tier: SimulatedConnection { get }
}

extension LessThanATier {
    var guarantee: Guarantee { self.tier.guarantee }
    var limits: CacheTierLimits { self.tier.limits }
    func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] { try await self.tier.get(keys) }
    func set(_ entries: [CacheWrite]) async throws(CacheError) { try await self.tier.set(entries) }
    func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int { try await self.tier.delete(keys) }

    func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try await self.tier.compareAndSet(entry, expecting: version)
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        try await self.tier.compareAndDelete(key, expecting: version)
    }

    func keys(from cursor: CacheCursor?, limit: Int) async throws(CacheError) -> CachePage {
        try await self.tier.keys(from: cursor, limit: limit)
    }

    func invalidations() -> CacheInvalidations? { nil }
    func close() async {}
}

extension LessThanATier where Self: RankingTier {
    var keepsMarks: Bool { self.tier.keepsMarks }
    func values(of keys: [CacheKey]) async throws(CacheError) -> [[UInt8]?] { try await self.tier.values(of: keys) }

    func ranks(
        of keys: [CacheKey], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<EntryRank, CacheError>] {
        try await self.tier.ranks(of: keys, by: ranking)
    }
}

/// One that does not compare ranks, as Memcached does not.
final class PlainTier: LessThanATier {
    let tier: SimulatedConnection

    init(_ tier: SimulatedConnection) { self.tier = tier }
}

/// One that compares ranks and keeps no mark of them, as a cluster of Redis does not.
final class MarklessTier: LessThanATier, RankingTier {
    let tier: SimulatedConnection

    init(_ tier: SimulatedConnection) { self.tier = tier }
    var keepsMarks: Bool { false }

    func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>] {
        try await self.tier.raise(entries, by: EntryRanking(prefixes: ranking.prefixes))
    }
}

/// One that takes whatever it is given, as one without compare-and-set would: a planted bug.
final class CarelessTier: LessThanATier {
    let tier: SimulatedConnection

    init(_ tier: SimulatedConnection) { self.tier = tier }

    func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try await self.tier.set([entry])
        return .stored(CacheVersion(bytes: []))
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        try await self.tier.delete([key]) == 1
    }
}

/// One that says it compares ranks and does not: a planted bug.
final class CarelessRankingTier: LessThanATier, RankingTier {
    let tier: SimulatedConnection

    init(_ tier: SimulatedConnection) { self.tier = tier }

    func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>] {
        try await self.tier.set(entries)
        return entries.map { _ in .success(.stored) }
    }
}

/// One whose mark stays where it is once it is there: a planted bug.
final class StaleMarkTier: LessThanATier, RankingTier {
    let tier: SimulatedConnection

    init(_ tier: SimulatedConnection) { self.tier = tier }

    func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>] {
        var ranking = ranking
        if let mark = ranking.mark, try await self.tier.get([mark])[0] != nil {
            ranking = EntryRanking(prefixes: ranking.prefixes)
        }
        return try await self.tier.raise(entries, by: ranking)
    }
}
