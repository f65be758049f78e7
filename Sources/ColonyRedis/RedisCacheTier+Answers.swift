import ColonyCaches
import ColonyCore
import ColonyRESP

extension RedisCacheTier {
    // MARK: What is asked

    func checkCount(_ count: Int) throws(CacheError) {
        if count > self.limits.keysPerCall {
            throw CacheError(.invalidRequest, "\(count) keys in a call are more than \(self.limits.keysPerCall)")
        }
    }

    func check(_ entry: CacheWrite) throws(CacheError) {
        if entry.value.count > self.limits.valueBytes {
            throw CacheError(
                .valueTooLarge,
                "the value of \(entry.key) has \(entry.value.count) bytes, and \(self.limits.valueBytes) are the most")
        }
        if let timeToLive = entry.timeToLive, timeToLive <= .zero {
            throw CacheError(.invalidRequest, "the time to live of \(entry.key), \(timeToLive), is not above zero")
        }
    }

    /// A version as scripts take it; nothing stands for none.
    func argument(_ version: CacheVersion?) throws(CacheError) -> [UInt8] {
        guard let version else { return [] }
        let first = version.bytes.first
        guard version.bytes.count <= 64, first == UInt8(ascii: "=") || first == UInt8(ascii: "#") else {
            throw CacheError(.invalidRequest, "a version of \(version.bytes.count) bytes is not from this store")
        }
        return version.bytes
    }

    /// Runs a script by its digest, and in full if the server has not met it.
    func run(_ script: RedisScript, _ key: CacheKey, _ arguments: [[UInt8]]) async throws(CacheError) -> RESPValue {
        var answer = try await self.execute([.script(script, key, arguments, inFull: false)])[0]
        if answer.errorText?.hasPrefix("NOSCRIPT") == true {
            answer = try await self.execute([.script(script, key, arguments, inFull: true)])[0]
        }
        try Self.check(answer)
        return answer
    }

    func execute(_ commands: [RedisCommand]) async throws(CacheError) -> [RESPValue] {
        do throws(RedisFailure) {
            return try await self.router.execute(commands)
        } catch {
            throw CacheError(error)
        }
    }

    // MARK: What is answered

    /// An entry from the answer to `GET`.
    @inline(__always)
    static func entry(_ answer: RESPValue) throws(RedisFailure) -> CachedBytes? {
        if case .bulkString(let value) = answer {
            return CachedBytes(value: value, version: EntryVersion.of(value), timeToLive: nil)
        }
        if answer.isNull { return nil }
        if let text = answer.errorText { throw RedisReply.failure(text) }
        throw Self.unexpectedAnswer(answer)
    }

    static func check(_ answer: RESPValue) throws(CacheError) {
        if let text = answer.errorText { throw CacheError(RedisReply.failure(text)) }
    }

    static func unexpected(_ answer: RESPValue) -> CacheError { CacheError(Self.unexpectedAnswer(answer)) }

    private static func unexpectedAnswer(_ answer: RESPValue) -> RedisFailure {
        RedisFailure(.unavailable, "the server answered with something else than was asked for: \(answer)")
    }
}
