import ColonyCluster
import ColonyClusterTransport
import ColonyCoordination
import ColonyCore
import Foundation
import Logging
import RealServers
import Synchronization
import Testing

/// Nodes of an election in this process that run, each with a directory and a campaign of its own.
final class ElectionFleet: Sendable {
    struct Member {
        let node: ElectionNode
        let running: Task<Void, any Error>
        var campaign: Task<Void, any Error>
    }

    let folder: TemporaryFolder
    let protection: ClusterProtection
    private let certificates: [NodeID: NodeCertificates]
    private let cluster: ClusterName
    private let election: LeaseName
    private let logger: Logger
    /// The election time-out.
    let timeout: Duration
    let members = Mutex<[NodeID: Member]>([:])
    /// The terms in which somebody has begun to lead, in order.
    let terms = Mutex<[FencingToken]>([])
    private let leaderships = Mutex<[Leadership]>([])

    /// - Parameters:
    ///   - certificates: Of those that have one.
    ///   - protection: Of the others: a key that nobody else has, if not given.
    ///   - timeout: Longer where nobody else may be elected, which a machine that has no time for a leader does by itself.
    init(
        cluster: ClusterName = "sea", election: LeaseName = "scheduler", certificates: [NodeID: NodeCertificates] = [:],
        protection: ClusterProtection? = nil,
        timeout: Duration = .milliseconds(300), logger: Logger = Nodes.silent
    ) throws {
        self.folder = try TemporaryFolder("colony-votes")
        var generator = SystemRandomNumberGenerator()
        self.protection = try protection ?? .keyring(ClusterKeyring(ClusterKey.random(using: &generator)))
        self.certificates = certificates
        self.cluster = cluster
        self.election = election
        self.logger = logger
        self.timeout = timeout
    }

    deinit {
        for member in self.members.withLock({ $0 }).values {
            member.campaign.cancel()
            member.running.cancel()
        }
    }

    /// Where a node keeps its votes.
    func directory(of id: NodeID) throws -> String {
        let path = "\(self.folder.path)/\(id)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// A node that does nothing yet.
    func node(_ id: NodeID, of set: VoterSet, knowing addresses: [NodeID: MemberAddress] = [:]) throws -> ElectionNode {
        let unknown = try MemberAddress(host: "127.0.0.1", port: 1)
        let all = Dictionary(uniqueKeysWithValues: set.members.map { ($0.id, addresses[$0.id] ?? unknown) })
        return ElectionNode(
            try ElectionNodeConfiguration(
                election: self.election, cluster: self.cluster, node: id, beginning: .founding(set), addresses: all,
                port: 0, directory: try self.directory(of: id),
                protection: self.certificates[id].map { .certificates($0) } ?? self.protection,
                settings: try VotingSettings(electionTimeout: self.timeout, steadiness: self.timeout)),
            logger: self.logger)
    }

    /// Starts nodes, for the first time or again, and tells all of each other.
    func start(_ ids: [NodeID], of set: VoterSet) async throws {
        for id in ids { try await self.start(self.node(id, of: set)) }
        try await self.introduce()
    }

    /// Runs a node that a test has made.
    ///
    /// - Parameter campaigns: Whether somebody in its process wants to lead.
    func start(_ node: ElectionNode, campaigns: Bool = true) async throws {
        let id = node.configuration.node
        let running = Task { try await node.run() }
        try await eventually("a node that listens") { node.port != nil }
        let campaign = Task {
            guard campaigns else { return }
            try await node.election().lead(
                as: id.rawValue, backoff: Backoff(initial: .milliseconds(20), maximum: .milliseconds(100))
            ) { leadership in
                self.leaderships.withLock { leaderships in
                    // Nobody may still take itself for the leader, not even one that was killed or has handed over.
                    for other in leaderships where other.isLeader {
                        Issue.record("\(other.term) leads while \(leadership.term) begins")
                    }
                    leaderships.append(leadership)
                }
                self.terms.withLock { $0.append(leadership.term) }
                _ = try await leadership.waitUntilLost()
                throw CancellationError()
            }
        }
        self.members.withLock { $0[id] = Member(node: node, running: running, campaign: campaign) }
    }

    /// Tells all that run where all that run are.
    func introduce() async throws {
        let nodes = self.members.withLock { $0.mapValues(\.node) }
        for node in nodes.values {
            for (id, other) in nodes {
                guard let port = other.port else { continue }
                try await node.setAddress(try MemberAddress(host: "127.0.0.1", port: port), of: id)
            }
        }
    }

    subscript(id: NodeID) -> ElectionNode {
        get throws { try #require(self.members.withLock { $0[id]?.node }) }
    }

    var leaders: [NodeID] {
        self.members.withLock { $0.filter { $0.value.node.leadership != nil }.keys.sorted() }
    }

    /// Waits until one leads, and all that run know it.
    func leader() async throws -> ElectionNode {
        let nodes = self.members.withLock { $0.values.map(\.node) }
        try await eventually("one leader that all know") {
            let leaders = self.leaders
            return leaders.count == 1 && nodes.allSatisfy { $0.knownLeader == leaders[0] }
        }
        return try self[try #require(self.leaders.first)]
    }

    /// Ends a node without a word.
    func kill(_ id: NodeID) async throws {
        let member = try #require(self.members.withLock { $0.removeValue(forKey: id) })
        await member.node.crash()
        member.campaign.cancel()
        member.running.cancel()
        _ = await member.campaign.result
        _ = await member.running.result
    }
}
