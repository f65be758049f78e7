import ColonyCluster
import ColonyCore
import NIOCore
import NIOPosix
import NIOSSL

/// Carries out what a ``VotingElection`` wants done.
///
/// - Note: `@unchecked Sendable` because everything that is not a constant of a `Sendable` type is touched on `eventLoop` only: by
///   ``perform(_:)``, by timers, and by what comes over connections, all of which run there.
final class ElectionLoop: @unchecked Sendable {
    /// One thread for all nodes of the process, which does nothing else and lives as long as the process.
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// The disk has a thread of its own, so that heartbeats go on while it is slow.
    private static let disk = DedicatedExecutor(named: "colony-votes")

    private unowned let node: ElectionNode
    private let eventLoop: any EventLoop
    private let clock: any MonotonicClock
    private let file: VoteFile
    private let failed: @Sendable () -> Void
    private let tell: @Sendable (ElectionNotices.Notice) -> Void
    private var notices = ElectionNotices()

    private(set) var election: VotingElection
    let links: VotingLinks
    /// Why the node has to end.
    private(set) var failure: ClusterError?
    private let boots: BootSource
    private var server: (any Channel)?
    private var accepted = AcceptedConnections<VotingConversationHandler>()
    private var timer: (at: MonotonicInstant, task: Scheduled<Void>)?
    private var isWriting = false
    private var waiting: VoteRecord?
    private var isClosed = false
    /// In which term the leadership is being handed over.
    private var handingOver: FencingToken?

    init(
        _ node: ElectionNode, record: VoteRecord, file: VoteFile, on eventLoop: any EventLoop,
        generator: any RandomNumberGenerator & Sendable, tell: @escaping @Sendable (ElectionNotices.Notice) -> Void,
        failed: @escaping @Sendable () -> Void
    ) {
        var generator = generator
        self.node = node
        self.eventLoop = eventLoop
        self.clock = node.clock
        self.file = file
        self.failed = failed
        self.tell = tell
        var election = VotingElection(
            record: record, settings: node.configuration.settings,
            nonce: UInt64.random(in: .min ... .max, using: &generator), generator: generator, at: node.clock.now)
        election.handsOverByItself = false
        self.election = election
        let boots = BootSource(generator: generator)
        self.boots = boots
        let configuration = node.configuration
        self.links = VotingLinks(
            on: eventLoop, clock: node.clock, addresses: configuration.addresses,
            timeout: configuration.settings.electionTimeout / 2,
            certificates: configuration.protection.certificates,
            makeConversation: { boots.conversation(configuration) }, count: node.count,
            refused: { [weak node] in node?.running?.refuse($0, from: $1) })
    }

    // MARK: From elsewhere

