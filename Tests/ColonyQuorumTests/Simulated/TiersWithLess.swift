import ColonyCaches
import ColonyCore

/// A server that does not compare ranks, as Memcached does not.
final class PlainTier: CacheTier, ListingTier {
    private let tier: SimulatedConnection

    init(_ tier: SimulatedConnection) { self.tier = tier }

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

/// A server that takes whatever it is given, as one without compare-and-set would: a planted bug.
final class CarelessTier: CacheTier {
    private let tier: any CacheTier

    init(_ tier: any CacheTier) { self.tier = tier }

    var guarantee: Guarantee { self.tier.guarantee }
    var limits: CacheTierLimits { self.tier.limits }
    func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] { try await self.tier.get(keys) }
    func set(_ entries: [CacheWrite]) async throws(CacheError) { try await self.tier.set(entries) }
    func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int { try await self.tier.delete(keys) }

    func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try await self.tier.set([entry])
        return .stored(CacheVersion(bytes: []))
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        try await self.tier.delete([key]) == 1
    }

    func invalidations() -> CacheInvalidations? { nil }
    func close() async {}
}

/// One that says it compares ranks and does not: a planted bug.
final class CarelessRankingTier: CacheTier, RankingTier {
    private let tier: SimulatedConnection

    init(_ tier: SimulatedConnection) { self.tier = tier }

    var guarantee: Guarantee { self.tier.guarantee }
    var limits: CacheTierLimits { self.tier.limits }
    func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] { try await self.tier.get(keys) }
    func set(_ entries: [CacheWrite]) async throws(CacheError) { try await self.tier.set(entries) }
    func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int { try await self.tier.delete(keys) }
    func values(of keys: [CacheKey]) async throws(CacheError) -> [[UInt8]?] { try await self.tier.values(of: keys) }

    func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>] {
        try await self.tier.set(entries)
        return entries.map { _ in .success(.stored) }
    }

    func ranks(
        of keys: [CacheKey], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<EntryRank, CacheError>] {
        try await self.tier.ranks(of: keys, by: ranking)
    }

    func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try await self.tier.compareAndSet(entry, expecting: version)
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        try await self.tier.compareAndDelete(key, expecting: version)
    }

    func invalidations() -> CacheInvalidations? { nil }
    func close() async {}
}
