public import ColonyCaches
public import ColonyCore
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The shared cache of a daemon, reached through its HTTP interface.
///
/// ```swift
/// let tier = try await RemoteCacheTier.connect(to: EngineURL("http://127.0.0.1:7400"))
/// try await tier.set([CacheWrite("greeting", Array("hello".utf8), timeToLive: .seconds(60))])
/// ```
///
/// Entries are what programs in other languages read with `GET /v1/cache/{key}`: the value is the body, and an entry that a
/// tier wrote has no content type of its own. Times to live are rounded up to a millisecond, and ten years are the longest.
///
/// Of many keys in one call, each is read or written in one step, the call as a whole is not: it goes out in as few requests
/// as the daemon's limits allow, one after the other, in the order of the call.
///
/// The daemon tells of changes by others, not of this tier's own (``invalidations()``), over a connection that all who
/// listen to this tier share.
///
/// - Important: After `unavailable` and `cancelled` it is not known whether the daemon acted. Nothing is sent twice.
public final class RemoteCacheTier: CacheTier {
    /// What requests the daemon takes.
    struct RequestLimits {
        var bytes = 1 << 20
        var keys = 1_000
    }

    /// What a daemon takes unless it is configured otherwise: values of a mebibyte, and 1,000 keys in a call.
    public static let defaultLimits = CacheTierLimits(valueBytes: 1 << 20, keysPerCall: 1_000)

    /// The longest time to live that a daemon takes: ten years.
    private static let longestMilliseconds: Int64 = 315_360_000_000
    /// From this size on an entry has a request of its own, in which its bytes go as they are.
    private static let plainBytes = 64 << 10

    /// Shared by all who reach the daemon; a restart of the daemon empties its cache.
    public let guarantee = Guarantee(reach: .network, survival: .nothing)

    /// What the tier takes. Where the daemon takes less, it refuses with `valueTooLarge`; ``connect(to:token:configuration:clock:)``
    /// asks the daemon, so that this never happens.
    public let limits: CacheTierLimits

    private let requestLimits: RequestLimits
    private let connection: DaemonConnection
    private let channel: InvalidationChannel
    private let writer: String
    private let isClosed = Atomic(false)

    /// Makes a tier. No connection is made before the first call.
    ///
    /// - Parameters:
    ///   - url: `http` or `https`, with one host.
    ///   - token: The bearer token, if the daemon wants one.
    ///   - limits: What the daemon takes. Values may have 0 bytes or more, and a call from 1 key on.
    ///   - configuration: Time-outs and the number of connections. A call with many keys may take the time-out once for
    ///     each request that it needs.
    ///   - clock: What pauses between attempts to listen are counted on.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, which quotes the URL without its password, or a limit.
    public convenience init(
        url: EngineURL, token: String? = nil, limits: CacheTierLimits = RemoteCacheTier.defaultLimits,
        configuration: RemoteLeaseEngine.Configuration = RemoteLeaseEngine.Configuration(),
        clock: any MonotonicClock = HostClock()
    ) throws(CacheError) {
        guard limits.valueBytes >= 0, limits.keysPerCall >= 1 else {
            throw CacheError(
                .invalidConfiguration,
                "values have 0 bytes or more and calls 1 key or more, and not \(limits.valueBytes) and \(limits.keysPerCall)"
            )
        }
        try self.init(url, token, limits, RequestLimits(), configuration, clock)
    }

    private init(
        _ url: EngineURL, _ token: String?, _ limits: CacheTierLimits, _ requestLimits: RequestLimits,
        _ configuration: RemoteLeaseEngine.Configuration, _ clock: any MonotonicClock
    ) throws(CacheError) {
        self.limits = limits
        self.requestLimits = requestLimits
        // Not the owner's text as it is: a writer has fewer characters to choose from.
        self.writer = OwnerID.unique().rawValue.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        do throws(InvalidName) {
            self.connection = try DaemonConnection(url: url, token: token, configuration: configuration)
            self.channel = InvalidationChannel(
                try DaemonConnection(
                    url: url, token: token, configuration: configuration, silence: InvalidationChannel.silence),
                writer: self.writer, clock: clock)
        } catch {
            throw CacheError(.invalidConfiguration, "\(error)")
        }
    }

