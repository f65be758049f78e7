public import ColonyCore
import Synchronization

/// Leases in an SQLite file: exclusive among the processes of a host, and as durable as its disk, with nothing to
/// install.
///
/// ```swift
/// let lock = DistributedLock("orders/42", on: .sqlite(path: "colony.db"))
/// ```
///
/// **Guarantee.** Two processes of one host that name the same file never hold the same name at the same time. A grant
/// is told only after `fsync` has returned, so it outlives a crash of the process and a loss of power. Tokens rise for
/// ever, over restarts of processes and of the host.
///
/// **Time.** Leases end on the host's monotonic clock, never on the wall clock; a step of the time of day neither
/// revives nor kills one. The instants in the file belong to one boot of the host: the first process that opens it
/// after a reboot ends all leases, and tokens go on rising.
///
/// **Turns.** ``acquire(_:owner:for:upTo:)`` keeps a queue in the file, so that turns are kept across processes. A
/// process that dies in the queue delays those behind it by at most ``deadWaiterBound``.
///
/// - Important: If somebody deletes the file, what it knew is gone: leases, and the tokens that were granted. A new
///   file under the same path starts its tokens from one again, and a resource that remembers greater tokens then
///   refuses them. Nothing in a file can promise to outlive its removal.
/// - Important: The file must be on a disk of this host. A second host that opens it through a network file system
///   takes it over; the first one notices at its next operation and refuses to go on with `storageFailed`.
///
/// All engines of a process that name the same file share one connection and one writer, whose limits and clock are
/// those of the first. Making an engine does no I/O; the first call opens the file, and creates it if its directory
/// exists.
public final class SQLiteLeaseEngine: LeaseEngine {
    /// The file as it was named.
    public let path: String

    enum Phase {
        case unopened
        case open(Session)
        case closed
    }

    /// What the engine uses once it is open.
    struct Session: Sendable {
        let store: Store
        let desk: LeaseDesk
    }

    private let configuration: SQLiteStoreConfiguration
    private let clock: any MonotonicClock
    private let wall: any WallClock
    private let boot: BootIdentity
    private let registry: StoreRegistry
    let phase = Mutex(Phase.unopened)

    /// - Parameters:
    ///   - path: The file; it is created on first use, its directory is not. A relative path is taken from the working
    ///     directory of that moment.
    ///   - clock: What leases end on; one that all processes on the file share.
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
        self.path = path
        self.configuration = configuration
        self.clock = clock
        self.wall = wall
        self.boot = boot
        self.registry = registry
    }

    deinit {
        let session = self.phase.withLock { phase -> Session? in
            if case .open(let session) = phase { session } else { nil }
        }
        if let session {
            // The store closes when the last engine is gone; nobody waits here, or the engine would be alive.
            let registry = self.registry
            Task { await registry.leave(session.store) }
        }
    }

    /// Exclusive on one host; survives the loss of power.
    public var guarantee: Guarantee { Guarantee(reach: .host, survival: .powerLoss) }

    /// Ends the engine: refuses what comes later with `closed`, ends those who wait with the same, finishes what is
    /// queued, and closes the file unless other engines of the process use it. Leases that are held stay held until
    /// they run out.
    ///
    /// Closing again does nothing.
    public func close() async {
        let session = self.phase.withLock { phase -> Session? in
            defer { phase = .closed }
            if case .open(let session) = phase { return session }
            return nil
        }
        guard let session else { return }
        await session.desk.drain(engine: ObjectIdentifier(self))
        self.endWaits(session)
        await self.registry.leave(session.store)
    }

    /// The store and the desk, joined on first use.
    func session() throws(LeaseError) -> Session {
        let result = self.phase.withLock { phase -> Result<Session, LeaseError> in
            switch phase {
            case .open(let session):
                return .success(session)
            case .closed:
                return .failure(LeaseError(.closed, "the engine on \"\(self.path)\" was closed"))
            case .unopened:
                let store = self.registry.join(
                    path: self.path, configuration: self.configuration, boot: self.boot, wall: self.wall)
                let desk = store.companion(LeaseDesk.self) {
                    LeaseDesk(writer: store.writer, bell: store.file.bell, clock: self.clock)
                }
                let session = Session(store: store, desk: desk)
                phase = .open(session)
                return .success(session)
            }
        }
        return try result.get()
    }

    func write<Value: Sendable>(
        _ isolation: WriteIsolation,
        _ body: @escaping @Sendable (LeaseDecisions) throws(StoreError) -> Value
    ) async throws(LeaseError) -> Value {
        let session = try self.session()
        let desk = session.desk
        do {
            return try await session.store.write(isolation) { transaction throws(StoreError) in
                try body(LeaseDecisions(transaction, desk: desk))
            }
        } catch {
            throw LeaseError(error)
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Connection, Int64) throws(StoreError) -> Value
    ) async throws(LeaseError) -> Value {
        let session = try self.session()
        let clock = session.desk.clock
        do {
            return try await session.store.read { connection throws(StoreError) in
                try body(connection, clock.now.nanoseconds)
            }
        } catch {
            throw LeaseError(error)
        }
    }
}

extension LeaseEngine where Self == SQLiteLeaseEngine {
    /// Leases in the SQLite file at `path`, shared with the other processes of this host.
    public static func sqlite(path: String) -> SQLiteLeaseEngine {
        SQLiteLeaseEngine(path: path)
    }
}
