public import ColonyCaches
import ColonyCore
import ColonyRESP

extension RedisCacheTier: BulkComparingTier {
    /// Compares and stores entries, each by a script that Redis runs in one step, all in one round trip.
    ///
    /// - Complexity: One round trip; two when a server has not met the script.
    public func compareAndSet(
        _ entries: [CacheComparison]
    ) async throws(CacheError) -> [Result<CompareAndSet, CacheError>] {
        try self.checkCount(entries.count)
        if entries.isEmpty { return [] }
        var commands: [RedisCommand] = []
        commands.reserveCapacity(entries.count)
        for comparison in entries {
            try self.check(comparison.entry)
            commands.append(try self.comparison(comparison, inFull: false))
        }
        var answers = try await self.execute(commands)
        // What is not known was not run.
        let unknown = answers.indices.filter { answers[$0].errorText?.hasPrefix("NOSCRIPT") == true }
        if !unknown.isEmpty {
            var again: [RedisCommand] = []
            for index in unknown { again.append(try self.comparison(entries[index], inFull: true)) }
            for (index, answer) in zip(unknown, try await self.execute(again)) { answers[index] = answer }
        }
        return zip(entries, answers).map { comparison, answer in
            do throws(CacheError) {
                try Self.check(answer)
                return .success(try Self.outcome(answer, of: comparison.entry))
            } catch {
                return .failure(error)
            }
        }
    }

    func comparison(_ comparison: CacheComparison, inFull: Bool) throws(CacheError) -> RedisCommand {
        let entry = comparison.entry
        let time = entry.timeToLive.map { Array(RedisCommand.milliseconds($0).utf8) } ?? []
        return .script(
            .compareAndSet, entry.key, [try self.argument(comparison.version), entry.value, time], inFull: inFull)
    }

    /// What the script of a comparison has answered.
    static func outcome(_ answer: RESPValue, of entry: CacheWrite) throws(CacheError) -> CompareAndSet {
        guard let parts = answer.elements, let stored = parts.first?.integer else { throw Self.unexpected(answer) }
        if stored == 1 { return .stored(EntryVersion.of(entry.value)) }
        guard parts.count == 2, let held = parts[1].bytes else { return .conflict(nil) }
        return .conflict(CachedBytes(value: held, version: EntryVersion.of(held), timeToLive: nil))
    }
}

extension RedisCacheTier: ListingTier {
    /// Lists keys with `SCAN`, strings under the prefix only.
    ///
    /// - Throws: `CacheError` with `refused` on a cluster, whose keys lie on servers that change.
    /// - Complexity: One round trip. The server looks at about `limit` keys, also those of others.
    public func keys(from cursor: CacheCursor?, limit: Int) async throws(CacheError) -> CachePage {
        guard (1...1_000_000).contains(limit) else {
            throw CacheError(.invalidRequest, "a page has room for 1 to 1000000 keys, and not for \(limit)")
        }
        guard self.router.onlyNode != nil else {
            throw CacheError(.refused, "the keys of a Redis Cluster cannot be listed in one order")
        }
        let prefix = self.router.settings.prefix
        var pattern: [UInt8] = []
        for byte in prefix {
            // What is a pattern to Redis is a letter in a prefix.
            if "*?[]^\\".utf8.contains(byte) { pattern.append(UInt8(ascii: "\\")) }
            pattern.append(byte)
        }
        pattern.append(UInt8(ascii: "*"))
        do throws(RedisFailure) {
            let call = try await self.router.call(1, until: self.router.deadline()) { bytes in
                RESPCommandEncoding.begin(8, &bytes)
                RESPCommandEncoding.append(word: "SCAN", to: &bytes)
                RESPCommandEncoding.append(word: cursor?.text ?? "0", to: &bytes)
                RESPCommandEncoding.append(word: "MATCH", to: &bytes)
                RESPCommandEncoding.append(word: pattern, to: &bytes)
                RESPCommandEncoding.append(word: "COUNT", to: &bytes)
                RESPCommandEncoding.append(word: String(limit), to: &bytes)
                RESPCommandEncoding.append(word: "TYPE", to: &bytes)
                RESPCommandEncoding.append(word: "string", to: &bytes)
            }
            return try Self.page(call.single(), prefix: prefix)
        } catch {
            throw CacheError(error)
        }
    }

    private static func page(_ answer: RESPValue, prefix: [UInt8]) throws(RedisFailure) -> CachePage {
        if let text = answer.errorText { throw RedisReply.failure(text) }
        guard let parts = answer.elements, parts.count == 2, let next = parts[0].bytes, let found = parts[1].elements
        else {
            throw RedisFailure(.unavailable, "the server answered with something else than was asked for: \(answer)")
        }
        // What is no key of a cache was put there by another program.
        let keys = found.compactMap { value -> CacheKey? in
            guard let bytes = value.bytes, bytes.starts(with: prefix) else { return nil }
            return try? CacheKey(utf8: bytes.dropFirst(prefix.count))
        }
        let cursor = String(decoding: next, as: UTF8.self)
        return CachePage(keys: keys, next: cursor == "0" ? nil : CacheCursor(text: cursor))
    }
}
