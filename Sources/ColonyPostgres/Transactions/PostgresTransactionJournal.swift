#if Postgres
public import ColonyCore
public import ColonyTransactions
import Synchronization

/// A journal of transactions in the tables of a PostgreSQL database: shared by the programs of a network, and as durable as its server.
///
/// ```swift
/// let coordinator = try TransactionCoordinator(
///     .postgres("postgres://app:secret@db.example.com/app"), definitions: [placeOrder])
/// ```
///
/// **Guarantee.** A decision is acknowledged when it has been committed, so it outlives a crash of the server and a loss of power, unless
/// the server was told not to care (`fsync` or `synchronous_commit` off), which is refused unless the URL accepts it with `durability=any`.
/// What a standby has not received when it is promoted is lost.
///
/// **Ownership.** Leases of coordinators end by the server's clock alone. Each decision locks the row of its transaction, so a takeover
/// comes before or after it; and one whose answer was lost and that arrives late is refused once its transaction has been read again.
///
/// **Claims.** Many may claim at once and never wait for each other: what another is at work on at that moment is passed over, and is there
/// for the next claim.
///
/// **Cost.** One round trip and one commit for each decision; a claim that finds something needs two round trips.
///
/// Sessions are needed for `LISTEN`, so a pooler in between must be in session mode. Making a journal does no I/O; the first call
/// connects, and makes the tables if they are missing.
public final class PostgresTransactionJournal: TransactionJournal {
    /// Where the server is and how it is used.
    public let options: PostgresOptions
    /// How long a transaction is kept after its end.
    public let retention: Duration

    let clock: any MonotonicClock
    let statements: TransactionStatements
    let epochs = TransactionEpochs()
    private let pool: PostgresPool
    private let gate: SchemaGate
    private let identity: String
    private let waits = TransactionWaits()
    private let isClosed = Atomic(false)

    /// Makes a journal.
    ///
    /// - Parameters:
    ///   - retention: How long a transaction is kept after its end, for who asks what became of it and for who starts it again. At least
    ///     zero. A day is longer than callers repeat. Each transaction that begins takes some away that are older.
    ///   - clock: What all time limits are counted on; the host's clock outside tests.
    ///   - generator: Names the journal among all others, and spreads attempts to connect.
    public init(
        _ options: PostgresOptions, retention: Duration = .seconds(86_400), clock: any MonotonicClock = HostClock(),
        generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        precondition(retention >= .zero, "a transaction cannot be kept for \(retention)")
        var generator = generator
        self.identity = (0..<2).map { _ in
            NameRules.hexadecimal(UInt64.random(in: .min ... .max, using: &generator), digits: 16).lowercased()
        }.joined()
        self.options = options
        self.retention = retention
        self.clock = clock
        var options = options
        // One for each transaction that a coordinator may have in flight: more wait here than in an engine of leases.
        options.waitingCalls = max(options.waitingCalls, 131_072)
        self.pool = PostgresPool(options, channel: "colony_\(self.identity)", clock: clock, generator: generator)
        self.gate = SchemaGate(self.pool, of: .transactions)
        self.statements = TransactionStatements(schema: options.schema)
        let waits = self.waits
        self.pool.onNotification(
            { [weak waits] payload in waits?.wake(payload) }, onListening: { [weak waits] in waits?.wakeAll() })
    }

