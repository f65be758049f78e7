import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Logging
import Testing

/// Nodes of one process on the loopback address, which are gone when the test is over.
final class Nodes {
    struct Running {
        let node: ClusterNode
        let task: Task<Void, any Error>
    }

    let keyring: ClusterKeyring?
    private(set) var running: [Running] = []

    init(sealed: Bool = true) throws {
        var generator = SeededGenerator(seed: 51)
        self.keyring = sealed ? try ClusterKeyring(.random(using: &generator)) : nil
    }

    /// So quick that a test takes seconds.
    static func settings(packetBytes: Int = 1_300) throws -> MembershipSettings {
        try MembershipSettings(
            period: .milliseconds(100), pingTimeout: .milliseconds(50), gossipInterval: .milliseconds(20),
            exchangeInterval: .milliseconds(300), packetBytes: packetBytes)
    }

    /// Tells nobody.
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// The address of the first node that still runs.
    var seed: MemberAddress {
        get throws { try #require(self.running.first?.node.address) }
    }

    @discardableResult
    func start(
        _ name: NodeID, cluster: ClusterName = "orders", keyring: ClusterKeyring?? = nil, port: Int = 0,
        seeds: [MemberAddress]? = nil, metadata: [UInt8] = [], settings: MembershipSettings? = nil,
        limits: ClusterLimits = .standard, logger: Logger = Nodes.silent
    ) async throws -> ClusterNode {
        let keyring = keyring ?? self.keyring
        let configuration = try ClusterNodeConfiguration(
            cluster: cluster, name: name, port: port, protection: keyring.map { .keyring($0) } ?? .unsealedOnLoopback,
            seeds: seeds ?? self.running.prefix(1).compactMap(\.node.address), metadata: metadata,
            membership: settings ?? Self.settings(), limits: limits)
        return try await self.run(ClusterNode(configuration, logger: logger))
    }

    /// Runs a node that a test has made.
    func run(_ node: ClusterNode) async throws -> ClusterNode {
        self.running.append(Running(node: node, task: Task { try await node.run() }))
        try await eventually("an address of \(node.configuration.name)") { node.address != nil }
        return node
    }

    /// Starts so many that know each other.
    func start(_ count: Int) async throws -> [ClusterNode] {
        var nodes: [ClusterNode] = []
        for number in 0..<count { nodes.append(try await self.start(NodeID("node-\(number)"))) }
        try await Self.agree(nodes)
        return nodes
    }

    static func present(_ node: ClusterNode) -> [NodeID] {
        node.members.filter(\.state.isPresent).map(\.id)
    }

    /// Waits until each sees exactly these, and all see them in the same life and incarnation: a name alone may still be that of a former process.
    static func agree(_ nodes: [ClusterNode]) async throws {
        let names = nodes.map(\.configuration.name).sorted()
        func seen(_ node: ClusterNode) -> [[String]] {
            node.members.filter(\.state.isPresent).map { ["\($0.id)", "\($0.instance)", "\($0.incarnation)"] }
        }
        try await eventually("agreement on \(names); there were \(nodes.map(self.present))") {
            let first = seen(nodes[0])
            return nodes.allSatisfy { seen($0) == first && $0.isAdmitted } && self.present(nodes[0]) == names
        }
    }

    /// Ends them all without a word.
    func stop() async {
        for running in self.running {
            await running.node.fall()
            _ = await running.task.result
        }
        self.running = []
    }

    /// Gives nodes to a test, and takes them back whatever happens.
    static func with(sealed: Bool = true, _ body: (Nodes) async throws -> Void) async throws {
        let nodes = try Nodes(sealed: sealed)
        do {
            try await body(nodes)
        } catch {
            await nodes.stop()
            throw error
        }
        await nodes.stop()
    }
}
