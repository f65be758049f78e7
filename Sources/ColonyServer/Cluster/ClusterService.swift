import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Logging
import NIOCore
import ServiceLifecycle

/// What the routes of the cluster do, apart from HTTP, and the membership of the daemon itself.
final class ClusterService: Sendable {
    private let node: ClusterNode?
    private let changed: @Sendable () -> Void

    /// - Parameter changed: Told whenever something may look otherwise.
    init(
        _ configuration: ClusterNodeConfiguration?, clock: any MonotonicClock, logger: Logger,
        changed: @escaping @Sendable () -> Void
    ) {
        self.node = configuration.map { ClusterNode($0, clock: clock, logger: logger) }
        self.changed = changed
    }

    private func offered() throws(Problem) -> ClusterNode {
        guard let node else {
            throw Problem(.notOffered, "this server is in no cluster: start it with --cluster, or set cluster.name")
        }
        return node
    }

    // MARK: Running

    /// What has to run for the daemon to be a member; nothing without a cluster.
    var services: [any Service] {
        self.node.map { [ClusterMember(node: $0, changed: self.changed)] } ?? []
    }

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
    func announce(_ url: String) {
        // An address that is longer than what members may say of themselves is one that nobody could use.
        try? self.node?.updateMetadata(ClusterMetadata(url: url).bytes)
    }

    // MARK: Looking and leaving

    func read(query: Substring.UTF8View) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let node = try self.offered()
        let members = node.members
        return Answer(capacity: 512 + 192 * members.count) { body in
            ClusterAnswers.write(node, members, to: &body)
        }
    }

    func leave() async throws(Problem) -> Answer {
        let node = try self.offered()
        // The others take it for failed if nobody could be told in time, which comes to the same a little later.
        await node.leave(within: node.configuration.leaveTimeout)
        return Answer { $0.writeJSON(#"{"left":true}"#) }
    }

    // MARK: Metrics

    func writeMetrics(to body: inout ByteBuffer) {
        guard let node else { return }
        ClusterMetrics.write(node, to: &body)
    }
}

/// Runs a member until shutdown, also if it leaves its cluster before.
private struct ClusterMember: Service {
    let node: ClusterNode
    let changed: @Sendable () -> Void

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let changes = self.node.changes(keepingNewest: 16)
            group.addTask {
                for await _ in changes { self.changed() }
            }
            try await self.node.run()
            self.changed()
            // A service that ends ends all others with it.
            try? await gracefulShutdown()
            group.cancelAll()
        }
    }
}
