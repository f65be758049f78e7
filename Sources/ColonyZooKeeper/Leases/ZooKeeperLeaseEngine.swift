#if ZooKeeper
public import ColonyCore
import Synchronization

/// Leases in a ZooKeeper ensemble: kept by a majority of servers, free as soon as the session of a dead process has ended.
///
/// ```swift
/// let engine = try ZooKeeperLeaseEngine(url: EngineURL("zookeeper://zk1,zk2,zk3/colony"))
/// let lock = DistributedLock("orders/42", on: engine, requiring: .linearizable)
/// ```
///
/// It is the lock recipe of ZooKeeper. Whoever wants a lock makes an ephemeral sequential node below the node of the lock;
/// the one with the lowest number holds, and each waiter watches nobody but the one before it, so a release wakes one. The
/// token is the number of the transaction that made the node. Names are those of Apache Curator, so its locks, and those of
/// kazoo with `extra_lock_patterns=["-lock-"]`, stand in the same queue; these have no tokens of their own.
///
/// **Time.** ZooKeeper lets nodes end with their session and not one by one. Each engine has one session, ends its own
/// grants itself when their time is over, by the clock of its host, and grants no more than nine tenths of the session's
/// timeout, however much was asked for: ``ColonyCore/Lease/duration`` says what was granted. So a lease never outlives what
/// the ensemble is certain to keep. If the process dies, its leases end with the session; while the session lasts, a lost
/// connection changes nothing, and when the ensemble ends the session, all leases end at once.
///
/// **Reads.** A server of ZooKeeper may answer reads from a state that is a little old. Every decision here rests on a write, or
/// on a read behind a `sync`, which lets the server catch up first: asking, waiting turns, renewing, releasing, and
/// inspecting. Listing syncs once for the whole page.
///
/// **Sessions.** An owner that asks or renews through another engine than the one that holds takes its node over into
/// that engine's session, in one transaction, with its place and its token.
public final class ZooKeeperLeaseEngine: LeaseEngine {
    let options: ZooKeeperOptions
    let clock: any MonotonicClock
    let wallClock: any WallClock
    let sessions: SessionSource
    let nodes = Mutex(LocalNodes())
    let expiries: Alarms<String>
    /// The holds and claims of permits that this engine has made.
    let permits = Mutex(LocalPermits())
    let permitEnds: Alarms<String>
    /// The records that this engine keeps alive.
    let records = Mutex(LocalRecords())
    let recordEnds: Alarms<String>
    let turns = Turns()
    /// Whether the servers are so old that they have no nodes that end when they are empty.
    let lacksContainers = Atomic<Bool>(false)

    /// Makes the engine. Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - url: `zookeeper://[USER:PASSWORD@]HOST[:PORT][,…][/ROOT][?session_timeout_ms=…&timeout_ms=…]`.
    ///   - clock: What the ends of leases are counted on: the clock of the keeper that renews them.
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(url: EngineURL, clock: any MonotonicClock = HostClock()) throws(InvalidName) {
        self.init(try ZooKeeperOptions(url: url), clock: clock)
    }

    /// Makes the engine. Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - options: Where the ensemble is; options with a defect stop the program.
    ///   - clock: What the ends of leases are counted on.
    ///   - wallClock: What the ages of other sessions' grants are reckoned with, for showing only.
    ///   - generator: What the names of nodes and the jitter of the back-off are drawn from.
    public init(
        _ options: ZooKeeperOptions, clock: any MonotonicClock = HostClock(),
        wallClock: any WallClock = SystemWallClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        if let defect = options.defect { preconditionFailure(defect) }
        let engine = EngineReference()
        self.options = options
        self.clock = clock
        self.wallClock = wallClock
        self.sessions = SessionSource(options: options, clock: clock, generator: generator)
        self.expiries = Alarms(clock: clock) { engine.value?.runOut($0) }
        self.permitEnds = Alarms(clock: clock) { engine.value?.permitRanOut($0) }
        self.recordEnds = Alarms(clock: clock) { engine.value?.recordRanOut($0) }
        engine.set(self)
        self.sessions.whenSessionsEnd { engine.value?.sessionEnded($0) }
    }

    deinit {
        _ = self.sessions.close()
    }

    /// Exclusive among all who reach the ensemble, and kept by a majority of it.
    public var guarantee: Guarantee { .linearizable }

    /// Nine tenths of the session's timeout: of the one that the ensemble has agreed to once a server is connected, before
    /// that of the one that it is asked for.
    public var longestLease: Duration {
        var timeout = self.options.sessionTimeout
        if case .connected(let agreed) = self.sessions.present?.standing { timeout = agreed }
        return min(ZooKeeperSession.certainty(timeout), LeaseLimits.duration.upperBound)
    }

    /// Ends the session, and with it every lease and every wait of this engine. Calls after it are refused with `closed`.
    ///
    /// The ensemble ends the leases at once if it can be reached, else when the session's timeout is over.
    public func close() async {
        await self.sessions.close()?.closed(until: self.clock.now.advanced(by: self.options.timeout))
    }

    // MARK: LeaseEngine

    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        if let lease = try await self.extendHeld(name, owner, duration, until: deadline) { return .granted(lease) }
        return try await self.contend(Ask(name: name, owner: owner, duration: duration, limit: nil, deadline: deadline))
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        return try await self.renew(
            lease, for: duration, until: self.clock.now.advanced(by: self.options.timeout))
    }

    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        // In a task of its own: giving back goes on when the caller is cancelled.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let work = Task(executorPreference: executor) { () -> Result<Bool, LeaseError> in
            do throws(LeaseError) {
                return .success(try await self.giveBack(name, owner, token))
            } catch {
                return .failure(error)
            }
        }
        return try await work.value.get()
    }

    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard let view = try await self.look(name, on: session, until: deadline) else { continue }
            switch try await self.record(of: name, view.contenders, on: session, until: deadline) {
            case .record(let record): return record
            case .changed: continue
            }
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        guard limit > .zero else { return try await self.inspect(name)?.token != token }
        let end = self.clock.now.advanced(by: limit)
        let deadline = end.advanced(by: self.options.timeout)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard let view = try await self.look(name, on: session, until: deadline) else { continue }
            guard let first = view.contenders.first else { return true }
            let path = self.path(of: first, name)
            let reply = await session.send(.data(path: path)).value()
            guard reply.isDone else {
                if reply.outcome != .noNode {
                    try await self.tryAgain(reply.outcome, "look at \(name)", until: deadline)
                }
                continue
            }
            let record = NodeRecord(reply.bytes, name: first.name)
            if record.token(reply.stat) != token { return true }
            if self.clock.now >= end { return false }
            // A change may be no end: a renewal that had to be written, or the way to another session.
            try await self.wait(for: .data(path), on: session, until: end, name)
        }
    }
}

/// Lets the parts of an engine call it without keeping it.
private final class EngineReference: Sendable {
    private struct Reference {
        weak var engine: ZooKeeperLeaseEngine?
    }

    private let reference = Mutex(Reference())

    var value: ZooKeeperLeaseEngine? { self.reference.withLock { $0.engine } }

    func set(_ engine: ZooKeeperLeaseEngine) { self.reference.withLock { $0.engine = engine } }
}
#endif
