public import ColonyCore

/// A lock that many may hold to read, or one alone to write, among all processes that use the same engine.
///
/// ```swift
/// let catalogue = ReadWriteLock("catalogue", on: engine)
/// try await catalogue.withReadLock { _ in try await render() }
/// try await catalogue.withWriteLock { lease in try await rebuild(fencedBy: lease.token) }
/// ```
///
/// It stands on permits: a reader takes one, the writer takes all of them. So readers and writers hold leases like those of
/// <doc:Locks>: renewed, watched, given back under every circumstance, and over when their holder dies. Tokens rise from grant to
/// grant, those of readers included; the resource refuses a write with a token lower than the highest it has seen.
///
/// *No upgrade.* An owner that reads and asks for the write lock is refused with ``CoordinationError/Code/upgradeRefused``: two
/// readers that both waited to become the writer would wait for each other for ever. Release, take the write lock, and look
/// again at what was read. Readers are recognised by the ``LockOwner`` that they pass; without one, an upgrade waits for its own
/// reader until the limit.
///
/// *No downgrade.* Between giving back all permits and taking one, a writer that waits may come first, and the port has no step
/// that does both; pretending it would let somebody write while the caller believes that nobody did. An owner that writes may
/// read under its write lock: it asks with the same ``LockOwner`` and holds the write lock once more.
///
/// Values of this type are cheap and hold nothing. Those with the same engine, name, and limit of readers contend. Do not use
/// one name for a ``Semaphore`` and for a read-write lock.
///
/// - SeeAlso: <doc:ReadWriteLocks>
public struct ReadWriteLock: Sendable {
    /// Who goes first when readers and writers wait.
    public enum Preference: Hashable, Sendable {
        /// A writer that waits keeps new readers out, so it waits for the present readers only. Readers wait for as long as
        /// writers follow one another.
        case writers
        /// In the order of arrival, across processes. Neither side starves; readers behind a writer wait for it.
        case fair
        /// Readers never wait for a writer that waits, so a writer may wait for as long as readers overlap.
        case readers
    }

    /// What is locked.
    public let name: LeaseName
    /// How many may read at once.
    public let readers: Int
    /// Who goes first.
    public let preference: Preference
    /// How the leases behave.
    public let configuration: LockConfiguration

    private let engine: any PermitEngine
    private let keeper: LeaseKeeper
    private let room: WaitingRoom

    /// For how long the place of somebody who waits is kept in the store, and so by how much one that died there delays
    /// the others at the most.
    private static let claim: Duration = .seconds(10)

    /// How many may read at once unless it is said otherwise: far more than processes usually share a lock, and few enough
    /// that a store looks through their list in no time.
    public static let defaultReaders = 1_000

    /// Makes a lock on an engine, whatever the engine guarantees.
    ///
    /// - Parameters:
    ///   - name: 1 to 255 bytes of UTF-8 without control characters.
    ///   - engine: Where the leases are kept. No I/O happens yet.
    ///   - readers: How many may read at once, from 1 to ``PermitLimits/permits``; one more waits. All who share a name must
    ///     give the same number, for it is what a writer takes.
    ///   - preference: Writers go first unless it is said otherwise: they are few, and what readers read is then not older
    ///     than it must be.
    ///   - keeper: Who renews; the process's own unless a simulation says otherwise.
    ///   - room: Where to wait in turn; the process's own unless a simulation says otherwise.
    public init(
        _ name: LeaseName, on engine: some PermitEngine, readers: Int = ReadWriteLock.defaultReaders,
        preference: Preference = .writers, configuration: LockConfiguration = LockConfiguration(),
        keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) {
        self.name = name
        self.readers = readers
        self.preference = preference
        self.configuration = configuration
        self.engine = engine
        self.keeper = keeper
        self.room = room
    }

    /// Makes a lock on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ name: LeaseName, on engine: some PermitEngine, requiring demand: Guarantee,
        readers: Int = ReadWriteLock.defaultReaders, preference: Preference = .writers,
        configuration: LockConfiguration = LockConfiguration(), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "the read-write lock \(name)")
        self.init(
            name, on: engine, readers: readers, preference: preference, configuration: configuration, keeper: keeper,
            room: room)
    }

    private enum Mode { case read, write }

    private func taking(_ mode: Mode) -> LeaseTaking {
        let claims =
            switch self.preference {
            case .fair: true
            case .writers: mode == .write
            case .readers: false
            }
        // Where only one side keeps places in the store, or none does, the other must not stand behind it here.
        let lane = self.preference == .fair || mode == .read ? 0 : 1
        return LeaseTaking(
            name: self.name,
            source: .permits(
                self.engine,
                PermitTerms(
                    permits: mode == .read ? 1 : self.readers, limit: self.readers, claim: claims ? Self.claim : nil,
                    lane: lane)),
            isImmediate: self.engine is any ImmediateLeaseEngine, configuration: self.configuration,
            keeper: self.keeper, room: self.room)
    }
}

