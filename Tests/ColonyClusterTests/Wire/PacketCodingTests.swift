import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// What travels between members.
@Suite struct PacketCodingTests {
    private func samples() throws -> [MembershipPacket] {
        let address = try MemberAddress("[fd00::1]:7946")
        let claims = MemberState.allCases.map { state in
            MembershipClaim(
                id: "bö", address: address, instance: .max, incarnation: .max - 1, state: state,
                accuser: state == .suspected ? "c" : nil, metadata: state == .alive ? Array("zone=a".utf8) : nil)
        }
        let summary = MembershipSummary(parts: (1...UInt64(MembershipSummary.partCount)).map { .max / $0 })
        let messages: [MembershipMessage] = [
            .ping(sequence: 1, target: "b"), .ack(sequence: .max, digest: .max), .nack(sequence: 0),
            .pingRequest(sequence: 7, target: "b", address: address), .gossip, .pull(summary), .push(summary), .fill,
        ]
        return messages.map { MembershipPacket(sender: "a", message: $0, claims: claims) }
    }

    @Test("A packet is read as it was written")
    func packetsComeBack() throws {
        for packet in try self.samples() {
            let read = try PacketCoding.decode(PacketCoding.encode(packet))
            #expect(read == packet)
        }
    }

    @Test("A packet that was cut short or has something after it is refused")
    func cutPacketsAreRefused() throws {
        for packet in try self.samples() {
            let bytes = PacketCoding.encode(packet)
            for length in 0..<bytes.count {
                #expect(throws: ClusterError.self) { try PacketCoding.decode(bytes[..<length]) }
            }
            #expect(throws: ClusterError.self) { try PacketCoding.decode(bytes + [0]) }
        }
    }

    @Test("Another version is told apart from rubbish")
    func versionIsTold() throws {
        var bytes = PacketCoding.encode(try self.samples()[0])
        bytes[0] = 3
        let error = #expect(throws: ClusterError.self) { try PacketCoding.decode(bytes) }
        #expect(error?.code == .unsupportedVersion)
        #expect(error?.message.contains("version 3") == true)
    }

    @Test("Bytes that were changed at random are read or refused, and never more than that")
    func changedPacketsDoNoHarm() throws {
        var generator = SeededGenerator(seed: 1)
        let samples = try self.samples().map { PacketCoding.encode($0) }
        for _ in 0..<20_000 {
            guard var bytes = samples.randomElement(using: &generator) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            // What is read can be written, and is read as the same again.
            if let packet = try? PacketCoding.decode(bytes) {
                let again = try PacketCoding.decode(PacketCoding.encode(packet))
                #expect(again == packet)
            }
        }
    }
}
