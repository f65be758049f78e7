#if Postgres
public import ColonyCore
import Synchronization

/// Leases in the tables of a PostgreSQL database: exclusive on the network, and as durable as its server.
///
/// ```swift
/// let lock = DistributedLock("orders/42", on: try .postgres("postgres://app:secret@db.example.com/app"))
/// ```
///
/// **Guarantee.** Two programs that name the same database and schema never hold the same name at the same time. A grant is
/// told only after its transaction has been committed, so it outlives a crash of the server and a loss of power, unless the
/// server was told not to care (`fsync` or `synchronous_commit` off), which is refused unless the URL accepts it with
/// `durability=any`. Tokens come from a sequence and rise for ever. What a standby has not received when it is promoted is
/// lost, tokens included: no more than the loss of power is claimed.
///
/// **Time.** Leases end by the server's clock alone; the clocks of the clients do not matter. PostgreSQL has no clock but the
/// wall clock: if somebody sets the server's clock forward, leases end that much earlier, and holders learn of it when
/// they next renew; until then the check of their tokens at the resource keeps their writes out.
///
/// **Turns.** ``acquire(_:owner:for:upTo:)`` keeps a queue in the database. A release notifies the channel of the first in the
/// queue and nobody else. A program that dies in the queue delays those behind it by at most ``deadWaiterBound``.
///
/// **Connections.** One engine opens up to ``PostgresOptions/connections`` connections when it needs them. They are driven by
/// one thread of its own, so calls that wait cost no threads. A broken connection is replaced; the call that was under way is
/// ``LeaseError/Code/unavailable`` and may be repeated. Sessions are needed for `LISTEN`, so a pooler in between must be in
/// session mode.
///
/// Making an engine does no I/O; the first call connects, and makes the schema if it is missing.
public final class PostgresLeaseEngine: LeaseEngine {
    /// Where the server is and how it is used.
    public let options: PostgresOptions

    let clock: any MonotonicClock
    let pool: PostgresPool
    let gate: SchemaGate
    let statements: LeaseStatements
    let desk: LeaseDesk
    private let isClosed = Atomic(false)

    /// - Parameters:
    ///   - clock: What the ends of leases and all time limits are counted on; the host's clock outside tests.
    ///   - generator: Names the engine among all others, and spreads attempts to connect.
    public init(
        _ options: PostgresOptions, clock: any MonotonicClock = HostClock(),
        generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        var generator = generator
        let identity = (0..<2).map { _ in
            NameRules.hexadecimal(UInt64.random(in: .min ... .max, using: &generator), digits: 16).lowercased()
        }.joined()
        self.options = options
        self.clock = clock
        self.pool = PostgresPool(options, channel: "colony_\(identity)", clock: clock, generator: generator)
        self.gate = SchemaGate(self.pool)
        self.statements = LeaseStatements(schema: options.schema)
        self.desk = LeaseDesk(pool: self.pool, statements: self.statements, identity: identity, clock: clock)
        let desk = self.desk
        self.pool.onNotification(
            { [weak desk] payload in desk?.wasNotified(payload) }, onListening: { [weak desk] in desk?.lookAgain() })
    }

    /// Makes an engine from a URL; see ``PostgresOptions/init(url:)``.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password; also for a URL with `mode=advisory`, which asks for
    ///   ``PostgresAdvisoryLeaseEngine``.
    public convenience init(url: EngineURL, clock: any MonotonicClock = HostClock()) throws(InvalidName) {
        guard url.options["mode"] == nil || url.options["mode"] == "rows" else {
            throw InvalidName(
                role: "PostgreSQL URL", value: url.description, reason: "its mode is not that of leases in rows")
        }
        self.init(try PostgresOptions(url: url), clock: clock)
    }

    /// Exclusive on the network; survives the loss of power, unless the options accept a server that does not.
    public var guarantee: Guarantee {
        Guarantee(reach: .network, survival: self.options.durability == .synced ? .powerLoss : .nothing)
    }

    /// Ends the engine: refuses what comes later and those who wait with `closed`, lets what is under way end, and
    /// disconnects. Leases that are held stay held until they run out.
    ///
    /// Closing again does nothing.
    public func close() async {
        guard !self.isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        await self.desk.close()
        await self.pool.close()
    }

    /// Runs a statement once the schema is there.
    func query(
        _ statement: PostgresStatement, _ parameters: [String?]
    ) async throws(LeaseError) -> PostgresAnswer {
        if self.isClosed.load(ordering: .acquiring) {
            throw LeaseError(.closed, "the engine on \(self.options) was closed")
        }
        return try await self.reporting { () throws(PostgresFailure) in
            try await self.gate.pass()
            return try await self.pool.query(statement, parameters)
        }
    }

    /// Runs `body`, and tells its failures as errors of leases.
    func reporting<Value>(
        _ body: () async throws(PostgresFailure) -> Value
    ) async throws(LeaseError) -> Value {
        do {
            return try await body()
        } catch {
            throw LeaseError(error, at: self.options.description)
        }
    }
}

extension LeaseEngine where Self == PostgresLeaseEngine {
    /// Leases in a PostgreSQL database, such as `.postgres("postgres://app:secret@db.example.com/app?sslmode=verify-full")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func postgres(_ url: String) throws(InvalidName) -> PostgresLeaseEngine {
        try PostgresLeaseEngine(url: EngineURL(url))
    }
}
#endif