    /// Makes a journal from a URL; see ``PostgresOptions/init(url:)``.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(
        url: EngineURL, retention: Duration = .seconds(86_400), clock: any MonotonicClock = HostClock()
    ) throws(InvalidName) {
        self.init(try PostgresOptions(url: url), retention: retention, clock: clock)
    }

    /// On the network; survives the loss of power, unless the options accept a server that does not.
    public var guarantee: Guarantee {
        Guarantee(reach: .network, survival: self.options.durability == .synced ? .powerLoss : .nothing)
    }

    /// Ends the journal: refuses what comes later and those who wait with `closed`, lets what is under way end, and disconnects.
    ///
    /// Closing again does nothing.
    public func close() async {
        guard !self.isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        self.waits.wakeAll()
        await self.pool.close()
    }

    // MARK: Asking

    /// Runs a statement once the tables are there.
    func query(
        _ statement: PostgresStatement, _ parameters: [String?]
    ) async throws(TransactionError) -> [[String?]] {
        if self.isClosed.load(ordering: .acquiring) {
            throw TransactionError(.closed, "the journal on \(self.options) was closed")
        }
        return try await self.reporting { () throws(PostgresFailure) in
            try await self.gate.pass()
            return try await self.pool.query(statement, parameters).rows
        }
    }

    /// Runs `body`, and tells its failures as errors of transactions.
    func reporting<Value>(
        _ body: () async throws(PostgresFailure) -> Value
    ) async throws(TransactionError) -> Value {
        do {
            return try await body()
        } catch {
            throw TransactionError(error, at: self.options.description)
        }
    }

    var malformed: TransactionError { TransactionError(LeaseRows.malformed, at: self.options.description) }

    // MARK: Waiting

    /// How long the server remembers who waits, if nothing is decided.
    private static let watchLimit: Duration = .seconds(60)
    /// How often who waits looks again in any case, for notifications that were lost.
    private static let lookInterval: Duration = .seconds(5)

    /// Waits for a notification of the next decision, and looks every five seconds in any case.
    public func waitForChange(
        of transaction: TransactionID, since entries: Int, upTo limit: Duration
    ) async throws(TransactionError) {
        guard limit > .zero else { return }
        let deadline = self.clock.now.advanced(by: limit)
        try await self.reporting { () throws(PostgresFailure) in try await self.pool.listen() }
        while true {
            let signal = OneShotSignal()
            // Before the look, so that nothing falls between.
            self.waits.add(signal, to: transaction)
            defer { self.waits.remove(signal, from: transaction) }
            let rows = try await self.query(
                self.statements.watch,
                [transaction.rawValue, self.identity, String(Self.watchLimit.clampedMilliseconds)])
            guard let text = rows.first?.first ?? nil, Int(text) == entries else { return }
            let now = self.clock.now
            if now >= deadline { return }
            do {
                _ = try await signal.wait(
                    until: min(deadline, now.advanced(by: Self.lookInterval)), on: self.clock)
            } catch {
                throw TransactionError(
                    .cancelled, "the wait for the transaction \(transaction) was cancelled", cause: error)
            }
            if self.clock.now >= deadline { return }
        }
    }
}

extension TransactionJournal where Self == PostgresTransactionJournal {
    /// A journal in a PostgreSQL database, such as `.postgres("postgres://app:secret@db.example.com/app?sslmode=verify-full")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func postgres(_ url: String) throws(InvalidName) -> PostgresTransactionJournal {
        try PostgresTransactionJournal(url: EngineURL(url))
    }
}

/// Who waits, in this process, for a transaction to change.
final class TransactionWaits: Sendable {
    private let waiters = Mutex<[String: [OneShotSignal]]>([:])

    func add(_ signal: OneShotSignal, to transaction: TransactionID) {
        self.waiters.withLock { $0[transaction.rawValue, default: []].append(signal) }
    }

    func remove(_ signal: OneShotSignal, from transaction: TransactionID) {
        self.waiters.withLock { waiters in
            waiters[transaction.rawValue]?.removeAll { $0 === signal }
            if waiters[transaction.rawValue]?.isEmpty == true { waiters[transaction.rawValue] = nil }
        }
    }

    func wake(_ transaction: String) {
        let woken = self.waiters.withLock { $0.removeValue(forKey: transaction) ?? [] }
        for signal in woken { signal.fire() }
    }

    func wakeAll() {
        let woken = self.waiters.withLock { waiters in
            defer { waiters = [:] }
            return waiters.values.flatMap { $0 }
        }
        for signal in woken { signal.fire() }
    }
}
#endif