    /// Makes a tier and asks the daemon what it takes.
    ///
    /// - Throws: ``CacheError``: `invalidConfiguration` for a URL that is none, `unavailable` if the daemon cannot be
    ///   reached, `refused` if it wants another token.
    /// - Complexity: One round trip.
    public static func connect(
        to url: EngineURL, token: String? = nil,
        configuration: RemoteLeaseEngine.Configuration = RemoteLeaseEngine.Configuration(),
        clock: any MonotonicClock = HostClock()
    ) async throws(CacheError) -> RemoteCacheTier {
        let asking = try RemoteCacheTier(url: url, token: token, configuration: configuration, clock: clock)
        let answer = try await asking.ask(.get, "/v1/cache")
        await asking.close()
        guard answer.status == 200 else { throw answer.cacheError }
        let document = try answer.cacheDocument(as: CacheLimitsDocument.self)
        return try RemoteCacheTier(
            url, token,
            CacheTierLimits(valueBytes: document.value_bytes, keysPerCall: RemoteCacheTier.defaultLimits.keysPerCall),
            RequestLimits(bytes: max(1, document.request_bytes), keys: max(1, document.request_keys)), configuration,
            clock)
    }

    deinit { self.channel.close() }

    // MARK: CacheTier

    /// Looks keys up: one key by `GET`, several by as few bulk requests as the daemon's limits allow.
    ///
    /// - Complexity: One round trip for up to 1,000 keys whose values have up to four mebibytes together, by the default
    ///   limits; O(*n*) in keys and bytes.
    public func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        try self.admit(keyCount: keys.count)
        if keys.count == 1 { return [try await self.look(keys[0])] }
        var found: [CachedBytes?] = []
        found.reserveCapacity(keys.count)
        while found.count < keys.count {
            let part = self.part(of: keys, from: found.count)
            // The daemon ends an answer at four mebibytes; one value more and its escapes may follow.
            let answer = try await self.ask(
                CacheGetRequest(get: part.map(\.rawValue)), answerBytes: (16 << 20) + 6 * self.limits.valueBytes)
            guard answer.status == 200 else { throw answer.cacheError }
            let entries = try answer.cacheDocument(as: CacheEntriesDocument.self).entries
            guard (1...part.count).contains(entries.count) else {
                throw answer.cacheNonsense("\(part.count) keys have \(entries.count) answers")
            }
            for document in entries {
                guard let document else {
                    found.append(nil)
                    continue
                }
                guard let entry = document.entry else { throw answer.cacheNonsense("an entry has no value, or two") }
                found.append(entry)
            }
        }
        return found
    }

    /// Stores entries, in the order of the call: large ones by `PUT`, the others in bulk.
    public func set(_ entries: [CacheWrite]) async throws(CacheError) {
        try self.admit(keyCount: entries.count)
        for entry in entries { try self.check(entry) }
        if entries.count == 1 { return try await self.put(entries[0]) }
        var waiting: [CacheSetRequest.Entry] = []
        var bytes = 0
        for entry in entries {
            let size = CacheSetRequest.bytes(of: entry)
            let isPlain = entry.value.count >= Self.plainBytes || size + 64 > self.requestLimits.bytes
            if isPlain || bytes + size + 64 > self.requestLimits.bytes || waiting.count == self.requestLimits.keys {
                try await self.send(waiting)
                waiting = []
                bytes = 0
            }
            if isPlain {
                try await self.put(entry)
            } else {
                waiting.append(CacheSetRequest.Entry(entry))
                bytes += size
            }
        }
        try await self.send(waiting)
    }

    /// Removes keys. Others are told also of those that were not there, because a copy may have outlived its entry.
    @discardableResult
    public func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int {
        try self.admit(keyCount: keys.count)
        var done = 0
        var removed = 0
        while done < keys.count {
            let part = self.part(of: keys, from: done)
            let answer = try await self.ask(CacheDeleteRequest(delete: part.map(\.rawValue)))
            guard answer.status == 200 else { throw answer.cacheError }
            removed += try answer.cacheDocument(as: CacheDeletedDocument.self).deleted.count { $0 }
            done += part.count
        }
        return removed
    }

    /// Stores an entry if its tag is the expected one, by `PUT` with `If-Match` or `If-None-Match`.
    ///
    /// - Complexity: One round trip; another one to see what is there instead.
    public func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        try self.admit(keyCount: 1)
        try self.check(entry)
        var condition = (name: "if-none-match", value: "*")
        if let version {
            guard let tag = Self.tag(version) else { return .conflict(try await self.look(entry.key)) }
            condition = ("if-match", tag)
        }
        // What was in the way may be gone when it is looked at; then the comparison is made again.
        for _ in 0..<8 {
            let answer = try await self.write(entry, if: condition)
            switch answer.status {
            case 200, 201:
                guard let tag = answer.field("etag") else {
                    throw answer.cacheNonsense("an entry that it has stored has no tag")
                }
                return .stored(CacheVersion(bytes: Array(tag.utf8)))
            case 412:
                let present = try await self.look(entry.key)
                if version == nil, present == nil { continue }
                return .conflict(present)
            default: throw answer.cacheError
            }
        }
        throw CacheError(
            .unavailable, "the entry of \(entry.key) comes and goes faster than it can be compared; nothing was stored")
    }

    /// Removes a key if its tag is the expected one, by `DELETE` with `If-Match`.
    public func compareAndDelete(
        _ key: CacheKey, expecting version: CacheVersion
    ) async throws(CacheError) -> Bool {
        try self.admit(keyCount: 1)
        guard let tag = Self.tag(version) else { return false }
        let answer = try await self.ask(
            .delete, Self.path(of: key), headers: [("if-match", tag), ("colony-writer", self.writer)])
        switch answer.status {
        case 200: return true
        case 404 where answer.code == "not_found": return false
        case 412: return false
        default: throw answer.cacheError
        }
    }

    /// Changes made by others than this tier. Expiry, and entries that the daemon gives up for room, are told to nobody.
    ///
    /// The first call opens a connection of its own, one for all that follow. If it breaks, it is made anew after a pause
    /// of up to five seconds; 45 seconds of silence count as a break.
    public func invalidations() -> CacheInvalidations? { self.channel.listen() }

    /// Ends all connections. Nothing is waited for: what is under way throws `closed` or `unavailable`.
    public func close() async {
        self.isClosed.store(true, ordering: .sequentiallyConsistent)
        self.channel.close()
        await self.connection.close()
    }

    /// How the daemon's cache does.
    ///
    /// - Complexity: One round trip.
    package func statistics() async throws(CacheError) -> CacheStatisticsDocument {
        let answer = try await self.ask(.get, "/v1/cache")
        guard answer.status == 200 else { throw answer.cacheError }
        return try answer.cacheDocument(as: CacheStatisticsDocument.self)
    }

    // MARK: Requests

    private func look(_ key: CacheKey) async throws(CacheError) -> CachedBytes? {
        let answer = try await self.ask(
            .get, Self.path(of: key), answerBytes: max(self.limits.valueBytes, Self.defaultLimits.valueBytes))
        switch answer.status {
        case 200:
            guard let tag = answer.field("etag") else {
                throw answer.cacheNonsense("an entry has no tag")
            }
            let left = answer.field("colony-ttl-ms").flatMap { Int64($0) }
            return CachedBytes(
                value: answer.bytes, version: CacheVersion(bytes: Array(tag.utf8)),
                timeToLive: left.map { .milliseconds($0) })
        case 404 where answer.code == "not_found": return nil
        default: throw answer.cacheError
        }
    }

    private func put(_ entry: CacheWrite) async throws(CacheError) {
        let answer = try await self.write(entry, if: nil)
        guard [200, 201].contains(answer.status) else { throw answer.cacheError }
    }

    private func write(
        _ entry: CacheWrite, if condition: (name: String, value: String)?
    ) async throws(CacheError) -> DaemonConnection.Answer {
        let query = entry.timeToLive.map { "?ttl_ms=\(Self.milliseconds($0))" } ?? ""
        var headers = [("colony-writer", self.writer)]
        if let condition { headers.append(condition) }
        return try await self.ask(
            .put, Self.path(of: entry.key) + query, body: Data(entry.value), headers: headers)
    }

    private func send(_ entries: [CacheSetRequest.Entry]) async throws(CacheError) {
        if entries.isEmpty { return }
        let answer = try await self.ask(CacheSetRequest(set: entries))
        guard answer.status == 200 else { throw answer.cacheError }
    }

    private func ask(
        _ document: some Encodable, answerBytes: Int = DaemonConnection.bodyLimit
    ) async throws(CacheError) -> DaemonConnection.Answer {
        let body: Data
        do {
            body = try JSONEncoder().encode(document)
        } catch {
            throw CacheError(.invalidRequest, "the request cannot be written as JSON", cause: error)
        }
        return try await self.ask(
            .post, "/v1/cache", body: body,
            headers: [("content-type", "application/json"), ("colony-writer", self.writer)], answerBytes: answerBytes)
    }

    private func ask(
        _ method: DaemonConnection.Method, _ path: String, body: Data? = nil, headers: [(String, String)] = [],
        answerBytes: Int = DaemonConnection.bodyLimit
    ) async throws(CacheError) -> DaemonConnection.Answer {
        do throws(LeaseError) {
            return try await self.connection.send(
                method, path, body: body, headers: headers, answerBytes: answerBytes)
        } catch {
            if self.isClosed.load(ordering: .sequentiallyConsistent) { throw Self.closed }
            throw CacheError(error)
        }
    }

    // MARK: Checks

    private static var closed: CacheError { CacheError(.closed, "the client of the daemon's cache was closed") }

    private func admit(keyCount: Int) throws(CacheError) {
        if self.isClosed.load(ordering: .sequentiallyConsistent) { throw Self.closed }
        guard keyCount <= self.limits.keysPerCall else {
            throw CacheError(
                .invalidRequest, "\(keyCount) keys are too many for one call: \(self.limits.keysPerCall) are the most")
        }
    }

    private func check(_ entry: CacheWrite) throws(CacheError) {
        if let timeToLive = entry.timeToLive, timeToLive <= .zero {
            throw CacheError(
                .invalidRequest, "a time to live of \(timeToLive) is not possible for \(entry.key): it is above zero")
        }
        guard entry.value.count <= self.limits.valueBytes else {
            throw CacheError(
                .valueTooLarge,
                "the value of \(entry.key) has \(entry.value.count) bytes, and \(self.limits.valueBytes) are the most")
        }
    }

    /// As many of the keys from `start` on as one request takes, and one at least.
    private func part(of keys: [CacheKey], from start: Int) -> ArraySlice<CacheKey> {
        var end = start
        var bytes = 16
        while end < keys.count, end - start < self.requestLimits.keys {
            // A key is at most twice as long when it is escaped.
            bytes += 3 + keys[end].rawValue.utf8.count * 2
            if end > start, bytes > self.requestLimits.bytes { break }
            end += 1
        }
        return keys[start..<end]
    }

    /// The entity tag that a version is, or `nil` if no daemon gave it.
    private static func tag(_ version: CacheVersion) -> String? {
        let bytes = version.bytes
        guard (2...64).contains(bytes.count), bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\""),
            bytes.dropFirst().dropLast().allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") })
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        if seconds >= Self.longestMilliseconds / 1_000 { return Self.longestMilliseconds }
        return max(1, seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    private static func path(of key: CacheKey) -> String { "/v1/cache/\(PercentEncoding.encoded(key.rawValue))" }
}

extension CacheTier where Self == RemoteCacheTier {
    /// The shared cache of a daemon, such as `.colony("http://127.0.0.1:7400")`.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, which quotes the URL without its password.
    public static func colony(_ url: String, token: String? = nil) throws(CacheError) -> RemoteCacheTier {
        let parsed: EngineURL
        do throws(InvalidName) {
            parsed = try EngineURL(url)
        } catch {
            throw CacheError(.invalidConfiguration, "\(error)")
        }
        return try RemoteCacheTier(url: parsed, token: token)
    }
}

extension DaemonConnection.Answer {
    fileprivate func cacheDocument<Document: Decodable>(as type: Document.Type) throws(CacheError) -> Document {
        do throws(LeaseError) {
            return try self.decoded(as: type)
        } catch {
            throw CacheError(error)
        }
    }

    fileprivate func cacheNonsense(_ reason: String) -> CacheError { CacheError(self.nonsense(reason)) }
}
