public import ColonyCore
public import ColonyTransactions

/// A journal of transactions in an SQLite file: shared by the processes of a host, and as durable as its disk, with nothing to install.
///
/// ```swift
/// let coordinator = try TransactionCoordinator(.sqlite(path: "colony.db"), definitions: [placeOrder])
/// ```
///
/// **Guarantee.** A decision is acknowledged when `fsync` has returned: no crash and no loss of power forgets it. Leases of coordinators
/// run on the monotonic clock of the host and end with its restart.
///
/// **Cost.** Decisions of all transactions of a process, and the work of the other engines on the same file, share commits. A transaction
/// writes one row when it begins, one for each later decision, and its first one again at its end.
///
/// - Important: The file must be on a disk of this host.
///
/// Making a journal does no I/O; the first call opens the file, and creates it if its directory exists.
public final class SQLiteTransactionJournal: TransactionJournal {
    private let membership: StoreMembership
    private let clock: any MonotonicClock
    /// How long a transaction is kept after its end.
    public let retention: Duration

    /// Makes a journal on a file.
    ///
    /// - Parameters:
    ///   - path: The file; it is created on first use, its directory is not. A relative path is taken from the working
    ///     directory of that moment.
    ///   - retention: How long a transaction is kept after its end, for who asks what became of it and for who starts it again. At least
    ///     zero. A day is longer than callers repeat.
    ///   - configuration: The limits of the store, if this is the first of the process on its file.
    ///   - wall: Only dates the creation of the file, for operators.
    public convenience init(
        path: String, retention: Duration = .seconds(86_400),
        configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(), wall: any WallClock = SystemWallClock()
    ) {
        self.init(
            path: path, retention: retention, configuration: configuration, clock: HostClock(), wall: wall,
            boot: .current, registry: .shared)
    }

    /// - Parameters:
    ///   - clock: What leases and retention are counted on; it must count from the boot.
    ///   - boot: Which boot of which host this is.
    ///   - registry: With whom the store shares its file; a registry of its own makes it stand for another process.
    package init(
        path: String, retention: Duration = .seconds(86_400),
        configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(), clock: any MonotonicClock,
        wall: any WallClock = SystemWallClock(), boot: BootIdentity, registry: StoreRegistry
    ) {
        precondition(retention >= .zero, "a transaction cannot be kept for \(retention)")
        self.retention = retention
        self.clock = clock
        self.membership = StoreMembership(
            path: path, configuration: configuration, wall: wall, boot: boot, registry: registry)
    }

    /// The file as it was named.
    public var path: String { self.membership.path }

    /// Within one host; survives the loss of power.
    public var guarantee: Guarantee { Guarantee(reach: .host, survival: .powerLoss) }

