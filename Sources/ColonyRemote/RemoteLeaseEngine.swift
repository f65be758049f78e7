public import ColonyCore

/// The locks, permits, and records of a daemon, reached through its HTTP interface.
///
/// ```swift
/// let lock = DistributedLock("orders/42", on: try .colony("http://127.0.0.1:7400"))
/// ```
///
/// The daemon decides; this engine carries questions and answers. It never renews by itself and keeps no state but open
/// connections, so any number of engines may talk to one daemon. A broken connection, a time-out, and a daemon that is
/// starting or shutting down are ``LeaseError/Code/unavailable``: it is unknown whether the daemon acted.
///
/// Of permits and records it has what the daemon's store has: over a store of leases alone they are
/// ``LeaseError/Code/unsupported``.
///
/// Cancelling a wait closes its connection, by which the daemon learns at once that nobody waits there any more.
public final class RemoteLeaseEngine: LeaseEngine {
    /// How the engine talks to the daemon.
    public struct Configuration: Sendable {
        /// How long an answer may take beyond the wait that was asked for.
        ///
        /// Five seconds outlast a slow disk under the daemon and leave a lease of 30 seconds time for a second attempt.
        public var requestTimeout: Duration
        /// How long making a connection may take. Two seconds are more than any network that is worth locking over needs.
        public var connectTimeout: Duration
        /// The most connections at once; a wait occupies one. Calls beyond it wait for a free one, within their time-out.
        public var connectionLimit: Int

        /// Sets the limits; the defaults are meant for a daemon in the same data centre.
        ///
        /// - Parameters:
        ///   - requestTimeout: Greater than zero.
        ///   - connectTimeout: Greater than zero.
        ///   - connectionLimit: At least 1.
        public init(
            requestTimeout: Duration = .seconds(5), connectTimeout: Duration = .seconds(2), connectionLimit: Int = 256
        ) {
            precondition(requestTimeout > .zero, "an answer needs some time, not \(requestTimeout)")
            precondition(connectTimeout > .zero, "a connection needs some time, not \(connectTimeout)")
            precondition(connectionLimit > 0, "at least one connection is needed, not \(connectionLimit)")
            self.requestTimeout = requestTimeout
            self.connectTimeout = connectTimeout
            self.connectionLimit = connectionLimit
        }
    }

    /// What a grant is worth: exclusive on the network, and nothing more unless the daemon has been asked what its store
    /// gives; see ``connect(to:token:configuration:clock:)``.
    public let guarantee: Guarantee

    let clock: any MonotonicClock
    let connection: DaemonConnection

    /// Makes the engine. Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - url: `http` or `https`, with one host.
    ///   - token: The bearer token, if the daemon wants one.
    ///   - configuration: Time-outs and limits.
    ///   - clock: What the ends of leases are counted on: the clock of the keeper that renews them.
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(
        url: EngineURL, token: String? = nil, configuration: Configuration = Configuration(),
        clock: any MonotonicClock = HostClock()
    ) throws(InvalidName) {
        self.init(
            connection: try DaemonConnection(url: url, token: token, configuration: configuration), clock: clock,
            guarantee: Guarantee(reach: .network, survival: .nothing))
    }

    private init(connection: DaemonConnection, clock: any MonotonicClock, guarantee: Guarantee) {
        self.connection = connection
        self.clock = clock
        self.guarantee = guarantee
    }

    /// Makes the engine and asks the daemon what its store guarantees.
    ///
    /// - Throws: `LeaseError`: `invalidRequest` for a URL that is none, `unavailable` if the daemon cannot be reached.
    /// - Complexity: One round trip.
    public static func connect(
        to url: EngineURL, token: String? = nil, configuration: Configuration = Configuration(),
        clock: any MonotonicClock = HostClock()
    ) async throws(LeaseError) -> RemoteLeaseEngine {
        let connection: DaemonConnection
        do {
            connection = try DaemonConnection(url: url, token: token, configuration: configuration)
        } catch {
            throw LeaseError(.invalidRequest, "\(error)")
        }
        let server = try await connection.get("/v1/server", as: ServerDocument.self)
        return RemoteLeaseEngine(connection: connection, clock: clock, guarantee: server.guarantee.value)
    }

    // MARK: LeaseEngine

    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        return try await self.ask(name, owner: owner, for: duration, waiting: nil)
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let sentAt = self.clock.now
        let answer = try await self.connection.post(
            "\(Self.path(of: lease.name))/renew",
            RenewRequest(owner: lease.owner, token: lease.token, duration: duration))
        switch answer.status {
        case 200: return try answer.decoded(as: GrantDocument.self).lease(lease.name, lease.owner, sentAt: sentAt)
        case 409: return nil
        default: throw answer.error
        }
    }

    @discardableResult
    public func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        let answer = try await self.connection.post(
            "\(Self.path(of: name))/release", ReleaseRequest(owner: owner, token: token))
        switch answer.status {
        case 200: return true
        case 409: return false
        default: throw answer.error
        }
    }

    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answer = try await self.connection.send(.get, Self.path(of: name))
        switch answer.status {
        case 200: return try answer.decoded(as: LockDocument.self).record()
        case 404 where answer.code == "not_found": return nil
        default: throw answer.error
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let wait = min(limit, Self.longestWait)
        guard wait > .zero else { return try await self.inspect(name)?.token != token }
        let answer = try await self.connection.send(
            .get, "\(Self.path(of: name))?wait_ms=\(max(1, wait.clampedMilliseconds))&token=\(token)", waiting: wait)
        switch answer.status {
        case 200:
            let isChanged = try answer.decoded(as: ChangeDocument.self).changed
            // A wait that was cut to what the daemon takes ends early, after which the caller looks again.
            return isChanged || wait < limit
        case 404 where answer.code == "not_found": return true
        default: throw answer.error
        }
    }
}

// MARK: Asking for a lease

extension RemoteLeaseEngine {
    /// The longest wait that is asked for in one request; longer ones are asked for again.
    static let longestWait: Duration = .seconds(60)

    static func path(of name: LeaseName) -> String { "/v1/locks/\(PercentEncoding.encoded(name.rawValue))" }

    /// - Parameter wait: How long to stand in the daemon's queue; `nil` to pass it by.
    func ask(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, waiting wait: Duration?
    ) async throws(LeaseError) -> Acquisition {
        let sentAt = self.clock.now
        let answer = try await self.connection.post(
            "\(Self.path(of: name))/acquire", AcquireRequest(owner: owner, duration: duration, wait: wait),
            waiting: wait ?? .zero)
        switch answer.status {
        case 200:
            return .granted(try answer.decoded(as: GrantDocument.self).lease(name, owner, sentAt: sentAt))
        case 409 where answer.code == "held":
            return .held(try answer.decoded(as: HeldDocument.self).value())
        default:
            throw answer.error
        }
    }
}

extension LeaseEngine where Self == RemoteLeaseEngine {
    /// The locks of a daemon, such as `.colony("http://127.0.0.1:7400")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func colony(_ url: String, token: String? = nil) throws(InvalidName) -> RemoteLeaseEngine {
        try RemoteLeaseEngine(url: EngineURL(url), token: token)
    }
}
