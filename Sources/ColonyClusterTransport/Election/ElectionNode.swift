public import ColonyCluster
public import ColonyCoordination
public import ColonyCore
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// A node of an election by votes: ``VotingElection`` with a clock, a disk, and connections.
///
/// ```swift
/// let node = ElectionNode(configuration)
/// group.addTask { try await node.run() }
/// try await node.election().lead { leadership in
///     try await schedule(fencedBy: leadership.term)
/// }
/// ```
///
/// The front door is that of elections on a store: the node is a `LeaseEngine` with one lease, which only the leader can grant, to somebody in its own process. So
/// campaigning, losing, and observing are the same code, and `Leadership/isLeader` goes by the same clock. A node stands for election while somebody in its
/// process campaigns or leads, and otherwise only votes.
///
/// Everything is decided and sent on one thread of its own, so that a process that is busy elsewhere keeps its leadership, and records are synced on another one.
///
/// - Important: If the disk does not take a vote, ``run()`` throws, and the node must not be run again before the disk is mended.
public final class ElectionNode: Service {
    /// What others of this process see of it.
    struct View: Sendable {
        var leadership: VotingLeadership?
        var leader: NodeID?
        var term = FencingToken(rawValue: 0)
        /// Who in this process has the leadership, and in which term.
        var grant: (owner: OwnerID, token: FencingToken, since: MonotonicInstant)?
        /// Until when the leases last that were given.
        var grantedUntil = MonotonicInstant(nanoseconds: .min)
        /// In which term somebody in this process has given the leadership back: it is nobody's from then on.
        var resigned: FencingToken?
        /// How many wait for the leadership, and when somebody last asked for it.
        var waiting = 0
        var askedAt = MonotonicInstant(nanoseconds: .min)
        var signals: [OneShotSignal] = []
        var port: Int?
        var isClosed = false
        var loop: ElectionLoop?
        var standing: ElectionStanding

        /// Gives no lease in the present term any more, and renews none.
        mutating func stopGranting() {
            if let leadership { self.resigned = leadership.term }
            self.leadership = nil
            self.grant = nil
        }
    }

    /// What it was made with.
    public let configuration: ElectionNodeConfiguration
    let clock: any MonotonicClock
    let view: Mutex<View>
    let hub = ListenerHub<VotingEvent>()
    let standingHub = ListenerHub<ElectionStanding>()
    private let counts = Mutex(ElectionStatistics())
    private let logger: Logger
    private let makeGenerator: @Sendable () -> any RandomNumberGenerator & Sendable

    /// Makes a node. Nothing is opened or read yet.
    ///
    /// - Parameters:
    ///   - clock: One that goes on while the host sleeps.
    ///   - generator: Where its choices come from. That of the system, outside tests: connections are sealed with what is drawn.
    ///   - logger: What is told who leads, and why not any more; what is wrong, ten times a minute of one kind at the most. Nothing waits for it.
    public init(
        _ configuration: ElectionNodeConfiguration, clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        logger: Logger = Logger(label: "colony.election")
    ) {
        var logger = logger
        logger[metadataKey: "election"] = "\(configuration.election)"
        logger[metadataKey: "cluster"] = "\(configuration.cluster)"
        logger[metadataKey: "node"] = "\(configuration.node)"
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.view = Mutex(View(standing: ElectionStanding(node: configuration.node)))
        self.makeGenerator = { generator }
    }

    /// The election as other modules know it. Its leases are as long as the settings of the node say.
    public func election(configuration: LockConfiguration = LockConfiguration()) -> Election {
        Election(self.configuration.election, on: self, configuration: configuration)
    }

    // MARK: Looking

    /// In which term this node leads, and until when if nobody answers any more; `nil` if it does not lead at this moment.
    public var leadership: VotingLeadership? {
        let now = self.clock.now
        return self.view.withLock { $0.leadership.flatMap { now < $0.until ? $0 : nil } }
    }

    /// Who leads, as far as this node has heard.
    public var knownLeader: NodeID? {
        self.view.withLock { $0.leadership == nil ? $0.leader : self.configuration.node }
    }

    /// The port that it listens at; `nil` while it does not run.
    public var port: Int? { self.view.withLock { $0.port } }

