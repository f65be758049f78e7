public import ColonyCaches
import ColonyCore
import ColonyRESP

extension RedisCacheTier: RankingTier {
    /// `true` unless on a cluster, where no script reaches both a key and the mark.
    public var keepsMarks: Bool { !self.router.options.isCluster }

    /// Stores entries that rank above what is there, by a script that Redis runs in one step for up to 128 of them.
    ///
    /// - Complexity: One round trip; two when a server has not met the script. On a cluster there is a call for each
    ///   entry.
    public func raise(
        _ entries: [CacheWrite], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<RankedSet, CacheError>] {
        try self.checkCount(entries.count)
        for entry in entries { try self.check(entry) }
        let highest = try ranking.highestRank(of: entries)
        let mark = self.keepsMarks ? ranking.mark : nil
        let calls = self.parts(of: entries).map {
            RedisRaise(entries: $0, ranking: ranking, mark: mark, highest: highest)
        }
        var result: [Result<RankedSet, CacheError>] = []
        result.reserveCapacity(entries.count)
        for (call, answer) in zip(calls, try await self.run(calls)) {
            if let stored = answer.integer, stored == call.entries.count {
                for _ in 0..<call.entries.count { result.append(.success(.stored)) }
            } else if let parts = answer.elements, parts.count == call.entries.count {
                for part in parts { result.append(Self.rankedSet(part)) }
            } else {
                let failure = Self.failure(answer)
                for _ in 0..<call.entries.count { result.append(.failure(failure)) }
            }
        }
        return result
    }

    /// Tells ranks: one command for the first bytes of each key, all in one round trip.
    ///
    /// An empty value of another program counts as nothing, because Redis answers the same to both;
    /// ``raise(_:by:)`` tells them apart.
    public func ranks(
        of keys: [CacheKey], by ranking: EntryRanking
    ) async throws(CacheError) -> [Result<EntryRank, CacheError>] {
        try self.checkCount(keys.count)
        if keys.isEmpty { return [] }
        let size = ranking.prefixes[0].count + 8
        return try await self.execute(keys.map { RedisCommand.getFirst(size, $0) }).map { answer in
            guard case .bulkString(let head) = answer else { return .failure(Self.failure(answer)) }
            if head.isEmpty { return .success(.nothing) }
            return .success(ranking.rank(of: head).map { .rank($0) } ?? .unranked)
        }
    }

    /// Looks keys up: one command for each key, all in one round trip.
    public func values(of keys: [CacheKey]) async throws(CacheError) -> [[UInt8]?] {
        try self.checkCount(keys.count)
        if keys.isEmpty { return [] }
        var result: [[UInt8]?] = []
        result.reserveCapacity(keys.count)
        for answer in try await self.execute(keys.map(RedisCommand.get)) {
            if case .bulkString(let value) = answer {
                result.append(value)
            } else if answer.isNull {
                result.append(nil)
            } else {
                throw Self.failure(answer)
            }
        }
        return result
    }

    /// What goes into one call each: a part for each key where keys may be on different servers.
    private func parts(of entries: [CacheWrite]) -> [ArraySlice<CacheWrite>] {
        let size = self.router.options.isCluster ? 1 : RedisScript.keysPerRankingCall
        return stride(from: 0, to: entries.count, by: size).map { entries[$0..<min($0 + size, entries.count)] }
    }

    private func run(_ calls: [RedisRaise]) async throws(CacheError) -> [RESPValue] {
        if calls.isEmpty { return [] }
        do throws(RedisFailure) {
            return try await self.router.run(calls)
        } catch {
            throw CacheError(error)
        }
    }

    // MARK: What is answered

    private static func rankedSet(_ answer: RESPValue) -> Result<RankedSet, CacheError> {
        if answer.integer == 1 { return .success(.stored) }
        guard case .bulkString(let held) = answer else { return .failure(self.failure(answer)) }
        return .success(.held(CachedBytes(value: held, version: EntryVersion.of(held), timeToLive: nil)))
    }

    private static func failure(_ answer: RESPValue) -> CacheError {
        if let text = answer.errorText { return CacheError(RedisReply.failure(text)) }
        return Self.unexpected(answer)
    }
}
