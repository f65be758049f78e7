public import ColonyCaches
public import ColonyCore
import ColonyRESP

/// A shared cache on a Redis server, or on a Redis Cluster.
///
/// ```swift
/// let tier = try RedisCacheTier(url: "redis://127.0.0.1:6379/0?prefix=shop:")
/// try await tier.set([CacheWrite("greeting", Array("hello".utf8), timeToLive: .seconds(60))])
/// ```
///
/// Values are the plain bytes of Redis strings, so other programs can read and write them. Commands of all callers share a
/// connection and go out together. A look-up of many keys is one write and one wait, whatever servers they are on; it is no
/// snapshot, and a call that writes many entries is not atomic as a whole.
///
/// Redis 6.0 or later is needed, for version 3 of the protocol.
///
/// - Important: After `unavailable` and `cancelled` it is not known whether the server acted. Commands that change
///   something are sent again only when it is certain that no server has seen them.
/// - SeeAlso: docs/caches-redis.md
public final class RedisCacheTier: CacheTier {
    let router: RedisRouter
    private let invalidationHub: InvalidationHub
    private let options: RedisCacheTierOptions

    /// Entries are shared with whoever reaches the server, and nothing is promised of what outlives it: how far Redis
    /// writes to its disk and to replicas is a matter of its configuration, and a failover may lose what was acknowledged.
    public let guarantee = Guarantee(reach: .network, survival: .nothing)

    /// What the options say.
    public let limits: CacheTierLimits

    /// Makes a tier. No connection is made before the first call.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value that cannot be.
    public init(_ options: RedisCacheTierOptions) throws(CacheError) {
        if let defect = options.defect { throw CacheError(.invalidConfiguration, "Redis cannot be used: \(defect)") }
        self.options = options
        self.limits = CacheTierLimits(valueBytes: options.valueBytes, keysPerCall: options.keysPerCall)
        self.invalidationHub = InvalidationHub()
        let listener =
            options.tracking == .off
            ? nil : InvalidationListener(options.tracking, prefix: options.keyPrefix, hub: self.invalidationHub)
        self.router = RedisRouter(
            RedisLinkSettings(options.connection, prefix: options.keyPrefix, listener: listener))
    }

    /// Makes a tier from a URL; see ``RedisCacheTierOptions/init(url:generator:)``.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, which never shows the password.
    public convenience init(url: String) throws(CacheError) {
        try self.init(RedisCacheTierOptions(url: url))
    }

    /// Looks keys up: one command for each key, all in one round trip (one for each server of a cluster, at the same time).
    ///
    /// - Complexity: O(*n*) in keys and bytes; a value above 40 bytes is digested for its version.
    public func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        try self.checkCount(keys.count)
        if keys.isEmpty { return [] }
        if self.options.connection.isCluster || self.options.readsTimeToLive {
            return try await self.getByCommands(keys)
        }
        // The plainest case is the most frequent one, and has a way without intermediate arrays.
        let prefix = self.router.settings.prefix
        do throws(RedisFailure) {
            let call = try await self.router.call(keys.count, until: self.router.deadline()) { bytes in
                for key in keys { RedisCommand.writeGet(key, prefix, to: &bytes) }
            }
            if keys.count == 1 { return [try Self.entry(call.single())] }
            var result: [CachedBytes?] = []
            result.reserveCapacity(keys.count)
            for answer in try call.answers() { result.append(try Self.entry(answer)) }
            return result
        } catch {
            throw CacheError(error)
        }
    }

    private func getByCommands(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        let asksTime = self.options.readsTimeToLive
        let commands = keys.flatMap { asksTime ? [RedisCommand.get($0), .timeToLive($0)] : [.get($0)] }
        let answers = try await self.execute(commands)
        var result: [CachedBytes?] = []
        result.reserveCapacity(keys.count)
        let step = asksTime ? 2 : 1
        do throws(RedisFailure) {
            for index in stride(from: 0, to: answers.count, by: step) {
                var entry = try Self.entry(answers[index])
                // Between the two commands an entry may end; the answer is then negative.
                if asksTime, let milliseconds = answers[index + 1].integer, milliseconds >= 0 {
                    entry?.timeToLive = .milliseconds(milliseconds)
                }
                result.append(entry)
            }
        } catch {
            throw CacheError(error)
        }
        return result
    }

    /// Stores entries with one `SET` each, in one round trip. A time to live is rounded up to a millisecond.
    public func set(_ entries: [CacheWrite]) async throws(CacheError) {
        try self.checkCount(entries.count)
        for entry in entries { try self.check(entry) }
        if entries.isEmpty { return }
        for answer in try await self.execute(entries.map(RedisCommand.set)) { try Self.check(answer) }
    }

    /// Removes keys with one `UNLINK` each, in one round trip: the server frees large values in the background.
    @discardableResult
    public func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int {
        try self.checkCount(keys.count)
        if keys.isEmpty { return 0 }
        var removed = 0
        for answer in try await self.execute(keys.map(RedisCommand.delete)) {
            try Self.check(answer)
            removed += Int(answer.integer ?? 0)
        }
        return removed
    }

    /// Stores an entry if the version matches, by a script that Redis runs in one step.
    ///
    /// - Complexity: One round trip; two when the server has not met the script.
    public func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try self.check(entry)
        let time = entry.timeToLive.map { Array(RedisCommand.milliseconds($0).utf8) } ?? []
        let answer = try await self.run(.compareAndSet, entry.key, [try self.argument(version), entry.value, time])
        return try Self.outcome(answer, of: entry)
    }

    /// Removes a key if the version matches, by a script that Redis runs in one step.
    ///
    /// - Complexity: One round trip; two when the server has not met the script.
    public func compareAndDelete(
        _ key: CacheKey, expecting version: CacheVersion
    ) async throws(CacheError) -> Bool {
        let answer = try await self.run(.compareAndDelete, key, [try self.argument(version)])
        guard let removed = answer.integer else { throw Self.unexpected(answer) }
        return removed == 1
    }

    /// All keys under the prefix, or those that were read through this tier, as ``RedisCacheTierOptions/Tracking`` says.
    public var invalidationScope: InvalidationScope {
        self.options.tracking == .keysRead ? .keysRead : .allKeys
    }

    /// Changes made through other connections, as the server pushes them; `nil` if tracking is off.
    ///
    /// What this tier writes itself is not reported, as far as it went through the connection that listens. A flush of the
    /// server is reported as ``CacheInvalidation/all``. Each connection that begins to listen yields a gap, so in a cluster
    /// there are several.
    public func invalidations() -> CacheInvalidations? {
        if self.options.tracking == .off { return nil }
        let stream = self.invalidationHub.listen()
        self.router.startListening()
        return stream
    }

    /// Ends all connections. Nothing is waited for: what is under way throws `closed`.
    public func close() async {
        self.invalidationHub.close()
        await self.router.close()
    }
}