    /// Does something on the event loop.
    func perform<Result: Sendable>(_ body: @escaping @Sendable (ElectionLoop) -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            self.eventLoop.execute { continuation.resume(returning: body(self)) }
        }
    }

    /// Looks again whether somebody wants to lead.
    func poke() {
        self.eventLoop.execute { self.step { _, _ in [] } }
    }

    // MARK: Opening and closing

    /// Listens.
    ///
    /// - Returns: The port.
    func open() async throws -> Int {
        let configuration = self.node.configuration
        let channel = try await self.listen(at: configuration.port).get()
        let port = channel.localAddress?.port ?? configuration.port
        await self.perform { $0.keep(channel, at: port) }
        return port
    }

    private func listen(at port: Int) -> EventLoopFuture<any Channel> {
        ServerBootstrap(group: self.eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture { try self?.accept(channel) }
            }
            .bind(host: self.node.configuration.host, port: port)
    }

    /// Listens with a socket until the end, and with another one if it is closed, which NIO does after some errors of taking connections: without that
    /// the node would never hear anybody again.
    private func keep(_ channel: any Channel, at port: Int) {
        guard !self.isClosed else { return channel.close(promise: nil) }
        self.server = channel
        channel.closeFuture.whenComplete { [weak self] _ in self?.listenAgain(at: port) }
    }

    private func listenAgain(at port: Int) {
        guard !self.isClosed else { return }
        self.server = nil
        let pause = self.node.configuration.settings.heartbeat
        self.eventLoop.scheduleTask(in: .nanoseconds(pause.clampedNanoseconds)) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.listen(at: port).whenComplete { result in
                switch result {
                case .success(let channel): self.keep(channel, at: port)
                case .failure: self.listenAgain(at: port)
                }
            }
        }
    }

    /// For tests.
    func loseListener() { self.server?.close(promise: nil) }

    private func accept(_ channel: any Channel) throws {
        guard !self.isClosed else { throw ChannelError.ioOnClosedChannel }
        self.node.count { $0.connectionsAccepted += 1 }
        let handler = VotingConversationHandler(
            self.boots.conversation(self.node.configuration), .accepting, opened: {},
            received: { [weak self] packet, handler in self?.take(packet, over: handler) },
            ended: { [weak self] handler, refusal, source in
                self?.accepted.remove(handler)
                if let refusal { self?.refuse(refusal, from: source) }
            })
        if let certificates = self.node.configuration.protection.certificates {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(context: certificates.contexts.accepting))
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        if let surplus = self.accepted.add(handler) { self.turnAway(surplus) }
        let bound = NIOLoopBound(handler, eventLoop: self.eventLoop)
        // Weakly, because a node that is started again has to find its directory free.
        self.eventLoop.scheduleTask(in: .nanoseconds(Self.greetingTimeout.clampedNanoseconds)) { [weak self] in
            if !bound.value.isOpen { self?.turnAway(bound.value) }
        }
    }

    /// For how long somebody who has connected may say nothing.
    private static let greetingTimeout: Duration = .seconds(5)

    private func turnAway(_ handler: VotingConversationHandler) {
        guard handler.close() else { return }
        self.node.count { $0.connectionsRefused += 1 }
    }

    private func take(_ packet: VotingPacket, over handler: VotingConversationHandler) {
        self.node.count { $0.packetsReceived += 1 }
        self.accepted.note(packet.sender, on: handler)?.close()
        self.step { $0.receive(packet, at: $1) }
    }

    /// Counts what is not heard, and tells of it now and then.
    func refuse(_ refusal: ClusterRefusal, from source: SocketAddress?) {
        let count = self.node.count { statistics in
            statistics.refusals[refusal, default: 0] += 1
            return statistics.refusals[refusal] ?? 0
        }
        let place = source.flatMap(TransportAddress.member)?.description ?? "unknown"
        let notice = self.notices.notice(of: refusal, from: place, count: count, at: self.clock.now)
        if let notice { self.tell(notice) }
    }

    func begin() {
        self.step { election, _ in election.begin() }
    }

    /// Ends all.
    ///
    /// - Parameter resigns: Whether it hands over first, if it leads.
    func close(resigns: Bool) async {
        await self.perform { loop in
            if resigns { loop.step { $0.resign(at: $1) } }
            loop.isClosed = true
            loop.timer?.task.cancel()
            // What was just said still goes out: closing a channel flushes what was written to it.
            loop.links.close()
            for handler in loop.accepted.channels { handler.close() }
            loop.server?.close(promise: nil)
        }
        // After what is being written now. Only then may another process have the directory.
        let file = self.file
        await Task(executorPreference: Self.disk) { file.close() }.value
    }

    // MARK: Deciding

    /// Has the election decide, and carries out what it wants done.
    ///
    /// - Throws: What the action throws, or `unavailable` after the disk has failed.
    func step<Failure: Error>(
        _ action: (inout VotingElection, MonotonicInstant) throws(Failure) -> [VotingDirective]
    ) throws(Failure) {
        guard self.failure == nil, !self.isClosed else { return }
        let now = self.clock.now
        let isWilling = self.isHandingOver || self.node.isWanted(at: now)
        var directives = self.election.setWilling(isWilling, at: now)
        defer { self.carryOut(directives) }
        directives += try action(&self.election, now)
    }

    private func carryOut(_ directives: [VotingDirective]) {
        let now = self.clock.now
        self.node.publish(self.election, directives, at: now)
        var preferred: NodeID?
        for directive in directives {
            switch directive {
            case .persist(let record): self.persist(record)
            case .send(let packet, let id): self.links.send(packet, to: id)
            case .tell(.outranked(let other)): preferred = other
            case .tell(let event):
                self.node.hub.send(event)
                if let notice = self.notices.notice(of: event, at: now) { self.tell(notice) }
            }
        }
        self.schedule()
        // It is told again with the next heartbeat.
        if let preferred { try? self.handOver(to: preferred) }
    }

    /// Whether it leads only until the last lease that it gave is over. It must not resign before that, though nobody wants to lead any more.
    private var isHandingOver: Bool { self.handingOver == self.election.term && self.election.leadership != nil }

    /// Has another node elected, when nobody in this process works under a lease any more.
    ///
    /// - Throws: ``ClusterError``, as ``VotingElection/handOver(to:at:)``.
    func handOver(to successor: NodeID) throws(ClusterError) {
        guard !self.isHandingOver else { return }
        var trial = self.election
        // Whether it can be done is asked of a copy, because nothing may be said yet.
        _ = try trial.handOver(to: successor, at: self.clock.now)
        let term = self.election.term
        self.handingOver = term
        let until = self.node.stopGranting(in: term)
        let wait = max(.zero, self.clock.now.duration(to: until))
        self.eventLoop.scheduleTask(in: .nanoseconds(wait.clampedNanoseconds)) {
            self.finishHandOver(to: successor, in: term)
        }
    }

    private func finishHandOver(to successor: NodeID, in term: FencingToken) {
        guard self.election.term == term else { return }
        self.step { election, now in
            do throws(ClusterError) { return try election.handOver(to: successor, at: now) } catch {
                // It has failed meanwhile. Somebody else, then, or nobody: the leases are over in any case.
                return election.resign(at: now)
            }
        }
    }

    private func schedule() {
        guard let wake = self.election.nextWake else {
            self.timer?.task.cancel()
            return self.timer = nil
        }
        if let timer, timer.at == wake { return }
        self.timer?.task.cancel()
        let delay = max(.zero, self.clock.now.duration(to: wake))
        let task = self.eventLoop.scheduleTask(in: .nanoseconds(delay.clampedNanoseconds)) {
            self.timer = nil
            self.step { $0.wake(at: $1) }
        }
        self.timer = (wake, task)
    }

    // MARK: Writing down

    private func persist(_ record: VoteRecord) {
        self.waiting = record
        if !self.isWriting { self.write() }
    }

    private func write() {
        guard let record = self.waiting, !self.isClosed else { return }
        self.waiting = nil
        self.isWriting = true
        let file = self.file
        Task(executorPreference: Self.disk) {
            var failure: ClusterError?
            do throws(ClusterError) { try file.write(record) } catch { failure = error }
            let outcome = failure
            self.eventLoop.execute { self.written(record, outcome) }
        }
    }

    private func written(_ record: VoteRecord, _ failure: ClusterError?) {
        self.isWriting = false
        if let failure {
            // It cannot be known what the disk has, so nothing may leave any more.
            self.failure = failure
            return self.failed()
        }
        self.step { $0.persisted(record.revision, at: $1) }
        if !self.isWriting { self.write() }
    }
}

/// Draws a life for each connection. Used on its event loop only.
final class BootSource {
    private var generator: any RandomNumberGenerator & Sendable

    init(generator: any RandomNumberGenerator & Sendable) {
        self.generator = generator
    }

    func conversation(_ configuration: ElectionNodeConfiguration) -> SealedConversation {
        SealedConversation(
            // Of one election, so that nodes of another one in the same cluster do not vote in it. No name has a line break.
            cluster: "\(configuration.cluster)\n\(configuration.election)", purpose: .election,
            keyring: configuration.protection.keyring, boot: BootID(using: &self.generator))
    }
}
