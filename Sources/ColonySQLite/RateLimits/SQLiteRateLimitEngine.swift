public import ColonyCore
public import ColonyResilience
import Synchronization

/// Limits in an SQLite file: one count for all processes of a host, with nothing to install.
///
/// ```swift
/// let engine = SQLiteRateLimitEngine.sqlite(path: "colony.db")
/// let rule = try RateLimitRule(100, per: .seconds(1))
/// let answer = try await engine.take([RateLimitRequest("tenant/7", rule: rule)])[0]
/// ```
///
/// **Guarantee.** Processes of one host that name the same file never take more than the rule of a limit allows, whichever of them
/// crash. A decision is written and not synced: it outlives a crash of any process and an orderly restart of the host, while a loss
/// of power may take back those since the last `fsync` that another engine on the file, or a checkpoint, has made. A limit is a
/// matter of seconds, so a sync for each decision would cost a hundred times what it saves.
///
/// **Time** is the host's monotonic clock, read by the process that decides while it has the lock of writers; a step of the time of
/// day changes nothing. After a reboot that clock has started again, and how long the host was off is not known: each limit then owes
/// what it owed when it was last taken from, as if no time had passed. So a restart never gives a burst that the rule does not.
///
/// **Cost.** Requests of all tasks of a process share transactions. A refusal writes nothing. The file has a row for each limit that
/// is not full; a new one removes up to eight of those that have filled up since.
///
/// - Important: If somebody deletes the file, all limits are full.
/// - Important: The file must be on a disk of this host. A second host that opens it through a network file system takes it over; the
///   first one notices at its next operation and refuses to go on with `unavailable`.
///
/// All engines of a process that name the same file share one connection and one writer, whose limits are those of the first. Making
/// an engine does no I/O; the first call opens the file, and creates it if its directory exists.
public final class SQLiteRateLimitEngine: RateLimitAdministration {
    private let membership: StoreMembership
    private let clock: any MonotonicClock
    /// Whether all limits of the former boot of the host go on.
    private let hasThawed = Atomic<Bool>(false)

    /// Makes an engine on a file.
    ///
    /// - Parameters:
    ///   - path: The file; it is created on first use, its directory is not. A relative path is taken from the working directory of
    ///     that moment.
    ///   - configuration: The limits of the store, if this engine is the first on its file.
    ///   - clock: What permits are counted on; one that all processes on the file share.
    ///   - wall: Only dates the creation of the file, for operators.
    public convenience init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(),
        clock: any MonotonicClock = HostClock(), wall: any WallClock = SystemWallClock()
    ) {
        self.init(
            path: path, configuration: configuration, clock: clock, wall: wall, boot: .current, registry: .shared)
    }

    /// - Parameters:
    ///   - boot: Which boot of which host this is.
    ///   - registry: With whom the engine shares its store; a registry of its own makes it stand for another process.
    package init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(),
        clock: any MonotonicClock, wall: any WallClock = SystemWallClock(), boot: BootIdentity, registry: StoreRegistry
    ) {
        self.clock = clock
        self.membership = StoreMembership(
            path: path, configuration: configuration, wall: wall, boot: boot, registry: registry)
    }

    /// The file as it was named.
    public var path: String { self.membership.path }

    /// Counted on one host; survives a crash of the process.
    public var guarantee: Guarantee { Guarantee(reach: .host, survival: .processCrash) }

    /// Decides all requests in one transaction.
    ///
    /// - Throws: `ResilienceError`. After `cancelled` nothing was taken: an operation that has begun is carried through. After
    ///   `unavailable` some may have been taken, if the medium failed in between.
    /// - Complexity: At most one write that is not synced, shared with the operations that wait at the same time; O(log *n*) for each
    ///   request.
    public func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        try RateLimitLimits.check(requests)
        return try await self.write { transaction, now throws(StoreError) in
            var decisions: [RateLimitDecision] = []
            decisions.reserveCapacity(requests.count)
            for request in requests {
                decisions.append(try RateLimitTable.take(request, at: now, in: transaction))
            }
            return decisions
        }
    }

    /// Removes the row of a limit, so that it is full again.
    ///
    /// - Returns: Whether something was owed.
    /// - Throws: `ResilienceError` as ``take(_:)`` does.
    /// - Complexity: As one request of ``take(_:)``.
    @discardableResult
    public func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool {
        try await self.write { transaction, now throws(StoreError) in
            try RateLimitTable.reset(name, at: now, in: transaction)
        }
    }

    /// Limits that are not full, as they were committed last.
    ///
    /// - Complexity: O(log *n* + *m*) in the rows *m* behind the name, until the page is full.
    public func limits(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitRecord] {
        try RateLimitLimits.check(page: limit)
        let clock = self.clock
        do throws(StoreError) {
            return try await self.membership.store().read { connection throws(StoreError) in
                try RateLimitTable.records(
                    withPrefix: prefix, after: name, limit: limit, at: clock.now.nanoseconds, on: connection)
            }
        } catch {
            throw ResilienceError(error)
        }
    }

    /// Ends the engine: refuses what comes later with `closed`, finishes what is queued, and closes the file unless other engines of
    /// the process use it.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.membership.close()
    }

    /// Each statement stands for itself, so an operation needs no savepoint: what a failure leaves is what some requests took, as
    /// the port allows.
    private func write<Value: Sendable>(
        _ body: @escaping @Sendable (WriteTransaction, Int64) throws(StoreError) -> Value
    ) async throws(ResilienceError) -> Value {
        let clock = self.clock
        do throws(StoreError) {
            let hadThawed = self.hasThawed.load(ordering: .relaxed)
            let (value, hasThawed) = try await self.membership.store().write(.singleStatement, durability: .written) {
                transaction throws(StoreError) -> (Value, Bool) in
                let now = clock.now.nanoseconds
                var hasThawed = hadThawed
                if !hasThawed { hasThawed = try !RateLimitTable.thaw(at: now, in: transaction) }
                return (try body(transaction, now), hasThawed)
            }
            // Not before it is committed: what was thawed in a transaction that failed is frozen still.
            if hasThawed { self.hasThawed.store(true, ordering: .relaxed) }
            return value
        } catch {
            throw ResilienceError(error)
        }
    }

    /// The store behind the engine, opened for it if nobody has yet.
    package var storeForTesting: Store {
        get throws { try self.membership.store() }
    }
}

extension RateLimitEngine where Self == SQLiteRateLimitEngine {
    /// Limits in the SQLite file at `path`, shared with the other processes of this host.
    public static func sqlite(path: String) -> SQLiteRateLimitEngine {
        SQLiteRateLimitEngine(path: path)
    }
}
