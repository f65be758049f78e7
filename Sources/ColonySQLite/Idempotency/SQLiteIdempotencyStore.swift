public import ColonyCore
public import ColonyResilience

/// Outcomes by key in an SQLite file: shared by the processes of a host, and as durable as its disk, with nothing to install.
///
/// ```swift
/// let store = SQLiteIdempotencyStore(path: "colony.db")
/// let payments = Idempotency<Receipt>("payments", on: store, codec: .json, try IdempotencyOptions())
/// ```
///
/// **Guarantee.** A key is taken, and an outcome stored, only when `fsync` has returned: no crash and no loss of power forgets it before
/// its time. Leases run on the monotonic clock of the host and end with its restart; an outcome is kept for its retention, and for as long
/// again after each restart of the host, because nobody knows how long it was off.
///
/// **Cost.** Requests of all tasks of a process, and those of the other engines on the same file, share commits. A new key costs two
/// durable writes, a duplicate none.
///
/// - Important: The file must be on a disk of this host.
///
/// Making a store does no I/O; the first call opens the file, and creates it if its directory exists.
public final class SQLiteIdempotencyStore: IdempotencyStore {
    private let membership: StoreMembership
    private let clock: any MonotonicClock

    /// Makes a store on a file.
    ///
    /// - Parameters:
    ///   - path: The file; it is created on first use, its directory is not. A relative path is taken from the working
    ///     directory of that moment.
    ///   - configuration: The limits of the store, if this is the first of the process on its file.
    ///   - wall: Only dates the creation of the file, for operators.
    public convenience init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(),
        wall: any WallClock = SystemWallClock()
    ) {
        self.init(
            path: path, configuration: configuration, clock: HostClock(), wall: wall, boot: .current, registry: .shared)
    }

    /// - Parameters:
    ///   - clock: What leases and retention are counted on; it must count from the boot.
    ///   - boot: Which boot of which host this is.
    ///   - registry: With whom the store shares its file; a registry of its own makes it stand for another process.
    package init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(), clock: any MonotonicClock,
        wall: any WallClock = SystemWallClock(), boot: BootIdentity, registry: StoreRegistry
    ) {
        self.clock = clock
        self.membership = StoreMembership(
            path: path, configuration: configuration, wall: wall, boot: boot, registry: registry)
    }

    /// The file as it was named.
    public var path: String { self.membership.path }

    /// Within one host; survives the loss of power.
    public var guarantee: Guarantee { Guarantee(reach: .host, survival: .powerLoss) }

    /// Takes a key in one durable transaction, or tells what is known of it.
    ///
    /// - Throws: `ResilienceError`. After `cancelled` nothing was done: an operation that has begun is carried through.
    public func begin(_ request: IdempotencyRequest) async throws(ResilienceError) -> IdempotencyAnswer {
        try request.check()
        let clock = self.clock
        return try await self.write { transaction throws(StoreError) in
            try IdempotencyTable.begin(request, at: clock.now, in: transaction)
        }
    }

    /// Stores an outcome in one durable transaction.
    ///
    /// - Throws: `ResilienceError`. After `unavailable` because the disk failed during a commit it is unknown; repeating it is safe.
    public func complete(
        _ request: IdempotencyRequest, with outcome: IdempotencyOutcome, keeping retention: Duration
    ) async throws(ResilienceError) -> Bool {
        try outcome.check(keeping: retention)
        let clock = self.clock
        return try await self.write { transaction throws(StoreError) in
            try IdempotencyTable.complete(request, with: outcome, keeping: retention, at: clock.now, in: transaction)
        }
    }

    /// Gives a key up in one durable transaction.
    @discardableResult
    public func abandon(_ request: IdempotencyRequest) async throws(ResilienceError) -> Bool {
        let clock = self.clock
        return try await self.write { transaction throws(StoreError) in
            try IdempotencyTable.abandon(request, at: clock.now, in: transaction)
        }
    }

    /// Ends the store: refuses what comes later with `closed`, finishes what is queued, and closes the file unless other
    /// engines of the process use it.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.membership.close()
    }

    private func write<Answer: Sendable>(
        _ body: @escaping @Sendable (WriteTransaction) throws(StoreError) -> Answer
    ) async throws(ResilienceError) -> Answer {
        do throws(StoreError) {
            return try await self.membership.store().write(.savepoint, body)
        } catch {
            throw ResilienceError(error)
        }
    }

    /// The file behind the store, opened for it if nobody has yet.
    package var storeForTesting: Store {
        get throws { try self.membership.store() }
    }
}
