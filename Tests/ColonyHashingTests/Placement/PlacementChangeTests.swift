import ColonyHashing
import Testing

@Suite("Placements change as little as their papers say")
struct PlacementChangeTests {
    static let seeds: [UInt64] = Array(1...40)

    @Test("a ring that was changed step by step equals one made anew, whatever the order", arguments: Self.seeds)
    func ringEqualsOneMadeAnew(seed: UInt64) throws {
        var chance = SampleGenerator(seed: seed)
        var members: [String: PlacementMember<String>] = ["node-0": PlacementMember("node-0")]
        var ring = try HashRing(Array(members.values), pointsPerUnitWeight: 20)
        for _ in 0..<60 {
            let name = "node-\(Int.random(in: 0..<25, using: &chance))"
            let weight = Double(Int.random(in: 1...40, using: &chance)) / 10
            let zone = ["a", "b", nil].randomElement(using: &chance) ?? nil
            if members[name] == nil {
                let member = PlacementMember(name, weight: weight, zone: zone)
                members[name] = member
                ring = try ring.adding(member)
            } else if members.count > 1, Bool.random(using: &chance) {
                members[name] = nil
                ring = try ring.removing(name)
            } else {
                members[name] = members[name]?.weighing(weight)
                ring = try ring.reweighted(name, to: weight)
            }
            let anew = try HashRing(members.values.shuffled(using: &chance), pointsPerUnitWeight: 20)
            #expect(ring == anew, "seed \(seed)")
        }
    }

