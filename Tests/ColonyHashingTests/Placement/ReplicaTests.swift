import ColonyHashing
import Testing

@Suite("Replicas")
struct ReplicaTests {
    static let members = (0..<12).map { number in
        PlacementMember("node-\(number)", weight: Double(1 + number % 3), zone: ["a", "b", "c"][number / 4])
    }

    static func placements() throws -> [any Placement<String>] {
        [
            try HashRing(self.members, pointsPerUnitWeight: 10), try RendezvousHash(self.members),
            try MaglevTable(self.members, tableSize: 251),
        ]
    }

    @Test("replicas lie on different nodes, the first is the key's own, and all nodes can be asked for")
    func different() throws {
        let placements = try Self.placements() + [try JumpHash(nodes: Samples.nodes(12))]
        for placement in placements {
            for hash in Samples.hashes(300) {
                for count in [1, 2, 3, 7, 12] {
                    let replicas = try placement.nodes(forHash: hash, count: count)
                    #expect(replicas.count == count)
                    #expect(Set(replicas).count == count)
                    #expect(replicas.first == placement.node(forHash: hash))
                }
            }
        }
    }

    @Test("more replicas begin with the fewer, so that a quorum can be widened")
    func prefixes() throws {
        let nodes = Samples.nodes(12)
        let placements: [any Placement<String>] = [
            try HashRing(nodes: nodes), try RendezvousHash(nodes: nodes), try MaglevTable(nodes: nodes),
            try JumpHash(nodes: nodes),
        ]
        for placement in placements {
            for hash in Samples.hashes(100) {
                let five = try placement.nodes(forHash: hash, count: 5)
                #expect(try placement.nodes(forHash: hash, count: 3) == Array(five.prefix(3)))
            }
        }
    }

    @Test("replicas lie in different zones first, and beyond the number of zones still on different nodes")
    func zones() throws {
        let zone = Dictionary(uniqueKeysWithValues: Self.members.map { ($0.node, $0.zone ?? "") })
        for placement in try Self.placements() {
            for hash in Samples.hashes(300) {
                for count in 1...12 {
                    let replicas = try placement.nodes(forHash: hash, count: count)
                    let zones = Set(replicas.map { zone[$0] })
                    #expect(zones.count == min(count, 3), "\(count) replicas on \(replicas)")
                    #expect(Set(replicas).count == count)
                }
            }
        }
    }

    @Test("a node without a zone is a zone of its own")
    func withoutZone() throws {
        let ring = try HashRing([
            PlacementMember("a1", zone: "a"), PlacementMember("a2", zone: "a"), PlacementMember("x"),
            PlacementMember("y"),
        ])
        for hash in Samples.hashes(200) {
            let replicas = try Set(ring.nodes(forHash: hash, count: 3))
            #expect(replicas.isSuperset(of: ["x", "y"]))
        }
    }

    @Test("when a node goes, the next replica of a ring's key takes over")
    func takeOver() throws {
        let ring = try HashRing(nodes: Samples.nodes(10))
        for hash in Samples.hashes(500) {
            let replicas = try ring.nodes(forHash: hash, count: 2)
            #expect(try ring.removing(replicas[0]).node(forHash: hash) == replicas[1])
        }
    }

    @Test("fewer than one replica or more than nodes is refused, with the numbers")
    func counts() throws {
        let placements = try Self.placements() + [try JumpHash(nodes: Samples.nodes(12))]
        for placement in placements {
            for count in [0, -1, 13, Int.max] {
                let error = #expect(throws: PlacementError.self) { try placement.nodes(for: "key", count: count) }
                #expect(error?.code == .invalidReplicas)
                #expect(error?.message.contains("\(count)") == true)
            }
        }
    }

    @Test("Ketama's replicas lie on servers that have points, and no more can be asked for")
    func ketama() throws {
        let ring = try KetamaRing([
            PlacementMember(KetamaServer("heavy-1"), weight: 1_000), PlacementMember(KetamaServer("light")),
            PlacementMember(KetamaServer("heavy-2"), weight: 1_000),
        ])
        #expect(ring.shares[1] == 0)
        #expect(try Set(ring.nodes(for: "key", count: 2)) == [KetamaServer("heavy-1"), KetamaServer("heavy-2")])
        #expect(throws: PlacementError.self) { try ring.nodes(for: "key", count: 3) }
    }
}
