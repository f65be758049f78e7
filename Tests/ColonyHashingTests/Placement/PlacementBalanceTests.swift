import ColonyHashing
import Testing

/// The names of the nodes and the hashes of the keys are fixed, so these figures are the same in every run.
@Suite("Placements spread keys evenly and by weight")
struct PlacementBalanceTests {
    @Test("the fullest of 100 nodes of a ring has at most 1.25 times the mean at 160 points a node")
    func ringBalance() throws {
        for prefix in ["node-", "10.0.0.", "cache.example:"] {
            let ring = try HashRing(nodes: (0..<100).map { "\(prefix)\($0)" })
            #expect(ring.pointCount == 16_000)
            let ratio = Samples.maximumOverMean(ring.shares)
            #expect(ratio <= 1.25, "\(prefix): \(ratio)")
        }
    }

    @Test("sampled keys fall on a ring's nodes by their shares")
    func ringSharesAreTrue() throws {
        let ring = try HashRing(nodes: Samples.nodes(100))
        let hashes = Samples.hashes(1_000_000)
        for (load, share) in zip(Samples.loads(of: ring, hashes), ring.shares) {
            let expected = share * Double(hashes.count)
            #expect(abs(Double(load) - expected) < 6 * expected.squareRoot())
        }
    }

    @Test("the fullest of 100 nodes of a Maglev table of 65,537 slots has at most 1.02 times the mean of the slots")
    func maglevBalance() throws {
        let table = try MaglevTable(nodes: Samples.nodes(100))
        let ratio = Samples.maximumOverMean(table.shares)
        // 656 slots of 655.37: they differ by one at most.
        #expect(ratio <= 1.001, "\(ratio)")
        let small = try MaglevTable(nodes: Samples.nodes(100), tableSize: 10_007)
        #expect(Samples.maximumOverMean(small.shares) <= 1.02)
    }

    @Test("jump and rendezvous are as even as chance allows")
    func evenByChance() throws {
        let hashes = Samples.hashes(500_000)
        let expected = Double(hashes.count) / 100
        for loads in [
            Samples.loads(of: try JumpHash(nodes: 0..<100), hashes),
            Samples.loads(of: try RendezvousHash(nodes: Samples.nodes(100)), hashes),
        ] {
            for load in loads { #expect(abs(Double(load) - expected) < 5 * expected.squareRoot()) }
        }
    }

    @Test("each node gets its share by weight")
    func weights() throws {
        let weights = [0.5, 1, 1.5, 2, 4, 8, 0.25]
        let members = weights.enumerated().map { PlacementMember("node-\($0)", weight: $1) }
        let total = weights.reduce(0, +)
        let hashes = Samples.hashes(400_000)
        func check(_ name: String, _ placement: some Placement<String>, tolerance: Double) {
            for (index, load) in Samples.loads(of: placement, hashes).enumerated() {
                let share = Double(load) / Double(hashes.count)
                let wanted = weights[index] / total
                #expect(abs(share / wanted - 1) < tolerance, "\(name): \(share) instead of \(wanted)")
            }
        }
        // A ring of v points a node is off by about 1/√v; the others only by the sampling.
        check("ring", try HashRing(members, pointsPerUnitWeight: 2_000), tolerance: 0.1)
        check("rendezvous", try RendezvousHash(members), tolerance: 0.03)
        check("Maglev", try MaglevTable(members), tolerance: 0.03)
    }

    @Test("even the lightest node has a point on the ring and a slot in the table")
    func lightest() throws {
        let members = [PlacementMember("heavy", weight: 1_000), PlacementMember("light", weight: 0.000_001)]
        let ring = try HashRing(members)
        #expect(ring.pointCount == 160_001)
        #expect(try MaglevTable(members, tableSize: 101).slotOwners.count { $0 == 1 } == 1)
    }

    @Test("integer keys and byte keys and text keys are spread alike")
    func kindsOfKeys() throws {
        let placement: any Placement<String> = try RendezvousHash(nodes: Samples.nodes(10))
        var loads: [String: Int] = [:]
        for number in 0..<10_000 { loads[placement.node(for: number), default: 0] += 1 }
        #expect(loads.values.allSatisfy { 850...1_150 ~= $0 }, "\(loads)")
        #expect(placement.node(for: 7) == placement.node(for: UInt8(7)))
        #expect(placement.hash(ofKey: -1) == XXH64.hash([UInt8](repeating: 255, count: 8)))
        #expect(placement.hash(ofKey: 258) == XXH64.hash([2, 1, 0, 0, 0, 0, 0, 0] as [UInt8]))
        #expect(placement.node(for: "clé") == placement.node(for: Array("clé".utf8)))
        #expect(placement.hash(ofKey: "clé") == XXH64.hash(Array("clé".utf8)))
    }
}