    /// Enlists a coordinator in one durable transaction.
    public func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        try TransactionRequests.check(lease: lease)
        let clock = self.clock
        return try await self.write(.savepoint) { transaction throws(StoreError) in
            let now = clock.now
            return try TransactionTable.enlist(owner, until: now.advanced(by: lease), at: now, in: transaction)
        }
    }

    /// Keeps a coordinator enlisted. It need not outlive the host, so it waits for no sync.
    public func renew(
        _ coordinator: FencingToken, for lease: Duration
    ) async throws(TransactionError) -> [TransactionID]? {
        if lease != .zero { try TransactionRequests.check(lease: lease) }
        let clock = self.clock
        return try await self.write(.savepoint, durability: .written) { transaction throws(StoreError) in
            try TransactionTable.renew(coordinator, for: lease, at: clock.now, in: transaction)
        }
    }

    /// Stores a transaction in one durable transaction, or reads the one that is there.
    public func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        try TransactionRequests.check(transaction)
        let (clock, retention) = (self.clock, self.retention)
        enum Begun { case stored, present, notEnlisted }
        let begun = try await self.write(.wholeBatch) { write throws(StoreError) -> Begun in
            let now = clock.now
            // Looked up first: what is there is found also by one that is not enlisted any more.
            if try TransactionTable.standing(transaction.id, on: write.connection) != nil { return .present }
            guard try TransactionTable.isEnlisted(coordinator, at: now, on: write.connection) else {
                return .notEnlisted
            }
            let isStored = try TransactionTable.begin(
                transaction, by: coordinator, keeping: retention, at: now, in: write)
            return isStored ? .stored : .present
        }
        switch begun {
        case .stored: return .begun
        case .notEnlisted: throw TransactionRequests.notEnlisted(coordinator)
        case .present:
            guard let record = try await self.read(transaction.id) else {
                throw TransactionError(
                    .unavailable, "the transaction \(transaction.id) was there, and its time of retention has ended")
            }
            return .exists(record)
        }
    }

    /// Adds decisions in one transaction, if the coordinator still has it.
    public func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        try TransactionRequests.check(entries)
        let holder = Int64(clamping: coordinator.rawValue)
        return try await self.change(transaction, to: state, adding: entries, durability) { standing, _ in
            standing.holder == holder && standing.state < 2
        }
    }

    private func change(
        _ transaction: TransactionID, to state: TransactionState, adding entries: [JournalEntry],
        _ durability: Durability, _ isolation: WriteIsolation = .wholeBatch,
        if isAllowed:
            @escaping @Sendable (TransactionTable.Standing, Connection) throws(StoreError) -> Bool
    ) async throws(TransactionError) -> Bool {
        let clock = self.clock
        let news = Self.news(of: try self.opened())
        return try await self.write(isolation, durability: durability) { write throws(StoreError) in
            guard let standing = try TransactionTable.standing(transaction, on: write.connection),
                try isAllowed(standing, write.connection)
            else { return false }
            try TransactionTable.add(entries, to: standing, state: state, at: clock.now, in: write)
            write.ring()
            write.afterCommit { news.announce(transaction) }
            return true
        }
    }

    /// Gives what belongs to nobody to the coordinator, in one durable transaction.
    public func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        try TransactionRequests.check(batch: limit)
        let clock = self.clock
        let outcome = try await self.write(.savepoint) { write throws(StoreError) -> ClaimOutcome? in
            let now = clock.now
            guard try TransactionTable.isEnlisted(coordinator, at: now, on: write.connection) else { return nil }
            return try TransactionTable.claim(upTo: limit, of: definitions, by: coordinator, at: now, in: write)
        }
        guard let outcome else { throw TransactionRequests.notEnlisted(coordinator) }
        return outcome
    }

    /// What is known of a transaction.
    public func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        try await self.read { connection throws(StoreError) in
            try TransactionTable.record(transaction, on: connection)
        }
    }

    /// Waits for a commit, of this process or another, that may have changed a transaction.
    public func waitForChange(
        of transaction: TransactionID, since entries: Int, upTo limit: Duration
    ) async throws(TransactionError) {
        let news = Self.news(of: try self.opened())
        let signal = OneShotSignal()
        // Before the look, so that nothing falls between.
        news.add(signal, to: transaction)
        defer { news.remove(signal, from: transaction) }
        guard let record = try await self.read(transaction), record.entries.count == entries, limit > .zero else {
            return
        }
        do {
            _ = try await signal.wait(until: self.clock.now.advanced(by: limit), on: self.clock)
        } catch {
            throw TransactionError(
                .cancelled, "the wait for the transaction \(transaction) was cancelled", cause: error)
        }
    }

    /// Ends the journal: refuses what comes later with `closed`, finishes what is queued, and closes the file unless other
    /// engines of the process use it.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.membership.close()
    }
}

extension SQLiteTransactionJournal: TransactionAdministration {
    /// What there is, in the order in which an operator wants to see it.
    public func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?
    ) async throws(TransactionError) -> [TransactionSummary] {
        try TransactionRequests.check(batch: limit)
        return try await self.read { connection throws(StoreError) in
            try TransactionTable.list(states, limit: limit, after: last, on: connection)
        }
    }

    /// How many there are in each state.
    public func counts() async throws(TransactionError) -> [TransactionState: Int] {
        try await self.read { connection throws(StoreError) in try TransactionTable.counts(on: connection) }
    }

    /// Notes that a transaction is to turn back.
    public func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool {
        try await self.write(.singleStatement) { write throws(StoreError) in
            try TransactionTable.cancel(transaction, in: write)
        }
    }

    /// Writes down what a person has decided, in one durable transaction.
    public func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool {
        try TransactionRequests.check(entries)
        return try await self.change(transaction, to: state, adding: entries, .synced, .savepoint) {
            standing, connection throws(StoreError) in
            guard standing.state == TransactionStateCode.code(.stuck) else { return false }
            return try TransactionTable.record(transaction, on: connection)?.entries.count == count
        }
    }
}

// MARK: - The store

extension SQLiteTransactionJournal {
    private static func news(of store: Store) -> TransactionNews {
        store.companion(TransactionNews.self) { TransactionNews(store: store) }
    }

    private func opened() throws(TransactionError) -> Store {
        do throws(StoreError) {
            return try self.membership.store()
        } catch {
            throw TransactionError(error)
        }
    }

    private func write<Answer: Sendable>(
        _ isolation: WriteIsolation, durability: Durability = .synced,
        _ body: @escaping @Sendable (WriteTransaction) throws(StoreError) -> Answer
    ) async throws(TransactionError) -> Answer {
        let store = try self.opened()
        do throws(StoreError) {
            return try await store.write(isolation, durability: durability, body)
        } catch {
            throw TransactionError(error)
        }
    }

    private func read<Answer: Sendable>(
        _ body: @escaping @Sendable (Connection) throws(StoreError) -> Answer
    ) async throws(TransactionError) -> Answer {
        let store = try self.opened()
        do throws(StoreError) {
            return try await store.read(body)
        } catch {
            throw TransactionError(error)
        }
    }
}

extension TransactionJournal where Self == SQLiteTransactionJournal {
    /// A journal in the SQLite file at `path`, shared with the other processes of this host.
    public static func sqlite(path: String) -> SQLiteTransactionJournal {
        SQLiteTransactionJournal(path: path)
    }
}
