import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonyQueues
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// What the routes of the cluster do, apart from HTTP, and the membership of the daemon itself.
final class ClusterService: Sendable {
    private let node: ClusterNode?
    let election: ClusterElection?
    private let changed: @Sendable () -> Void
    private let shares = RingShares()
    /// What this daemon says of itself.
    private let said = Mutex(ClusterMetadata())

    /// - Parameters:
    ///   - election: Which election the daemon takes part in.
    ///   - changed: Told whenever something may look otherwise.
    init(
        _ configuration: ClusterNodeConfiguration?, election: ElectionNodeConfiguration?,
        schedules: DaemonConfiguration.Cluster.SchedulePublishers, clock: any MonotonicClock,
        wallClock: any WallClock, logger: Logger, changed: @escaping @Sendable () -> Void
    ) {
        self.node = configuration.map { ClusterNode($0, clock: clock, logger: logger) }
        self.election = election.map {
            ClusterElection(
                $0, advertisedHost: configuration?.advertisedHost ?? $0.host, schedules: schedules, clock: clock,
                wallClock: wallClock, logger: logger)
        }
        self.changed = changed
    }

    func offered() throws(Problem) -> ClusterNode {
        guard let node else {
            throw Problem(.notOffered, "this server is in no cluster: start it with --cluster, or set cluster.name")
        }
        return node
    }

    // MARK: Running

    /// What has to run for the daemon to be a member; nothing without a cluster.
    var services: [any Service] {
        let member = self.node.map { [ClusterMember(node: $0, service: self)] } ?? []
        return member + (self.election?.services { self.electionChanged() } ?? [])
    }

    /// Whether the daemon publishes for schedules at this moment.
    func scheduleDuty() -> SchedulerDuty { self.election?.scheduleDuty() ?? .publishes(since: nil) }

    /// By which address other members know the daemon, once it listens.
    var address: MemberAddress? { self.node?.address }

    /// Waits until other members can reach the daemon; returns at once without a cluster.
    ///
    /// - Returns: Whether they can, or there is nobody that has to.
    func waitForStart() async -> Bool {
        guard let node else { return true }
        return await node.boundAddress() != nil
    }

    /// Tells the others where the daemon serves.
    func announce(_ url: String) { self.say { $0.url = url } }

    private func say(_ change: (inout ClusterMetadata) -> Void) {
        guard let node else { return }
        self.said.withLock { said in
            let before = said
            change(&said)
            // An address that is longer than what members may say of themselves is one that nobody could use.
            if said != before { try? node.updateMetadata(said.bytes) }
        }
    }

    /// Something about the cluster may look otherwise.
    fileprivate func happened(_ change: ClusterChange?) async {
        self.changed()
        guard let election else { return }
        switch change {
        case .happened(.joined(let member)), .happened(.updated(let member)): await election.learn(of: member)
        case .missed: for member in self.node?.members ?? [] { await election.learn(of: member) }
        case .happened, nil: break
        }
    }

    /// The election stands otherwise.
    private func electionChanged() {
        if let address = self.election?.address { self.say { $0.votes = address.description } }
        self.changed()
    }

    // MARK: Looking and leaving

    func read(query: Substring.UTF8View) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let node = try self.offered()
        let members = node.members
        let shares = self.shares.of(members)
        return Answer(capacity: 1_024 + 192 * members.count) { body in
            ClusterAnswers.write(node, members, shares, self.election, to: &body)
        }
    }

    func leave() async throws(Problem) -> Answer {
        let node = try self.offered()
        // The others take it for failed if nobody could be told in time, which comes to the same a little later.
        await node.leave(within: node.configuration.leaveTimeout)
        return Answer { $0.writeJSON(#"{"left":true}"#) }
    }

    private func metadata(of id: NodeID) -> ClusterMetadata? {
        self.node?.members.first { $0.id == id }.flatMap { ClusterMetadata($0.metadata) }
    }

    /// Where a member serves, as far as it has said.
    func url(of id: NodeID) -> String? { self.metadata(of: id).flatMap { $0.url.isEmpty ? nil : $0.url } }

    /// Where a member listens for others that vote, as far as it has said.
    func electionAddress(of id: NodeID) -> MemberAddress? {
        self.metadata(of: id)?.votes.flatMap { try? MemberAddress($0) }
    }

    // MARK: Metrics

    func writeMetrics(to body: inout ByteBuffer) {
        guard let node else { return }
        ClusterMetrics.write(node, to: &body)
        if let election { ClusterMetrics.write(election.node, to: &body) }
    }
}

/// Runs a member until shutdown, also if it leaves its cluster before.
private struct ClusterMember: Service {
    let node: ClusterNode
    let service: ClusterService

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let changes = self.node.changes(keepingNewest: 64)
            group.addTask {
                for await change in changes { await self.service.happened(change) }
            }
            try await self.node.run()
            await self.service.happened(nil)
            // A service that ends ends all others with it.
            try? await gracefulShutdown()
            group.cancelAll()
        }
    }
}
