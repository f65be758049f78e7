import ColonyCluster
import ColonyClusterTransport
import ColonyCoordination
import ColonyCore
import ColonyQueues
import Logging
import ServiceLifecycle
import Synchronization

/// The election by votes that the daemon takes part in. It wants to lead whenever it can.
final class ClusterElection: Sendable {
    let node: ElectionNode
    let schedules: DaemonConfiguration.Cluster.SchedulePublishers
    private let clock: any MonotonicClock
    private let wallClock: any WallClock
    private let advertisedHost: String
    /// Since when it leads.
    private let ledSince = Mutex<WallTime?>(nil)

    /// - Parameter advertisedHost: Where others reach this host.
    init(
        _ configuration: ElectionNodeConfiguration, advertisedHost: String,
        schedules: DaemonConfiguration.Cluster.SchedulePublishers, clock: any MonotonicClock,
        wallClock: any WallClock, logger: Logger
    ) {
        self.node = ElectionNode(configuration, clock: clock, logger: logger)
        self.schedules = schedules
        self.clock = clock
        self.wallClock = wallClock
        self.advertisedHost = advertisedHost
    }

    /// What has to run: first the node, and then what stands for election, which ends first and hands over in time.
    ///
    /// - Parameter changed: Told whenever something may look otherwise.
    func services(changed: @escaping @Sendable () -> Void) -> [any Service] {
        [Voter(election: self, changed: changed), Candidate(election: self)]
    }

    /// The civil time of an instant that has passed.
    func wallTime(of instant: MonotonicInstant) -> WallTime {
        self.wallClock.now.advanced(by: self.clock.now.duration(to: instant))
    }

    /// Where the others reach this node, while it runs.
    var address: MemberAddress? {
        let configuration = self.node.configuration
        if let known = configuration.addresses[configuration.node] { return known }
        guard let port = self.node.port else { return nil }
        return try? MemberAddress(host: self.advertisedHost, port: port)
    }

    /// Takes over where a member listens for others that vote.
    func learn(of member: Member) async {
        guard member.id != self.node.configuration.node,
            let address = ClusterMetadata(member.metadata)?.votes.flatMap({ try? MemberAddress($0) })
        else { return }
        // While the node does not run yet, what it was configured with has to do.
        try? await self.node.setAddress(address, of: member.id)
    }

    // MARK: Schedules

    /// What is this daemon's part in publishing for schedules at this moment.
    func scheduleDuty() -> SchedulerDuty {
        guard self.schedules == .leader else { return .publishes(since: nil) }
        guard let since = self.ledSince.withLock({ $0 }), self.node.leadership != nil else {
            return .letsPass(after: self.succession)
        }
        return .publishes(since: since)
    }

    /// How long a leader can be dead before another one leads: ticks from this time may be left for the next one.
    private var succession: Duration { self.node.configuration.settings.electionTimeout * 4 }

    // MARK: Running

    private func lead() async {
        let timeout = self.node.configuration.settings.electionTimeout
        let backoff = Backoff(initial: timeout / 10, maximum: timeout)
        do {
            try await self.node.election().lead(backoff: backoff) { _ in
                self.ledSince.withLock { $0 = self.wallClock.now }
                defer { self.ledSince.withLock { $0 = nil } }
                // There is no work but being it, until it is lost.
                try await OneShotSignal().wait()
            }
        } catch {
            // Cancelled, or the node has ended, which ends the daemon with the reason.
        }
    }

    private struct Voter: Service {
        let election: ClusterElection
        let changed: @Sendable () -> Void

        func run() async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let standings = self.election.node.standings()
                group.addTask {
                    for await _ in standings { self.changed() }
                }
                try await self.election.node.run()
                group.cancelAll()
            }
        }
    }

    private struct Candidate: Service {
        let election: ClusterElection

        func run() async throws {
            await cancelWhenGracefulShutdown { await self.election.lead() }
            // A service that ends ends all others with it.
            try? await gracefulShutdown()
        }
    }
}
