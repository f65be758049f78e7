public import ColonyCluster
public import ColonyCore
import ColonyResilience
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// One member of a cluster: it knows who else is there, and the others know it.
///
/// ```swift
/// let node = try ClusterNode(
///     .init(cluster: "orders", name: "node-1", host: "10.0.0.1", protection: .keyring(keyring), seeds: seeds, membership: .init()), logger: logger)
/// // in a service group: node.run(); elsewhere:
/// for await change in node.changes() { … }
/// ```
///
/// It carries out what a ``Membership`` decides: packets go over UDP, and over TCP at the same port what is too long, what is exchanged in full, and the ping
/// of a member that answers over UDP to nobody. What is promised of membership is said there; this type adds that
///
/// - nothing is taken from who does not have the key of the cluster and its name, nor anything twice, nor what was sent to another member or to this one before it was started
///   again; what is ignored is counted, and told to the log once a minute where it looks like a mistake;
/// - every connection ends at its deadline, and what others can make it keep is limited by ``ClusterLimits``;
/// - names are looked up again whenever they are used after half a minute, and those of seeds each time;
/// - an error of the network ends nothing: the socket for datagrams is opened again if the system has closed it.
///
/// What is not promised: all members have one key, so any of them can say anything in the name of any other one.
public final class ClusterNode: Service {
    /// The configuration it was made with.
    public let configuration: ClusterNodeConfiguration
    let clock: any MonotonicClock
    let logger: Logger
    let loop: any EventLoop
    let limiter: KeyedRateLimiter<String>
    let names: HostNames
    let feed = ChangeFeed()
    let state: Mutex<NodeState>

    /// Makes a node that does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - clock: What it waits by. Connections have their deadlines by the clock of their event loop.
    ///   - generator: Where its choices come from, such as whom it pings. What has to be secret comes from the system.
    public convenience init(
        _ configuration: ClusterNodeConfiguration, clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        logger: Logger = Logger(label: "colony.cluster")
    ) {
        self.init(configuration, clock: clock, generator: generator, names: HostNames(), logger: logger)
    }

    init(
        _ configuration: ClusterNodeConfiguration, clock: any MonotonicClock,
        generator: any RandomNumberGenerator & Sendable, names: HostNames,
        secrets: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(), logger: Logger
    ) {
        var logger = logger
        logger[metadataKey: "cluster"] = "\(configuration.cluster)"
        logger[metadataKey: "node"] = "\(configuration.name)"
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.loop = MultiThreadedEventLoopGroup.singleton.next()
        self.limiter = configuration.limits.limiter(clock)
        self.names = names
        self.state = Mutex(
            NodeState(
                configuration: configuration, generator: generator, secrets: secrets, feed: self.feed))
    }

    // MARK: Looking

    /// By which address others know it; `nil` until ``run()`` has opened its sockets.
    public var address: MemberAddress? { self.state.withLock { $0.membership?.itself.address } }

    /// Whether it is a member: the cluster has answered it, and no other process has its name.
    public var isAdmitted: Bool { self.state.withLock { $0.isAdmitted } }

    /// Who has the name of this node, if somebody else has: it is no member then, and asks again until the other one is gone.
    public var displacedBy: MemberAddress? { self.state.withLock { $0.displacedBy } }

    /// All members that are known, itself among them, and those that are gone for as long as they are remembered; by their names.
    ///
    /// - Complexity: O(*n* log *n*).
    public var members: [Member] {
        let members = self.state.withLock { state in
            state.membership.map { $0.others + [$0.itself] } ?? []
        }
        return members.sorted { $0.id < $1.id }
    }

    /// What is known of a member; `nil` if nothing is.
    public func member(_ id: NodeID) -> Member? { self.state.withLock { $0.membership?.member(id) } }

    /// How much longer than usual it waits at present because it seems to be slow itself; 0 if it is well.
    public var healthScore: Int { self.state.withLock { $0.membership?.healthScore ?? 0 } }

    /// What it has done so far.
    public var statistics: ClusterStatistics { self.state.withLock { $0.statistics } }

    /// What happens from here on. The stream ends with ``run()``.
    ///
    /// - Parameter capacity: How much is kept for a listener that is slow. What is dropped, the oldest first, is told as ``ClusterChange/missed(_:)``.
    public func changes(keepingNewest capacity: Int = 1_000) -> AsyncStream<ClusterChange> {
        self.feed.listen(keepingNewest: capacity)
    }

