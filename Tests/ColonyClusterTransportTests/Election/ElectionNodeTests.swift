import ColonyCluster
import ColonyClusterTransport
import ColonyCoordination
import ColonyCore
import Foundation
import Synchronization
import Testing

/// Elections by votes over TCP on this host, with files, in real time.
@Suite(.serialized) struct ElectionNodeTests {
    @Test(
        "Of three nodes one leads, through the front door of every election, and one that ends without a word is replaced soon"
    )
    func failOver() async throws {
        let fleet = try ElectionFleet()
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

    @Test("Leaders that end without a word, one after the other, are replaced, and terms rise")
    func manyFailOvers() async throws {
        let set = try VoterSet(voters: ["a", "b", "c"])
        let fleet = try ElectionFleet()
        try await fleet.start(set.voters, of: set)
        for _ in 1...5 {
            let leader = try await fleet.leader()
            try await eventually("work for the leader") {
                fleet.terms.withLock { $0.last } == leader.leadership?.term
            }
            let count = fleet.terms.withLock { $0.count }
            try await fleet.kill(leader.configuration.node)
            try await eventually("another leader") { fleet.terms.withLock { $0.count } > count }
            try await fleet.start([leader.configuration.node], of: set)
        }
        let terms = fleet.terms.withLock { $0 }
        #expect(terms == terms.sorted() && Set(terms).count == terms.count, "\(terms)")
    }

    @Test("A leader that resigns is replaced at once, and the same node may lead again in a later term")
    func resignation() async throws {
        let fleet = try ElectionFleet()
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
