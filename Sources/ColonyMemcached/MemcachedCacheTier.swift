public import ColonyCaches
public import ColonyCore

/// A cache that processes share on memcached servers, 1.6 or newer.
///
/// ```swift
/// let tier = try MemcachedCacheTier(servers: [MemcachedServer("10.0.0.5"), MemcachedServer("10.0.0.6")])
/// ```
///
/// It speaks the meta protocol over one connection to each server, which all callers share: commands of calls that are
/// made at the same time go out together, and a call with many keys is one round trip to each server that has some.
///
/// Keys are placed with Ketama, as libmemcached and many clients do, so that programs in other languages find them. The
/// key is stored as its bytes, the value as it is, and the client flags are 0.
///
/// - **A server that is down takes its keys with it.** Calls that need it throw `unavailable`; they are not sent to
///   another server, because two programs that see different servers up would then read and write different entries.
///   The next call after the server's return, and after a pause of ``MemcachedOptions/backoff`` at the most, finds it.
/// - **Keys** with a space may have 186 bytes, because they are sent as base64; all others 250.
/// - **Times to live** are counted in seconds, by the server's clock; an entry stays up to a second longer than asked
///   for. Times of 30 days and more are sent as a point in civil time, so there the server's civil clock counts, and no
///   entry stays past January 2038.
/// - **Versions** are memcached's CAS tokens. They begin again when a server is started anew, which empties it.
/// - **Late effects.** After `unavailable` and `cancelled` a command may still be carried out, and, since the
///   connection may have been given up, even after a later one.
///
/// - Important: There is neither authentication nor encryption: SASL is part of memcached's retired binary protocol,
///   and TLS is not offered. Let the servers listen where nobody else reaches them.
///
/// - SeeAlso: memcached's `doc/protocol.txt`, "Meta Commands".
public final class MemcachedCacheTier: CacheTier {
    /// Shared among all who reach the servers; gone with the process of a server.
    public var guarantee: Guarantee { Guarantee(reach: .network, survival: .nothing) }
    /// What the options say.
    public let limits: CacheTierLimits

    private let options: MemcachedOptions
    private let ring: ServerRing
    private let links: [ServerLink]

    /// Makes a tier. Nothing is connected before the first call.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(_ options: MemcachedOptions) throws(CacheError) {
        try options.check()
        self.options = options
        self.ring = try ServerRing(options.servers)
        self.limits = CacheTierLimits(
            valueBytes: options.maximumValueBytes, keysPerCall: options.maximumKeysPerCall)
        self.links = options.servers.map { ServerLink($0, options) }
    }

    /// Makes a tier with the defaults of ``MemcachedOptions``.
    ///
    /// - Throws: As ``init(_:)``.
    public convenience init(servers: [MemcachedServer]) throws(CacheError) {
        try self.init(MemcachedOptions(servers: servers))
    }

    /// Looks keys up, in one round trip to each server that has some of them.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest`, `unavailable` if one of the servers did not answer,
    ///   `overloaded`, `cancelled`, `refused`, or `closed`.
    public func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        try self.requireCount(keys.count)
        var requests = Requests(count: self.links.count)
        for (position, key) in keys.enumerated() {
            requests[self.ring.index(of: key)].get(try MetaKey(key), opaque: position)
        }
        var found = [CachedBytes?](repeating: nil, count: keys.count)
        for (server, reply) in try await self.replies(to: requests) {
            switch reply.kind {
            case .value(let value):
                guard let position = reply.opaque, found.indices.contains(position), let token = reply.casToken else {
                    throw self.unexpected(reply, from: server)
                }
                found[position] = CachedBytes(
                    value: value, version: CacheVersion(token: token),
                    timeToLive: reply.secondsLeft.map(MetaExpiry.timeLeft(seconds:)))
            case .miss: break
            default: throw self.unexpected(reply, from: server)
            }
        }
        return found
    }

    /// Stores entries, in one round trip to each server that gets some of them.
    ///
    /// - Throws: ``CacheError`` with `valueTooLarge`, `invalidRequest`, `unavailable`, `overloaded`, `cancelled`,
    ///   `refused` if a server has no memory for one of them, or `closed`. The first two are found before anything is
    ///   sent, unless the server's own limit is below ``limits``: then `valueTooLarge` comes from the server, the other
    ///   entries of the call are stored, and memcached has dropped what was there under the key. After the others any
    ///   part may be stored.
    public func set(_ entries: [CacheWrite]) async throws(CacheError) {
        try self.requireCount(entries.count)
        var requests = Requests(count: self.links.count)
        for (position, entry) in entries.enumerated() {
            let (key, expiry) = try self.checked(entry)
            requests[self.ring.index(of: entry.key)].set(key, entry.value, expiry: expiry, opaque: position)
        }
        for (server, reply) in try await self.replies(to: requests) where reply.kind != .done {
            throw self.unexpected(reply, from: server)
        }
    }

    /// Removes keys, in one round trip to each server that has some of them.
    ///
    /// - Throws: ``CacheError`` as ``get(_:)``.
    @discardableResult
    public func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int {
        try self.requireCount(keys.count)
        var requests = Requests(count: self.links.count)
        for (position, key) in keys.enumerated() {
            requests[self.ring.index(of: key)].delete(try MetaKey(key), opaque: position)
        }
        var count = 0
        for (server, reply) in try await self.replies(to: requests) {
            switch reply.kind {
            case .done: count += 1
            case .notFound: break
            default: throw self.unexpected(reply, from: server)
            }
        }
        return count
    }

    /// Stores an entry if what is there now has the given version.
    ///
    /// The comparison and the storing are one step of the server. What a conflict reports is read after it, in a second
    /// round trip, and may be newer than what the comparison met.
    ///
    /// - Throws: ``CacheError`` as ``set(_:)``; `invalidRequest` also for a version that is not memcached's, and
    ///   `refused` if the server keeps no CAS tokens (`-C`).
    public func compareAndSet(
        _ entry: CacheWrite, expecting version: CacheVersion?
    ) async throws(CacheError) -> CompareAndSet {
        let (key, expiry) = try self.checked(entry)
        let mode: MetaRequest.StoreMode = if let version { .compare(try version.token()) } else { .add }
        let server = self.ring.index(of: entry.key)
        var requests = Requests(count: self.links.count)
        requests[server].set(key, entry.value, expiry: expiry, mode: mode, opaque: 0)
        let reply = try await self.onlyReply(to: requests)
        switch reply.kind {
        case .done:
            guard let token = reply.casToken, token != 0 else {
                throw CacheError(
                    .refused, "memcached at \(self.links[server].server) keeps no versions (it was started with -C)")
            }
            return .stored(CacheVersion(token: token))
        case .notFound: return .conflict(nil)
        case .exists, .notStored: return .conflict(try await self.get([entry.key])[0])
        default: throw self.unexpected(reply, from: server)
        }
    }

    /// Removes a key if what is there now has the given version, in one step of the server.
    ///
    /// - Throws: ``CacheError`` as ``get(_:)``; `invalidRequest` also for a version that is not memcached's.
    public func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        let server = self.ring.index(of: key)
        var requests = Requests(count: self.links.count)
        requests[server].delete(try MetaKey(key), ifVersion: try version.token(), opaque: 0)
        let reply = try await self.onlyReply(to: requests)
        switch reply.kind {
        case .done: return true
        case .notFound, .exists: return false
        default: throw self.unexpected(reply, from: server)
        }
    }

    /// `nil`: memcached tells nobody what has changed.
    public func invalidations() -> CacheInvalidations? { nil }

    /// Ends all connections. Calls that wait, and those that come later, fail with `closed`.
    public func close() async {
        for link in self.links { await link.close() }
    }
}

