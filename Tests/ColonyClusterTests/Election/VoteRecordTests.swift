import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// What is written down, and the sets of voters in it.
@Suite struct VoteRecordTests {
    private func record() throws -> VoteRecord {
        let set = try VoterSet([VotingMember("a"), VotingMember("b", priority: 3), VotingMember("c", role: .observer)])
        return try VoteRecord(founding: "sea", node: "a", set: set)
    }

    @Test("A record is read as it was written")
    func roundTrip() throws {
        let record = try self.record()
        #expect(try VoteRecord(decoding: record.encoded()) == record)
        let joining = VoteRecord(joining: "sea", node: "d")
        #expect(try VoteRecord(decoding: joining.encoded()) == joining)
    }

    @Test("A record of which any byte is another one, or missing, or too many, is refused")
    func damage() throws {
        let bytes = try self.record().encoded()
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                #expect(throws: ClusterError.self) { try VoteRecord(decoding: damaged) }
            }
            #expect(throws: ClusterError.self) { try VoteRecord(decoding: Array(bytes[..<index])) }
        }
        #expect(throws: ClusterError.self) { try VoteRecord(decoding: bytes + [0]) }
    }

    @Test("The record of another node or of another cluster is refused, and both are named")
    func foreignRecord() throws {
        let record = try self.record()
        try record.check(cluster: "sea", node: "a")
        #expect {
            try record.check(cluster: "sea", node: "b")
        } throws: {
            guard let error = $0 as? ClusterError else { return false }
            return error.code == .foreignRecord && error.message.contains("\"a\"") && error.message.contains("\"b\"")
        }
        #expect(throws: ClusterError.self) { try record.check(cluster: "land", node: "a") }
    }

    @Test("Sets that can never elect are refused, and those that are unwise are warned of")
    func sets() throws {
        #expect(throws: ClusterError.self) { try VoterSet([]) }
        #expect(throws: ClusterError.self) { try VoterSet([VotingMember("a", role: .observer)]) }
        #expect(throws: ClusterError.self) { try VoterSet(voters: ["a", "b", "a"]) }
        #expect(throws: ClusterError.self) { try VoterSet(voters: (0..<65).map { try NodeID("n\($0)") }) }
        #expect(throws: ClusterError.self) {
            try VoteRecord(founding: "sea", node: "d", set: try VoterSet(voters: ["a", "b", "c"]))
        }
        #expect(try VoterSet(voters: ["a", "b", "c", "d"]).warnings == [.evenCount(4)])
        #expect(try VoterSet(voters: ["a"]).warnings == [.singleVoter])
        #expect(try VoterSet(voters: ["a", "b", "c"]).warnings.isEmpty)
    }

    @Test("Sets that differ by one voter have no majorities without a common voter, and others may (4.1)")
    func overlap() throws {
        let names: [NodeID] = ["a", "b", "c", "d", "e"]
        for count in 1...4 {
            let smaller = try VoterSet(voters: names.prefix(count))
            #expect(smaller.overlaps(try VoterSet(voters: names.prefix(count + 1))))
        }
        #expect(try !VoterSet(voters: ["a", "b", "c"]).overlaps(try VoterSet(voters: names)))
        #expect(try !VoterSet(voters: ["a"]).overlaps(try VoterSet(voters: ["b"])))
    }

    @Test("Settings that cannot work are refused, and the lease is shorter than the promise by twice the drift")
    func settings() throws {
        #expect(throws: ClusterError.self) { try VotingSettings(electionTimeout: .milliseconds(1)) }
        #expect(throws: ClusterError.self) {
            try VotingSettings(electionTimeout: .milliseconds(100), heartbeat: .milliseconds(50))
        }
        #expect(throws: ClusterError.self) { try VotingSettings(clockDrift: 0.2) }
        let settings = try VotingSettings(electionTimeout: .seconds(1), clockDrift: 0.01)
        let lease = settings.lease.nanosecondCount
        #expect(lease > 980_000_000 && Double(lease) / 0.99 < 1_000_000_000 / 1.01)
    }

    @Test(
        "A crash leaves the old record or the new one, whenever it comes",
        arguments: Seed(rawValue: 1).followed(by: 200))
    func crashes(seed: Seed) throws {
        var disk = SimulatedDisk(seed: seed)
        let old = try self.record()
        // Many names, so that the record spans sectors.
        let set = try VoterSet(voters: (0..<40).map { try NodeID("a node with a long name, number \($0)") } + ["a"])
        let new = try VoteRecord(founding: "sea", node: "a", set: set)
        disk.write(old.encoded(), to: "votes")
        disk.sync("votes")
        disk.syncFolder()
        let crashesAt = seed.rawValue % 5
        let steps: [(inout SimulatedDisk) -> Void] = [
            { $0.write(new.encoded(), to: "votes.new") }, { $0.sync("votes.new") },
            { $0.rename("votes.new", to: "votes") }, { $0.syncFolder() },
        ]
        for step in steps.prefix(Int(crashesAt)) { step(&disk) }
        disk.crash()
        let found = try VoteRecord(decoding: try #require(disk.read("votes")))
        #expect(crashesAt == 4 ? found == new : found == old || (found == new && crashesAt == 3))
    }
}
