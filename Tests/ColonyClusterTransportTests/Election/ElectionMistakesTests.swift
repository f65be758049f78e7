import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Foundation
import Synchronization
import Testing

/// What people do wrong with nodes of an election, and what they are told.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ElectionMistakesTests {
    @Test("A configuration that cannot work is refused with its value")
    func configuration() throws {
        let set = try VoterSet(voters: ["a", "b", "c"])
        let address = try MemberAddress(host: "127.0.0.1", port: 1)
        func refusal(
            node: NodeID = "a", known: [NodeID] = ["b", "c"], host: String = "127.0.0.1", port: Int = 0,
            _ protection: ClusterProtection = .unsealedOnLoopback
        ) -> String? {
            do {
                _ = try ElectionNodeConfiguration(
                    election: "scheduler", cluster: "sea", node: node, beginning: .founding(set),
                    addresses: Dictionary(uniqueKeysWithValues: known.map { ($0, address) }), host: host, port: port,
                    directory: "/nowhere", protection: protection, settings: try VotingSettings())
                return nil
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal() == nil)
        #expect(refusal(port: 65_536)?.contains("65536") == true)
        #expect(refusal(known: ["b"])?.contains("\"c\"") == true)
        #expect(refusal(node: "x", known: ["a", "b", "c"])?.contains("\"x\" is none of those who found") == true)
        for host in ["10.0.0.1", "127.0.0.1.example", "0.0.0.0"] {
            #expect(refusal(host: host)?.contains("give it a key") == true)
            #expect(refusal(host: host, .unsealedOnAnyNetwork) == nil)
        }
    }

    @Test("A node with the directory of another one, or with a damaged record, does not start, and says why")
    func directories() async throws {
        let log = Log()
        let fleet = try ElectionFleet(logger: log.logger)
        let set = try VoterSet(voters: ["a", "b", "c"])
        try await fleet.start(["a"], of: set)
        let file = "\(try fleet.directory(of: "a"))/votes"
        try await eventually("a record") { FileManager.default.fileExists(atPath: file) }
        try await fleet.kill("a")
        let copy = "\(try fleet.directory(of: "b"))/votes"
        try FileManager.default.copyItem(atPath: file, toPath: copy)
        let other = try fleet.node("b", of: set)
        let foreign = await #expect(throws: ClusterError.self) { try await other.run() }
        #expect(foreign?.code == .foreignRecord)
        #expect(foreign?.message.contains("\"a\"") == true && foreign?.message.contains("\"b\"") == true)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))
        let again = try fleet.node("a", of: set)
        let damaged = await #expect(throws: ClusterError.self) { try await again.run() }
        #expect(damaged?.code == .damagedRecord)
        #expect(again.standing.position == nil)
        #expect(log.warnings.contains { $0.contains("foreignRecord") }, "\(log.all)")
        #expect(log.warnings.contains { $0.contains("damagedRecord") }, "\(log.all)")
    }

    @Test("Of two processes of one name the others tell, and they still have at most one leader")
    func oneNameTwice() async throws {
        let log = Log()
        let fleet = try ElectionFleet(logger: log.logger)
        let set = try VoterSet(voters: ["a", "b", "c"])
        try await fleet.start(["a", "b", "c"], of: set)
        let leader = try await fleet.leader()
        let addresses = try fleet.members.withLock { members in
            try members.mapValues {
                try MemberAddress(host: "127.0.0.1", port: try #require($0.node.port))
            }
        }
        // Its own directory, so that nothing keeps it from starting.
        let twins = try ElectionFleet(protection: fleet.protection)
        let twin = try #require(set.voters.first { $0 != leader.configuration.node })
        try await twins.start(twins.node(twin, of: set, knowing: addresses))
        try await eventually("somebody who tells: \(log.all)") {
            log.warnings.contains { $0.contains("two processes have one name") && $0.contains("\(twin)") }
        }
        #expect(twins.leaders.isEmpty)
        _ = try await fleet.leader()
        #expect(fleet.terms.withLock { Set($0).count == $0.count })
    }

    @Test("Of an even number of voters half are not enough, which is told at the start, and one more is")
    func evenCount() async throws {
        let log = Log()
        let fleet = try ElectionFleet(logger: log.logger)
        let set = try VoterSet(voters: ["a", "b", "c", "d"])
        try await fleet.start(["a", "b"], of: set)
        try await eventually("a warning") { log.warnings.contains { $0.contains("an odd number is better") } }
        let clock = HostClock()
        let end = clock.now.advanced(by: fleet.timeout * 6)
        let nodes = [try fleet["a"], try fleet["b"]]
        try await eventually("the end of a while") { clock.now >= end }
        #expect(fleet.leaders.isEmpty && fleet.terms.withLock { $0.isEmpty })
        // Nobody enters a term that cannot be won.
        #expect(nodes.allSatisfy { $0.standing.term.rawValue == 0 && $0.knownLeader == nil })
        try await fleet.start(["c"], of: set)
        _ = try await fleet.leader()
    }

    @Test("A node that comes back at another address is heard again as soon as the others are told of it")
    func movedNode() async throws {
        let fleet = try ElectionFleet(timeout: .seconds(1))
        let set = try VoterSet(voters: ["a", "b", "c"])
        try await fleet.start(set.voters, of: set)
        let leader = try await fleet.leader()
        func answering() -> Set<NodeID> {
            Set(leader.standing.members.filter { $0.answers == true }.map(\.member.id))
        }
        try await eventually("answers of all") { answering() == Set(set.voters) }
        let moved = try #require(set.voters.first { $0 != leader.configuration.node })
        let former = try fleet[moved].port
        try await fleet.kill(moved)
        try await eventually("no answers of \(moved)") { !answering().contains(moved) }
        try await fleet.start([moved], of: set)
        #expect(try fleet[moved].port != former)
        try await eventually("answers of all again") { answering() == Set(set.voters) }
        // It has disturbed nobody.
        #expect(leader.leadership?.term == fleet.terms.withLock { $0.last })
        #expect(fleet.terms.withLock { $0.count } == 1)
    }
}