extension MemcachedCacheTier {
    /// The commands of one call, for each server.
    private struct Requests {
        private(set) var requests: [MetaRequest]

        init(count: Int) {
            self.requests = Array(repeating: MetaRequest(), count: count)
        }

        subscript(server: Int) -> MetaRequest {
            get { self.requests[server] }
            set { self.requests[server] = newValue }
        }
    }

    /// Sends everything at once, and waits for all servers.
    ///
    /// - Returns: Every answer but those to the fences, with the position of its server.
    private func replies(to requests: Requests) async throws(CacheError) -> [(server: Int, reply: MetaReply)] {
        if Task.isCancelled { throw CacheError(.cancelled, "the calling task was cancelled before anything was sent") }
        var calls: [(server: Int, call: PendingCall)] = []
        for (server, request) in requests.requests.enumerated() where !request.bytes.isEmpty {
            let call = PendingCall(request)
            calls.append((server, call))
            self.links[server].submit(call)
        }
        var replies: [(server: Int, reply: MetaReply)] = []
        var failure: CacheError?
        // All are waited for, also after a failure: each ends within the request timeout.
        for (server, call) in calls {
            do throws(CacheError) {
                for reply in try await call.replies() { replies.append((server, reply)) }
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return replies
    }

    private func onlyReply(to requests: Requests) async throws(CacheError) -> MetaReply {
        let replies = try await self.replies(to: requests)
        guard replies.count == 1 else {
            throw CacheError(.unavailable, "memcached gave \(replies.count) answers to one command")
        }
        return replies[0].reply
    }

    private func requireCount(_ count: Int) throws(CacheError) {
        guard count <= self.limits.keysPerCall else {
            throw CacheError(
                .invalidRequest, "\(count) keys are more than the \(self.limits.keysPerCall) of one call")
        }
    }

    private func checked(_ entry: CacheWrite) throws(CacheError) -> (key: MetaKey, expiry: Int64) {
        guard entry.value.count <= self.limits.valueBytes else {
            throw CacheError(
                .valueTooLarge,
                """
                the value of "\(entry.key)" has \(entry.value.count) bytes, and \(self.limits.valueBytes) are the most
                """)
        }
        return (
            try MetaKey(entry.key),
            try MetaExpiry.token(for: entry.timeToLive, key: entry.key, at: self.options.wallClock.now)
        )
    }

    /// What an answer means that is not one of the expected.
    private func unexpected(_ reply: MetaReply, from server: Int) -> CacheError {
        let place = self.links[server].server
        switch reply.kind {
        case .serverError(let text) where text.contains("too large"):
            return CacheError(.valueTooLarge, "memcached at \(place) answered \"SERVER_ERROR \(text)\"")
        case .serverError(let text):
            return CacheError(.refused, "memcached at \(place) answered \"SERVER_ERROR \(text)\"")
        case .clientError(let text):
            return CacheError(.refused, "memcached at \(place) answered \"CLIENT_ERROR \(text)\"")
        default:
            return CacheError(.unavailable, "memcached at \(place) gave an answer that does not fit: \(reply)")
        }
    }
}

extension CacheVersion {
    /// A CAS token as eight bytes, the most significant one first.
    fileprivate init(token: UInt64) {
        self.init(bytes: withUnsafeBytes(of: token.bigEndian) { Array($0) })
    }

    /// - Throws: ``CacheError`` with `invalidRequest` if this is no token. 0 is none: memcached takes it for
    ///   "whatever is there".
    fileprivate func token() throws(CacheError) -> UInt64 {
        let token = self.bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard self.bytes.count == 8, token != 0 else {
            throw CacheError(.invalidRequest, "\(self.bytes) is not a version that memcached gave")
        }
        return token
    }
}