    /// What happens from here on.
    ///
    /// - Parameter capacity: How many events are kept for a listener that is slow; older ones are dropped.
    public func events(keepingNewest capacity: Int = 1_000) -> AsyncStream<VotingEvent> {
        self.hub.listen(keepingNewest: capacity)
    }

    /// How the election stands, as this node sees it.
    public var standing: ElectionStanding {
        let now = self.clock.now
        return self.view.withLock { view in
            if let leadership = view.leadership, leadership.until <= now {
                return view.standing.withoutLeadership(at: now)
            }
            return view.standing
        }
    }

    /// How the election stands from here on, whenever it stands otherwise. Who is slow gets the latest only.
    public func standings() -> AsyncStream<ElectionStanding> { self.standingHub.listen(keepingNewest: 1) }

    /// What it has done so far.
    public var statistics: ElectionStatistics { self.counts.withLock { $0 } }

    @discardableResult
    func count<Result>(_ body: (inout ElectionStatistics) -> Result) -> Result { self.counts.withLock { body(&$0) } }

    // MARK: Changing

    /// Changes the set of voters by one node; see ``VotingElection/change(_:at:)``.
    ///
    /// - Parameter address: Where a new node listens. All other nodes have to be told as well, by ``setAddress(_:of:)``, or in their configuration.
    /// - Throws: ``ClusterError``, also with code `unavailable` if the node does not run.
    public func change(_ change: VoterChange, address: MemberAddress? = nil) async throws(ClusterError) {
        if let address, case .add(let member) = change { try await self.setAddress(address, of: member.id) }
        try await self.decide { (election, now) throws(ClusterError) in try election.change(change, at: now) }
    }

    /// Gives a member another priority; see ``change(_:address:)``. To be asked of the leader, which hands over if another voter has the greatest one then.
    ///
    /// - Throws: ``ClusterError``, with code `invalidConfiguration` if there is no such member.
    public func setPriority(_ priority: UInt8, of id: NodeID) async throws(ClusterError) {
        try await self.decide { (election, now) throws(ClusterError) in
            let role = election.voterSet[id]?.role ?? .voter
            return try election.change(.update(VotingMember(id, role: role, priority: priority)), at: now)
        }
    }

