import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// Packets of votes as bytes.
@Suite struct VotingCodingTests {
    private func packets() throws -> [VotingPacket] {
        let set = try VoterSet([VotingMember("a", priority: 1), VotingMember("b", role: .observer), VotingMember("ü")])
        let configuration = VoterConfiguration(term: 3, version: 4, set: set)
        let stamp = configuration.stamp
        let messages: [VotingMessage] = [
            .voteRequest(VoteRequest(kind: .handover, term: 9, configuration: stamp)),
            .voteAnswer(VoteAnswer(kind: .inquiry, requestedTerm: 9, isGranted: true, term: 8)),
            .voteAnswer(
                VoteAnswer(kind: .vote, requestedTerm: 9, isGranted: false, term: 8, configuration: configuration)),
            .heartbeat(LeaderHeartbeat(term: 9, round: 10, stamp: stamp, configuration: configuration)),
            .heartbeatAnswer(HeartbeatAnswer(term: 9, round: 10, stamp: stamp, promise: .milliseconds(150))),
            .standNow(term: 9),
        ]
        return messages.map {
            VotingPacket(sender: "a", start: VotingStart(number: 5, nonce: 0x0123_4567_89AB_CDEF), message: $0)
        }
    }

    @Test("A packet is read as it was written")
    func roundTrip() throws {
        for packet in try self.packets() { #expect(try VotingCoding.decode(VotingCoding.encode(packet)) == packet) }
    }

    @Test("A packet that ends early, or goes on, is refused")
    func truncation() throws {
        for packet in try self.packets() {
            let bytes = VotingCoding.encode(packet)
            for count in bytes.indices {
                #expect(throws: ClusterError.self) { try VotingCoding.decode(bytes[..<count]) }
            }
            #expect(throws: ClusterError.self) { try VotingCoding.decode(bytes + [0]) }
        }
    }

    @Test("Bytes that somebody has changed are refused or are another packet, and a node survives all of them")
    func noise() throws {
        var generator = SeededGenerator(seed: 1)
        let set = try VoterSet(voters: ["a", "b", "c"])
        let start = MonotonicInstant(nanoseconds: 0)
        var election = VotingElection(
            record: try VoteRecord(founding: "sea", node: "c", set: set), settings: try VotingSettings(), nonce: 1,
            generator: SeededGenerator(seed: 2), at: start)
        _ = election.begin()
        let packets = try self.packets().map(VotingCoding.encode)
        var now = start
        for _ in 0..<50_000 {
            var bytes = packets[Int.random(in: packets.indices, using: &generator)]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: bytes.indices, using: &generator)
                bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
            }
            now = now.advanced(by: .milliseconds(Int.random(in: 0...100, using: &generator)))
            if let packet = try? VotingCoding.decode(bytes) { _ = election.receive(packet, at: now) }
            if let wake = election.nextWake, wake <= now { _ = election.wake(at: now) }
            _ = election.persisted(election.record.revision, at: now)
        }
        #expect(!election.isLeader(at: now))
    }

    @Test("A term after which there is none is refused, so that no packet can end all elections")
    func lastTerm() throws {
        let packet = VotingPacket(
            sender: "a", start: VotingStart(number: 1, nonce: 1), message: .standNow(term: .max - 1))
        #expect(throws: ClusterError.self) { try VotingCoding.decode(VotingCoding.encode(packet)) }
    }
}
