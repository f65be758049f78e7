import ColonyCluster
import ColonyClusterTransport
import ColonyCoordination
import ColonyCore
import Foundation
import Synchronization
import Testing

/// Elections by votes over TCP on this host, with files, in real time.
@Suite(.serialized) struct ElectionNodeTests {
    private static let timeout: Duration = .milliseconds(300)

    /// Nodes that run, each with a directory and a campaign of its own.
    private final class Fleet: Sendable {
        struct Member {
            let node: ElectionNode
            let running: Task<Void, any Error>
            let campaign: Task<Void, any Error>
        }

        let directory: URL
        let keyring: ClusterKeyring
        let members = Mutex<[NodeID: Member]>([:])
        /// The terms in which somebody has begun to lead, in order.
        let terms = Mutex<[FencingToken]>([])
        let leaderships = Mutex<[Leadership]>([])

        init() throws {
            self.directory = FileManager.default.temporaryDirectory.appending(path: "colony-votes-\(UUID())")
            var generator = SystemRandomNumberGenerator()
            self.keyring = try ClusterKeyring(ClusterKey.random(using: &generator))
        }

        deinit {
            for member in self.members.withLock({ $0 }).values {
                member.campaign.cancel()
                member.running.cancel()
            }
            try? FileManager.default.removeItem(at: self.directory)
        }

        /// Starts nodes, for the first time or again.
        func start(_ ids: [NodeID], of set: VoterSet) async throws {
            let unknown = try MemberAddress(host: "127.0.0.1", port: 1)
            for id in ids {
                let path = self.directory.appending(path: id.rawValue).path(percentEncoded: false)
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                let configuration = try ElectionNodeConfiguration(
                    election: "scheduler", cluster: "sea", node: id, beginning: .founding(set),
                    addresses: Dictionary(uniqueKeysWithValues: set.voters.map { ($0, unknown) }), port: 0,
                    directory: path,
                    keyring: self.keyring, settings: try VotingSettings(electionTimeout: timeout))
                let node = ElectionNode(configuration)
                let running = Task { try await node.run() }
                try await eventually("a node that listens") { node.port != nil }
                let campaign = Task {
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
            let ports = self.members.withLock { $0.mapValues(\.node) }
            for node in ports.values {
                for (id, other) in ports {
                    guard let port = other.port else { continue }
                    try await node.setAddress(try MemberAddress(host: "127.0.0.1", port: port), of: id)
                }
            }
        }

        var leaders: [NodeID] {
            self.members.withLock { $0.filter { $0.value.node.leadership != nil }.keys.sorted() }
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

    @Test(
        "Of three nodes one leads, through the front door of every election, and one that ends without a word is replaced soon"
    )
    func failOver() async throws {
        let fleet = try Fleet()
        try await fleet.start(["a", "b", "c"], of: try VoterSet(voters: ["a", "b", "c"]))
        try await eventually("one leader") { fleet.terms.withLock { $0.count } == 1 }
        let leader = try #require(fleet.leaders.first)
        #expect(fleet.leaders == [leader])
        // Observers see the same everywhere.
        for member in fleet.members.withLock({ Array($0.values) }) {
            try await eventually("a leader that all know") { member.node.knownLeader == leader }
            let seen = try await member.node.election().leader()
            #expect(seen?.term == fleet.terms.withLock { $0.last })
        }
        let start = HostClock().now
        try await fleet.kill(leader)
        try await eventually("another leader") { fleet.terms.withLock { $0.count } == 2 }
        let time = start.duration(to: HostClock().now)
        #expect(time < .seconds(5), "replaced after \(time)")
        let terms = fleet.terms.withLock { $0 }
        #expect(terms == terms.sorted() && Set(terms).count == terms.count)
    }

    /// With `COLONY_KILLS=100` it measures, and holds the figure; a few kills beside other tests say only that there is another leader.
    @Test("Leaders that end without a word, one after the other, are replaced soon, and terms rise")
    func manyFailOvers() async throws {
        let kills = ProcessInfo.processInfo.environment["COLONY_KILLS"].flatMap { Int($0) } ?? 5
        let set = try VoterSet(voters: ["a", "b", "c"])
        let fleet = try Fleet()
        try await fleet.start(set.voters, of: set)
        var times: [Duration] = []
        for kill in 1...kills {
            try await eventually("one leader") { fleet.terms.withLock { $0.count } == kill && fleet.leaders.count == 1 }
            let leader = try #require(fleet.leaders.first)
            let nodes = fleet.members.withLock { $0.values.map(\.node) }
            try await eventually("a leader that all know") { nodes.allSatisfy { $0.knownLeader == leader } }
            let start = HostClock().now
            try await fleet.kill(leader)
            try await eventually("another leader") { fleet.terms.withLock { $0.count } == kill + 1 }
            times.append(start.duration(to: HostClock().now))
            try await fleet.start([leader], of: set)
        }
        times.sort()
        let figures =
            "of \(kills) kills: median \(times[kills / 2]), p99 \(times[kills * 99 / 100]), most \(times[kills - 1])"
        let isMeasured = kills >= 100
        #expect(times[kills * 99 / 100] <= .seconds(isMeasured ? 1 : 5), "\(figures)")
        if isMeasured { FileHandle.standardOutput.write(Data("\(figures)\n".utf8)) }
        let terms = fleet.terms.withLock { $0 }
        #expect(terms == terms.sorted() && Set(terms).count == terms.count, "\(terms)")
    }

    @Test("A leader that resigns is replaced at once, and the same node may lead again in a later term")
    func resignation() async throws {
        let fleet = try Fleet()
        try await fleet.start(["a", "b", "c"], of: try VoterSet(voters: ["a", "b", "c"]))
        try await eventually("one leader") { fleet.terms.withLock { $0.count } == 1 }
        let leader = try #require(fleet.leaders.first)
        let node = try #require(fleet.members.withLock { $0[leader]?.node })
        let other = try #require(["a", "b", "c"].first { $0 != leader.rawValue })
        try await node.handOver(to: try NodeID(other))
        #expect(node.leadership == nil)
        try await eventually("the successor as the leader") { fleet.leaders == [try? NodeID(other)] }
        try await eventually("another leader") { fleet.terms.withLock { $0.count } == 2 }
    }

    @Test("A directory that another node uses, or that was copied from one, is refused")
    func directories() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "colony-votes-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.path(percentEncoded: false)
        do {
            let file = try VoteFile(directory: path)
            #expect(try file.read(cluster: "sea", node: "a") == nil)
            let record = try VoteRecord(founding: "sea", node: "a", set: try VoterSet(voters: ["a", "b", "c"]))
            try file.write(record)
            #expect(try file.read(cluster: "sea", node: "a") == record)
            #expect(throws: ClusterError.self) { try file.read(cluster: "sea", node: "b") }
            #expect(throws: ClusterError.self) { try VoteFile(directory: path) }
        }
        let again = try VoteFile(directory: path)
        #expect(try again.read(cluster: "sea", node: "a")?.node == "a")
        var bytes = try Data(contentsOf: directory.appending(path: "votes"))
        bytes[20] ^= 1
        try bytes.write(to: directory.appending(path: "votes"))
        #expect {
            try again.read(cluster: "sea", node: "a")
        } throws: {
            ($0 as? ClusterError)?.code == .damagedRecord
        }
    }
}