    // MARK: Doing

    /// Says something else of itself from now on. Others hear of it within a few periods.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if it is longer than ``MembershipLimits/metadataBytes``.
    public func updateMetadata(_ metadata: [UInt8]) throws(ClusterError) {
        guard metadata.count <= MembershipLimits.metadataBytes else {
            throw ClusterError(
                .invalidConfiguration,
                "metadata of \(metadata.count) bytes is too long: \(MembershipLimits.metadataBytes) at the most")
        }
        self.act { state, now in
            state.metadata = metadata
            // Its length was looked at.
            return (try? state.membership?.update(metadata: metadata, at: now)) ?? []
        }
    }

    /// Says good-bye, so that others do not take it for failed, and ends ``run()``. Calling it again does nothing but wait.
    ///
    /// - Parameter limit: For how long it tells the others at the most. It ends sooner when it has told enough of them.
    public func leave(within limit: Duration) async {
        let ended = OneShotSignal()
        let isRunning = self.state.withLock { state in
            guard state.phase.isRunning else { return false }
            state.waitingForEnd.append(ended)
            return true
        }
        guard isRunning else { return }
        self.beginLeaving(within: limit)
        // Cancellation of who waits changes nothing for the node.
        try? await ended.wait()
    }

    /// Takes part until graceful shutdown or cancellation, and says good-bye then for ``ClusterNodeConfiguration/leaveTimeout`` at the most; or until
    /// ``leave(within:)``. To be called once.
    ///
    /// - Throws: ``ClusterError`` with code `unavailable` if it cannot listen where it should.
    public func run() async throws {
        let isFirst = self.state.withLock { state in
            guard state.phase == .idle else { return false }
            state.phase = .running
            return true
        }
        precondition(isFirst, "the node \(self.configuration.name) was run before")
        defer { self.end() }
        try await self.listen()
        self.logger.info("listening", metadata: ["address": "\(self.address?.description ?? "")"])
        await cancelWhenGracefulShutdown {
            await withTaskCancellationHandler {
                // Of its own, because it goes on after cancellation until it has said good-bye.
                await Task { await self.takePart() }.value
            } onCancel: {
                self.beginLeaving(within: self.configuration.leaveTimeout)
            }
        }
        await self.close()
        self.logger.info("stopped")
    }

    private func beginLeaving(within limit: Duration) {
        self.act { state, now in
            guard state.phase == .running else { return [] }
            state.phase = .leaving(until: now.advanced(by: limit))
            state.bell?.fire()
            return state.membership?.leave(at: now) ?? []
        }
    }

    private func end() {
        let waiting = self.state.withLock { state in
            state.phase = .ended
            state.isAdmitted = false
            defer { state.waitingForEnd = [] }
            return state.waitingForEnd
        }
        self.feed.end()
        for signal in waiting { signal.fire() }
    }

    // MARK: Time

    private func takePart() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.findSeeds() }
            await self.keepTime()
            group.cancelAll()
        }
    }

    private func keepTime() async {
        while true {
            let bell = OneShotSignal()
            let now = self.clock.now
            guard let wake = self.state.withLock({ $0.rest(bell, at: now) }) else { return }
            await self.rest(until: wake, bell)
            self.act { state, now in state.membership?.wake(at: now) ?? [] }
        }
    }

    func rest(until wake: MonotonicInstant, _ bell: OneShotSignal) async {
        _ = try? await bell.wait(until: wake, on: self.clock)
    }

    /// Has the membership do something, and carries out what it wants done.
    func act(_ action: (inout NodeState, MonotonicInstant) -> [MembershipDirective]) {
        let now = self.clock.now
        let errands = self.decide { state in
            let directives = action(&state, now)
            return state.carryOut(directives, at: now)
        }
        self.run(errands)
    }

    /// Changes the state, and tells the log afterwards what there is to tell: whoever keeps a log may take long, or ask this node something.
    func decide<Result: Sendable, Failure: Error>(
        _ body: (inout NodeState) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var notices: [NodeState.Notice] = []
        defer {
            for notice in notices { self.logger.log(level: notice.level, notice.message, metadata: notice.metadata) }
        }
        return try self.state.withLock { state throws(Failure) in
            defer { notices = state.takeNotices() }
            return try body(&state)
        }
    }
}
