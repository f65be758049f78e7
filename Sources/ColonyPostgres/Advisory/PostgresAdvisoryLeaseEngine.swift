#if Postgres
public import ColonyCore
import Synchronization

/// Leases on PostgreSQL's session-level advisory locks, which programs in other languages use as well.
///
/// ```swift
/// let lock = DistributedLock("42", on: try .postgresAdvisory("postgres://app:secret@db.example.com/app"))
/// ```
///
/// While this lock is held, `SELECT pg_advisory_lock(42)` waits in any session of the same database, and the other way round.
/// The key of a name that is a whole number as PostgreSQL prints it is that number, from −2⁶³ to 2⁶³ − 1. The key of every
/// other name is `hashtextextended(name, 0)`, so that another program may write
/// `SELECT pg_advisory_lock(hashtextextended('orders/42', 0))`. Names whose keys are equal exclude each other.
///
/// **Guarantee.** Exclusive on the network. A lock lives with its session: if the connection breaks or the server restarts, the
/// server gives the key to somebody else at once, and the holder learns of it when it next renews. So a grant outlives
/// nothing, and what is protected has to check the tokens. ``PostgresLeaseEngine`` keeps leases over both.
///
/// **Tokens** come from the sequence of the schema and rise for ever. A holder that is no engine of Colony has none: it is
/// reported as `session` and the number of its server process, with the token 0, and for the longest duration that a lease may
/// have, because its session may last that long.
///
/// **Time.** A lease that is not renewed ends by the server's clock, and this engine gives its key back then. If the
/// program is stopped, the key stays taken until it goes on or its connection ends: nobody else is let in too early. A program
/// that dies lets go at once; one whose host vanishes lets go when the server notices, which its keep-alive settings
/// (`tcp_keepalives_idle`, `tcp_user_timeout`) decide.
///
/// **Clients.** Only the engine that granted a lease can renew or release it. All leases of an engine live in one session, so it
/// uses one connection. Who waits looks ten times a second; there are no turns.
public final class PostgresAdvisoryLeaseEngine: LeaseEngine {
    /// Where the server is and how it is used; the number of connections is one.
    public let options: PostgresOptions

    private struct State {
        var isClosed = false
        /// Those that give a key back when its lease has run out, by the token of the lease.
        var endings: [FencingToken: Task<Void, Never>] = [:]
    }

    private let clock: any MonotonicClock
    private let pool: PostgresPool
    private let gate: SchemaGate
    private let statements: AdvisoryStatements
    private let state = Mutex(State())

    /// Leases must end while callers keep every thread of the global pool busy.
    private static let executor = DedicatedExecutor(named: "colony-pg-ends")

    /// - Parameters:
    ///   - clock: What the ends of leases and all time limits are counted on; the host's clock outside tests.
    ///   - generator: Spreads attempts to connect.
    public init(
        _ options: PostgresOptions, clock: any MonotonicClock = HostClock(),
        generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        var options = options
        options.connections = 1
        self.options = options
        self.clock = clock
        self.pool = PostgresPool(options, channel: "colony_advisory", clock: clock, generator: generator)
        self.gate = SchemaGate(self.pool)
        self.statements = AdvisoryStatements(schema: options.schema)
    }