    @Test("points that coincide belong to the earlier name, in whatever order they came")
    func coincidingPoints() {
        let points = [
            RingPoint(hash: 10, owner: 2), RingPoint(hash: 10, owner: 0), RingPoint(hash: 10, owner: 1),
            RingPoint(hash: .max, owner: 1), RingPoint(hash: 0, owner: 2), RingPoint(hash: 0, owner: 2),
        ]
        var chance = SampleGenerator(seed: 7)
        let table = PointTable(points)
        for _ in 0..<20 {
            #expect(PointTable(points.shuffled(using: &chance)) == table)
        }
        #expect(table.owner(of: 10) == 0)
        #expect(table.owner(of: 5) == 0)
        #expect(table.owner(of: 11) == 1)
        #expect(table.owner(of: 0) == 2)
        #expect(table.owner(of: .max) == 1)
        // The first of the coinciding points goes, and the next one counts; a point that a node has twice goes once.
        let smaller = table.merging(removed: [RingPoint(hash: 10, owner: 0), RingPoint(hash: 0, owner: 2)])
        #expect(smaller.owner(of: 10) == 1)
        #expect(smaller.owner(of: 0) == 2)
        #expect(smaller == PointTable([
            RingPoint(hash: 0, owner: 2), RingPoint(hash: 10, owner: 1), RingPoint(hash: 10, owner: 2),
            RingPoint(hash: .max, owner: 1),
        ]))
        #expect(smaller.merging(added: [RingPoint(hash: 10, owner: 0), RingPoint(hash: 0, owner: 2)]) == table)
    }

    @Test("the search finds what looking at every point finds, on even and on crowded rings", arguments: Self.seeds)
    func searchAgreesWithNaive(seed: UInt64) {
        var chance = SampleGenerator(seed: seed)
        let count = Int.random(in: 1...300, using: &chance)
        // A small mask crowds all points into one entry of the guide.
        let mask: UInt64 = seed % 3 == 0 ? 0xFF : seed % 3 == 1 ? .max : 0xFFF0_0000_0000_0000
        let points = (0..<count).map { RingPoint(hash: chance.next() & mask, owner: UInt32($0)) }.sorted()
        let table = PointTable(points)
        let probes = points.flatMap { [$0.hash, $0.hash &- 1, $0.hash &+ 1] } + (0..<100).map { _ in chance.next() }
        for hash in probes + [0, .max] {
            let naive = points.first { $0.hash >= hash } ?? points[0]
            #expect(table.owner(of: hash) == Int(naive.owner), "seed \(seed), hash \(hash)")
        }
        #expect(abs(table.shares(owners: count).reduce(0, +) - 1) < 1e-9)
    }

    @Test("on a ring and in rendezvous only the keys of the removed node move, and they come back with it")
    func onlyKeysOfTheRemovedNodeMove() throws {
        let members = Samples.nodes(30).enumerated().map { PlacementMember($1, weight: Double(1 + $0 % 3)) }
        try Self.checkRemoval(HashRing(members), member: members[7])
        try Self.checkRemoval(RendezvousHash(members), member: members[7])
        let even = Samples.nodes(30).map { PlacementMember($0) }
        try Self.checkRemoval(RendezvousHash(even), member: even[7])
    }

    private static func checkRemoval<P: WeightedPlacement<String>>(
        _ placement: P, member: PlacementMember<String>
    ) throws {
        let smaller = try placement.removing(member.node)
        let restored = try smaller.adding(member)
        var receivers: Set<String> = []
        for hash in Samples.hashes(20_000) {
            let before = placement.node(forHash: hash)
            let after = smaller.node(forHash: hash)
            if before == member.node { receivers.insert(after) } else { #expect(before == after) }
            #expect(restored.node(forHash: hash) == before)
        }
        #expect(receivers.count > 20, "the keys of the removed node go to many others, not to \(receivers.count)")
        #expect(restored.members == placement.members)
    }

    @Test("a change of weight moves keys only to a node that gains and only from a node that loses")
    func reweighting() throws {
        let members = Samples.nodes(20).map { PlacementMember($0, weight: 1) }
        try Self.checkReweighting(HashRing(members))
        try Self.checkReweighting(RendezvousHash(members + [PlacementMember("odd", weight: 1.5)]))
    }

    private static func checkReweighting<P: WeightedPlacement<String>>(_ placement: P) throws {
        let heavier = try placement.reweighted("node-3", to: 2)
        let lighter = try placement.reweighted("node-3", to: 0.25)
        var gained = 0
        var lost = 0
        for hash in Samples.hashes(20_000) {
            let before = placement.node(forHash: hash)
            if heavier.node(forHash: hash) != before {
                gained += 1
                #expect(heavier.node(forHash: hash) == "node-3")
            }
            if lighter.node(forHash: hash) != before {
                lost += 1
                #expect(before == "node-3")
            }
        }
        #expect(gained > 500 && lost > 300, "\(gained) gained and \(lost) lost")
        #expect(try heavier.reweighted("node-3", to: 1).members == placement.members)
    }

    @Test("jump gives one of n + 1 keys to the node that is appended, and moves no other")
    func jumpMovesOneInN() throws {
        let hashes = Samples.hashes(100_000)
        for count in [1, 2, 9, 99] {
            let before = try JumpHash(nodes: 0..<count)
            let after = try before.appending(count)
            let moved = hashes.filter { before.node(forHash: $0) != after.node(forHash: $0) }
            #expect(moved.allSatisfy { after.node(forHash: $0) == count })
            let expected = Double(hashes.count) / Double(count + 1)
            #expect(abs(Double(moved.count) - expected) < 5 * expected.squareRoot(), "\(moved.count) of \(count) moved")
            #expect(try after.removingLast() == before)
        }
    }

    /// What was measured: 1.2 to 2.1 % of the slots that need not move do move at 100 nodes. The paper shows below 1 % at a
    /// few hundred slots a node for the fewer nodes that it removes; the bound here has some room for other names.
    @Test("of Maglev's slots hardly more than those of the removed node move")
    func maglevMovesFew() throws {
        let table = try MaglevTable(nodes: Samples.nodes(100))
        let before = table.slotOwners.map { table.nodes[$0] }
        for node in ["node-0", "node-42", "node-99"] {
            let smaller = try table.removing(node)
            let after = smaller.slotOwners.map { smaller.nodes[$0] }
            let needlessly = zip(before, after).count { $0 != node && $0 != $1 }
            let share = Double(needlessly) / Double(before.count)
            #expect(share < 0.03, "\(share) of the slots moved between nodes that stay")
            #expect(try smaller.adding(PlacementMember(node)) == table)
        }
    }

    @Test("the order in which nodes are listed does not count, save for jump")
    func listingOrder() throws {
        let nodes = Samples.nodes(12)
        var chance = SampleGenerator(seed: 3)
        let shuffled = nodes.shuffled(using: &chance)
        #expect(try HashRing(nodes: nodes) == HashRing(nodes: shuffled))
        #expect(try RendezvousHash(nodes: nodes) == RendezvousHash(nodes: shuffled))
        #expect(try MaglevTable(nodes: nodes, tableSize: 1_009) == MaglevTable(nodes: shuffled, tableSize: 1_009))
        #expect(try JumpHash(nodes: nodes) != JumpHash(nodes: shuffled))
    }
}