    /// Stops leading, and has another voter elected; see ``VotingElection/handOver(to:at:)``.
    ///
    /// When it returns this node does not give or renew its lease any more. The other one is asked to stand when the last lease that was given is
    /// over, so that whoever works under it has stopped by then.
    ///
    /// - Throws: ``ClusterError``, also with code `unavailable` if the node does not run.
    public func handOver(to successor: NodeID) async throws(ClusterError) {
        let loop = try self.loop()
        let failure = await loop.perform { loop -> ClusterError? in
            do throws(ClusterError) {
                try loop.handOver(to: successor)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Says where a node listens from now on.
    ///
    /// - Throws: ``ClusterError`` with code `unavailable` if the node does not run.
    public func setAddress(_ address: MemberAddress, of id: NodeID) async throws(ClusterError) {
        let loop = try self.loop()
        await loop.perform { $0.links.set(address, of: id) }
    }

    /// What decides, while it runs.
    var running: ElectionLoop? { self.view.withLock { $0.loop } }

    private func loop() throws(ClusterError) -> ElectionLoop {
        guard let loop = self.running else {
            throw ClusterError(
                .unavailable, "the node \(NameRules.quoted(self.configuration.node.rawValue)) does not run")
        }
        return loop
    }

    private func decide(
        _ action: @escaping @Sendable (inout VotingElection, MonotonicInstant) throws(ClusterError) -> [VotingDirective]
    ) async throws(ClusterError) {
        let loop = try self.loop()
        let failure = await loop.perform { loop -> ClusterError? in
            do throws(ClusterError) {
                try loop.step(action)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    // MARK: Running

    /// Takes part, until graceful shutdown or cancellation; then it hands over if it leads, and ends.
    ///
    /// - Throws: ``ClusterError``: what ``VoteFile`` throws, or `unavailable` if the address cannot be listened at.
    public func run() async throws {
        let (notices, teller) = AsyncStream.makeStream(
            of: ElectionNotices.Notice.self, bufferingPolicy: .bufferingNewest(256))
        let logger = self.logger
        // Of its own: the log may be slow, and has to hear the end also after cancellation.
        let telling = Task {
            for await notice in notices { logger.log(level: notice.level, notice.message, metadata: notice.metadata) }
        }
        var failure: (any Error)?
        do {
            try await self.takePart { teller.yield($0) }
            teller.yield(.init(level: .info, message: "stopped", metadata: [:]))
        } catch {
            failure = error
            teller.yield(.init(level: .error, message: "ended", metadata: ["reason": "\(error)"]))
        }
        teller.finish()
        await telling.value
        if let failure { throw failure }
    }

    private func takePart(_ tell: @escaping @Sendable (ElectionNotices.Notice) -> Void) async throws {
        let file = try VoteFile(directory: self.configuration.directory)
        let record = try self.record(of: file)
        let failed = OneShotSignal()
        let generator = self.makeGenerator()
        let loop = ElectionLoop(
            self, record: record, file: file, on: ElectionLoop.group.next(), generator: generator, tell: tell
        ) { failed.fire() }
        do {
            let port = try await loop.open()
            self.view.withLock {
                $0.port = port
                $0.loop = loop
                $0.isClosed = false
            }
            tell(
                .init(
                    level: .info, message: "takes part",
                    metadata: [
                        "port": "\(port)", "term": "\(record.term)", "voters": "\(record.configuration.set)",
                    ]))
            for warning in record.configuration.set.warnings {
                tell(.init(level: .warning, message: "the set of voters is unwise", metadata: ["reason": "\(warning)"]))
            }
            await loop.perform { $0.begin() }
            await cancelWhenGracefulShutdown { try? await failed.wait() }
        } catch {
            await self.end(loop)
            throw ClusterError(
                .unavailable, "\(self.configuration.host):\(self.configuration.port) cannot be listened at: \(error)")
        }
        let failure = await loop.perform { $0.failure }
        await self.end(loop)
        if let failure { throw failure }
    }

    private func record(of file: VoteFile) throws(ClusterError) -> VoteRecord {
        let configuration = self.configuration
        if let record = try file.read(cluster: configuration.cluster, node: configuration.node) { return record }
        switch configuration.beginning {
        case .founding(let set):
            return try VoteRecord(founding: configuration.cluster, node: configuration.node, set: set)
        case .joining:
            return VoteRecord(joining: configuration.cluster, node: configuration.node)
        }
    }

    private func end(_ loop: ElectionLoop) async {
        let closesAt = self.clock.now
        // Who works under a lease knows nothing of this yet, so the lease is left to run out by itself.
        let isFree = self.view.withLock { view in
            guard view.grant == nil, view.grantedUntil <= closesAt else { return false }
            view.stopGranting()
            return true
        }
        await loop.close(resigns: isFree)
        let now = self.clock.now
        let signals = self.view.withLock { view in
            view.standing.end(at: now)
            self.standingHub.send(view.standing)
            view.loop = nil
            view.port = nil
            view.leadership = nil
            view.grant = nil
            view.leader = nil
            view.isClosed = true
            defer { view.signals = [] }
            return view.signals
        }
        for signal in signals { signal.fire() }
    }

    /// Gives no lease in a term any more, and renews none.
    ///
    /// - Returns: When the last one that was given ends.
    func stopGranting(in term: FencingToken) -> MonotonicInstant {
        let (until, signals) = self.view.withLock { view in
            view.stopGranting()
            view.resigned = term
            defer { view.signals = [] }
            return (view.grantedUntil, view.signals)
        }
        for signal in signals { signal.fire() }
        return until
    }

    /// What is decided is seen by this process before anything of it leaves.
    func publish(_ election: VotingElection, _ directives: [VotingDirective], at now: MonotonicInstant) {
        let signals = self.view.withLock { view -> [OneShotSignal] in
            let leadership = election.leadership.flatMap { $0.term == view.resigned ? nil : $0 }
            let isNews =
                view.leadership?.term != leadership?.term || view.leader != election.followed
                || view.term != election.term
            view.leadership = leadership
            view.leader = election.followed
            view.term = election.term
            var standing = view.standing
            for case .tell(.lost(let term, let loss)) in directives { standing.note(loss, in: term, at: now) }
            standing.update(election, leads: leadership != nil, at: now)
            if standing != view.standing {
                view.standing = standing
                self.standingHub.send(standing)
            }
            if let grant = view.grant, grant.token != leadership?.term { view.grant = nil }
            guard isNews else { return [] }
            defer { view.signals = [] }
            return view.signals
        }
        for signal in signals { signal.fire() }
    }
}