    /// Makes an engine from a URL; see ``PostgresOptions/init(url:)``.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(url: EngineURL, clock: any MonotonicClock = HostClock()) throws(InvalidName) {
        self.init(try PostgresOptions(url: url), clock: clock)
    }

    deinit {
        for ending in self.state.withLock({ $0.endings.values }) { ending.cancel() }
    }

    /// Exclusive on the network; outlives nothing.
    public var guarantee: Guarantee { Guarantee(reach: .network, survival: .nothing) }

    /// Ends the engine and its session, and with it all its leases. Later calls are refused with `closed`.
    ///
    /// Closing again does nothing.
    public func close() async {
        let endings = self.state.withLock { state in
            state.isClosed = true
            defer { state.endings = [:] }
            return state.endings.values
        }
        for ending in endings { ending.cancel() }
        await self.pool.close()
    }

    private func query(
        _ statement: PostgresStatement, _ parameters: [String?]
    ) async throws(LeaseError) -> PostgresAnswer {
        do {
            try await self.gate.pass()
            return try await self.pool.query(statement, parameters)
        } catch {
            throw LeaseError(error, at: self.options.description)
        }
    }

    private func reading<Value>(_ body: () throws(PostgresFailure) -> Value) throws(LeaseError) -> Value {
        do {
            return try body()
        } catch {
            throw LeaseError(error, at: self.options.description)
        }
    }

    // MARK: The port

    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let answer: PostgresAnswer
        do {
            answer = try await self.query(
                self.statements.acquire, [name.rawValue, owner.rawValue, String(duration.clampedNanoseconds)])
        } catch {
            if error.code == .storageFailed {
                // The key was taken before the statement failed, and a session keeps it over that.
                _ = try? await self.query(self.statements.repair, [name.rawValue])
            }
            throw error
        }
        guard let row = answer.rows.first, row.count == 4 else { throw self.malformed }
        guard row[0] == "t" else {
            // Who held it a moment ago may have let go by now; then it is told as one that runs out at once.
            guard row[1] != nil else {
                return .held(LeaseHolder(owner: owner, token: FencingToken(rawValue: 0), remaining: .milliseconds(1)))
            }
            return try self.reading { () throws(PostgresFailure) in
                .held(
                    LeaseHolder(
                        owner: try LeaseRows.owner(row, 1), token: try LeaseRows.token(row, 2),
                        remaining: row[3] == nil
                            ? LeaseLimits.duration.upperBound : try LeaseRows.microseconds(row, 3)))
            }
        }
        let token = try self.reading { () throws(PostgresFailure) in try LeaseRows.token(row, 2) }
        self.endInTime(name, token, after: duration)
        return .granted(
            Lease(
                name: name, owner: owner, token: token, duration: duration,
                expiry: answer.sentAt.advanced(by: duration)))
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let answer = try await self.query(
            self.statements.renew,
            [
                lease.name.rawValue, lease.owner.rawValue, String(Int64(bitPattern: lease.token.rawValue)),
                String(duration.clampedNanoseconds),
            ])
        return answer.rows.isEmpty ? nil : PostgresLeaseEngine.extended(lease, for: duration, sentAt: answer.sentAt)
    }

    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let number = token.map { String(Int64(bitPattern: $0.rawValue)) }
        let answer = try await self.query(self.statements.release, [name.rawValue, owner.rawValue, number])
        if let token { self.state.withLock { $0.endings.removeValue(forKey: token) }?.cancel() }
        return answer.rows.first?.first == "t"
    }

    /// The present holder of the name's key; one that is no engine of Colony has the token 0.
    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answer = try await self.query(self.statements.present, [name.rawValue])
        guard let row = answer.rows.first, row.count == 7 else { throw self.malformed }
        let isForeign = row[6] == "t"
        // A lease that has run out has no record, also in the moment before its key is given back.
        guard row[0] != nil, isForeign || row[1] != "0" else { return nil }
        return try self.reading { () throws(PostgresFailure) in
            let longest = LeaseLimits.duration.upperBound
            return LeaseRecord(
                name: name, owner: try LeaseRows.owner(row, 0), token: try LeaseRows.token(row, 1),
                duration: isForeign ? longest : .nanoseconds(try LeaseRows.number(row, 3)),
                remaining: isForeign ? longest : try LeaseRows.microseconds(row, 2),
                age: isForeign ? .zero : try LeaseRows.microseconds(row, 4),
                renewals: isForeign ? 0 : UInt64(max(0, try LeaseRows.number(row, 5))))
        }
    }

    /// Looks ten times a second.
    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: limit)
        let number = String(Int64(bitPattern: token.rawValue))
        while true {
            let answer = try await self.query(self.statements.present, [name.rawValue])
            guard let row = answer.rows.first, row.count == 7 else { throw self.malformed }
            if row[0] == nil || row[1] != number { return true }
            let now = self.clock.now
            if now >= deadline { return false }
            do {
                try await self.clock.sleep(until: min(deadline, now.advanced(by: .milliseconds(100))), tolerance: nil)
            } catch {
                throw LeaseError(.cancelled, "the wait for \(name) was cancelled", cause: error)
            }
        }
    }

    private var malformed: LeaseError { LeaseError(LeaseRows.malformed, at: self.options.description) }

    // MARK: The ends of leases

    /// Has the key given back when the lease has run out. A renewal is found when that moment comes.
    private func endInTime(_ name: LeaseName, _ token: FencingToken, after duration: Duration) {
        let clock = self.clock
        let start = clock.now
        self.state.withLock { state in
            guard !state.isClosed, state.endings[token] == nil else { return }
            state.endings[token] = Task(executorPreference: Self.executor) { [weak self] in
                var moment = start.advanced(by: duration + .milliseconds(1))
                while (try? await clock.sleep(until: moment, tolerance: nil)) != nil {
                    guard let remaining = await self?.end(name, token) else { break }
                    moment = clock.now.advanced(by: remaining + .milliseconds(1))
                }
                self?.state.withLock { $0.endings[token] = nil }
            }
        }
    }

    /// - Returns: After how long to look again; `nil` if the lease is over.
    private func end(_ name: LeaseName, _ token: FencingToken) async -> Duration? {
        let number = String(Int64(bitPattern: token.rawValue))
        do {
            let answer = try await self.query(self.statements.expire, [name.rawValue, number])
            return answer.rows.first?.first.flatMap { $0.flatMap { Int64($0) } }.map { .microseconds($0) }
        } catch {
            // If it is the connection that is gone, so is the key; the next look finds out.
            return error.code == .closed ? nil : .seconds(1)
        }
    }
}

extension LeaseEngine where Self == PostgresAdvisoryLeaseEngine {
    /// Leases on the advisory locks of a PostgreSQL database.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func postgresAdvisory(_ url: String) throws(InvalidName) -> PostgresAdvisoryLeaseEngine {
        try PostgresAdvisoryLeaseEngine(url: EngineURL(url))
    }
}

extension PostgresOptions {
    /// The engine that a URL asks for with its option `mode`: `rows`, which is what it is without one, or `advisory`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func leaseEngine(at url: EngineURL) throws(InvalidName) -> any LeaseEngine {
        switch url.options["mode"] {
        case nil, "rows": try PostgresLeaseEngine(url: url)
        case "advisory": try PostgresAdvisoryLeaseEngine(url: url)
        default:
            throw InvalidName(
                role: "PostgreSQL URL", value: url.description, reason: "mode is neither rows nor advisory")
        }
    }
}
#endif
