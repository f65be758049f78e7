public import ColonyCore

/// Several locks that are taken together: all of them, or none.
///
/// ```swift
/// let transfer = MultiLock(["account/1", "account/2"], on: engine)
/// try await transfer.withLocks { leases in
///     try await move(100, fencedBy: leases)
/// }
/// ```
///
/// The locks are taken one after the other in the byte order of their names, in every process, so two owners that want the same
/// locks never wait for each other. Those that are taken already are held, and renewed, while the next is waited for; if it
/// does not come free within the one deadline of all, if the engine fails, or if the task is cancelled, all are given back. The
/// loss of any one cancels the body.
///
/// The locks are the same as those of ``DistributedLock``: a lock of one name keeps out a ``DistributedLock`` of that name, and
/// the other way round. Code that holds one of them and asks for this waits for itself.
///
/// - SeeAlso: <doc:MultiLocks>
public struct MultiLock: Sendable {
    /// What is locked: each name once, in byte order.
    public let names: [LeaseName]
    /// How each lock behaves; its waiting time is that of all together.
    public let configuration: LockConfiguration

    private let engine: any LeaseEngine
    private let keeper: LeaseKeeper
    private let room: WaitingRoom

    /// The most names: each costs a round trip while those before it are held.
    public static let maximumNames = 1_000

    /// Makes a lock of several names on an engine, whatever the engine guarantees.
    ///
    /// - Parameters:
    ///   - names: From one to ``maximumNames``, else taking them is refused with `invalidRequest`. Order and repetitions do
    ///     not matter.
    ///   - engine: Where the leases are kept. No I/O happens yet.
    ///   - keeper: Who renews; the process's own unless a simulation says otherwise.
    ///   - room: Where to wait in turn; the process's own unless a simulation says otherwise.
    public init(
        _ names: some Sequence<LeaseName>, on engine: some LeaseEngine,
        configuration: LockConfiguration = LockConfiguration(), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) {
        self.names = Set(names).sorted()
        self.configuration = configuration
        self.engine = engine
        self.keeper = keeper
        self.room = room
    }

    /// Makes a lock of several names on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ names: some Sequence<LeaseName>, on engine: some LeaseEngine, requiring demand: Guarantee,
        configuration: LockConfiguration = LockConfiguration(), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "a lock of several names")
        self.init(names, on: engine, configuration: configuration, keeper: keeper, room: room)
    }

    /// Takes all locks that are free now, or none.
    ///
    /// - Complexity: One round trip a name.
    public func tryAcquire() async throws(CoordinationError) -> HeldLocks? {
        try await self.acquire(waiting: .zero)
    }

    /// Takes all locks, waiting for up to `limit` in all.
    ///
    /// - Parameter limit: The longest wait for all together; ``LockConfiguration/waiting`` if not given; zero asks once for
    ///   each.
    /// - Returns: The held locks, to be released; or `nil` if one of them was not free by then. None is held then.
    /// - Throws: ``CoordinationError``: `leaseLost` if one was lost while a later one was waited for, `cancelled` as soon as the
    ///   task is cancelled, `invalidRequest` for no names or too many. None is held then, or for one lease at the most.
    /// - Complexity: One round trip a name, one after the other.
    public func acquire(waiting limit: Duration? = nil) async throws(CoordinationError) -> HeldLocks? {
        guard (1...Self.maximumNames).contains(self.names.count) else {
            throw CoordinationError(
                .invalidRequest,
                "a lock of \(self.names.count) names is not possible: from 1 to \(Self.maximumNames)")
        }
        let limit = limit ?? self.configuration.waiting
        let deadline = self.keeper.clock.now.advanced(by: max(.zero, limit))
        var locks: [HeldLock] = []
        do throws(CoordinationError) {
            for name in self.names {
                let remaining = self.keeper.clock.now.duration(to: deadline)
                guard let held = try await self.taking(name).acquire(waiting: max(.zero, remaining), as: nil) else {
                    _ = await HeldLocks(locks).releaseAll()
                    return nil
                }
                locks.append(held)
            }
            if let lost = locks.first(where: { !$0.isHeld }) {
                throw CoordinationError(
                    .leaseLost, "the lock \(lost.name) was lost while others were waited for; none is held")
            }
            return HeldLocks(locks)
        } catch {
            _ = await HeldLocks(locks).releaseAll()
            throw error
        }
    }

    /// Runs `body` while holding all locks, and gives them back in every case.
    ///
    /// If one of them is lost, `body` is cancelled at once and the call throws `leaseLost`, whatever `body` then returns.
    ///
    /// - Parameters:
    ///   - limit: The longest wait for all together; ``LockConfiguration/waiting`` if not given.
    ///   - body: The protected work. It is given a lease for each name, whose token it should send to what it writes to.
    /// - Returns: What `body` returned.
    /// - Throws: ``CoordinationError`` with code `timedOut` if not all were free in time, `leaseLost`, or another of its codes;
    ///   otherwise what `body` throws.
    public func withLocks<Value: Sendable>(
        waiting limit: Duration? = nil, _ body: @escaping @Sendable ([LeaseName: Lease]) async throws -> Value
    ) async throws -> Value {
        guard let held = try await self.acquire(waiting: limit) else {
            throw CoordinationError(
                .timedOut,
                "not all of \(self.names.count) locks were free within \((limit ?? self.configuration.waiting).text)")
        }
        return try await held.run(body)
    }

    private func taking(_ name: LeaseName) -> LeaseTaking {
        LeaseTaking(
            name: name, source: .lease(self.engine), isImmediate: self.engine is any ImmediateLeaseEngine,
            configuration: self.configuration, keeper: self.keeper, room: self.room)
    }
}