// MARK: Reading

extension ReadWriteLock {
    /// Takes the lock to read, waiting up to `limit`.
    ///
    /// - Parameters:
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given; zero asks once.
    ///   - owner: Under whose name, for re-entrance; a new one by default. An owner that reads or writes already goes in at
    ///     once.
    /// - Returns: The held lock, to be released; or `nil` if it could not be had by then.
    /// - Throws: ``CoordinationError``; `cancelled` as soon as the task is cancelled. Nothing is held then, or for one
    ///   lease at the most.
    /// - Complexity: One round trip if nobody writes.
    public func acquireRead(
        waiting limit: Duration? = nil, as owner: LockOwner? = nil
    ) async throws(CoordinationError) -> HeldLock? {
        try await self.taking(.read).acquire(waiting: limit, as: owner)
    }

    /// Runs `body` while holding the lock to read, and gives it back in every case.
    ///
    /// If the lease is lost, `body` is cancelled at once and the call throws `leaseLost`, whatever `body` then returns: somebody
    /// may have written meanwhile.
    ///
    /// - Parameters:
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given.
    ///   - owner: Under whose name, for re-entrance; a new one by default.
    ///   - body: The work. It is given the lease.
    /// - Returns: What `body` returned.
    /// - Throws: ``CoordinationError`` with code `timedOut`, `leaseLost`, or another of its codes; otherwise what `body`
    ///   throws.
    public func withReadLock<Value: Sendable>(
        waiting limit: Duration? = nil, as owner: LockOwner? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> Value
    ) async throws -> Value {
        try await self.taking(.read).hold(waiting: limit, as: owner, body)
    }
}

// MARK: Writing

extension ReadWriteLock {
    /// Takes the lock to write, waiting up to `limit` for every reader and writer to be gone.
    ///
    /// - Parameters:
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given; zero asks once.
    ///   - owner: Under whose name, for re-entrance; a new one by default.
    /// - Returns: The held lock, to be released; or `nil` if it could not be had by then.
    /// - Throws: ``CoordinationError``; `upgradeRefused` if the owner holds the lock to read; `cancelled` as soon as the task
    ///   is cancelled. Nothing is held then, or for one lease at the most.
    /// - Complexity: One round trip if nobody holds the lock; O(*r*) for the engine in the number of readers.
    public func acquireWrite(
        waiting limit: Duration? = nil, as owner: LockOwner? = nil
    ) async throws(CoordinationError) -> HeldLock? {
        try await self.taking(.write).acquire(waiting: limit, as: owner)
    }

    /// Runs `body` while holding the lock to write, and gives it back in every case.
    ///
    /// If the lease is lost, `body` is cancelled at once and the call throws `leaseLost`, whatever `body` then returns.
    ///
    /// - Important: Cancellation is a request. A `body` that goes on writing after the loss is kept from harm only by the
    ///   check of its fencing token at the resource.
    /// - Parameters:
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given.
    ///   - owner: Under whose name, for re-entrance; a new one by default.
    ///   - body: The work. It is given the lease, whose token it should send to what it writes to.
    /// - Returns: What `body` returned.
    /// - Throws: ``CoordinationError`` with code `timedOut`, `leaseLost`, `upgradeRefused`, or another of its codes; otherwise
    ///   what `body` throws.
    public func withWriteLock<Value: Sendable>(
        waiting limit: Duration? = nil, as owner: LockOwner? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> Value
    ) async throws -> Value {
        try await self.taking(.write).hold(waiting: limit, as: owner, body)
    }

    /// Who reads, who writes, and who waits now, as far as the engine knows: a holder of all permits writes.
    ///
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine does not answer within the limit that
    ///   ``LockConfiguration/releaseLimit`` sets for releases.
    /// - Complexity: One round trip.
    public func inspect() async throws(CoordinationError) -> PermitRecord {
        try await self.engine.inspectPermits(
            self.name, upTo: self.configuration.releaseLimit, on: self.keeper.clock)
    }
}
