public import ColonyCaches

extension MemoryCacheTier: RankingTier {
    /// `true`.
    public var keepsMarks: Bool { true }

    /// Stores entries that rank above what is there, all at one moment.
    ///
    /// - Throws: ``/ColonyCaches/CacheError`` with `invalidRequest`, `valueTooLarge`, or `closed`; nothing is stored
    ///   then.
    /// - Complexity: O(1) per entry on average, and O(*n*) in the number of listeners.
    public func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>] {
        try self.admit(keyCount: entries.count)
        for entry in entries { try self.check(entry) }
        if entries.isEmpty { return [] }
        let highest = try ranking.highestRank(of: entries)
        return self.store.raise(entries, by: ranking, highest: highest).map { .success($0) }
    }

    /// Tells the ranks of keys, all at one moment.
    public func ranks(
        of keys: [CacheKey], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<EntryRank, CacheError>] {
        try await self.get(keys).map { held in
            guard let held else { return .success(.nothing) }
            return .success(ranking.rank(of: held.value).map { .rank($0) } ?? .unranked)
        }
    }

    /// Looks keys up, all at one moment.
    public func values(of keys: [CacheKey]) async throws(CacheError) -> [[UInt8]?] {
        try await self.get(keys).map { $0?.value }
    }
}
