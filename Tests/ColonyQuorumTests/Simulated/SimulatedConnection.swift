import ColonyCaches
import ColonyCore
import ColonyMemory

/// How one client reaches a simulated server.
final class SimulatedConnection: CacheTier, ListingTier, RankingTier {
    private let server: SimulatedServer
    private let client: NodeID

    init(_ server: SimulatedServer, _ client: NodeID) {
        self.server = server
        self.client = client
    }

    var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }
    var limits: CacheTierLimits { MemoryCacheTier.defaultLimits }
    var keepsMarks: Bool { true }

    func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        try await self.server.carryOut(for: self.client) { tier throws(CacheError) in try await tier.get(keys) }
    }

    func set(_ entries: [CacheWrite]) async throws(CacheError) {
        try await self.server.carryOut(for: self.client) { tier throws(CacheError) in try await tier.set(entries) }
    }

    func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int {
        try await self.server.carryOut(for: self.client) { tier throws(CacheError) in try await tier.delete(keys) }
    }

    func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try await self.server.carryOut(for: self.client) { tier throws(CacheError) in
            try await tier.compareAndSet(entry, expecting: version)
        }
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        try await self.server.carryOut(for: self.client) { tier throws(CacheError) in
            try await tier.compareAndDelete(key, expecting: version)
        }
    }

    func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>] {
        self.server.countRaise(of: entries.count)
        return try await self.server.carryOut(for: self.client) { tier throws(CacheError) in
            try await tier.raise(entries, by: ranking)
        }
    }

    func ranks(
        of keys: [CacheKey], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<EntryRank, CacheError>] {
        self.server.countQuestion()
        return try await self.server.carryOut(for: self.client) { tier throws(CacheError) in
            try await tier.ranks(of: keys, by: ranking)
        }
    }

    func values(of keys: [CacheKey]) async throws(CacheError) -> [[UInt8]?] {
        try await self.server.carryOut(for: self.client) { tier throws(CacheError) in
            try await tier.values(of: keys)
        }
    }

    func keys(from cursor: CacheCursor?, limit: Int) async throws(CacheError) -> CachePage {
        try await self.server.carryOut(for: self.client) { tier throws(CacheError) in
            try await tier.keys(from: cursor, limit: limit)
        }
    }

    func invalidations() -> CacheInvalidations? { nil }
    func close() async {}
}
