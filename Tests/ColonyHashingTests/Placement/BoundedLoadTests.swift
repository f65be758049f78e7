import ColonyHashing
import Testing

/// Mirrokni, Thorup, Zadimoghaddam: Consistent hashing with bounded loads (2016), section 2.
@Suite("Bounded loads")
struct BoundedLoadTests {
    @Test("no node ever exceeds ⌈c · mean⌉ while loads grow", arguments: [1.01, 1.1, 1.25, 1.5, 2.0, 3.0])
    func growingLoads(factor: Double) throws {
        for seed in 1...8 as ClosedRange<UInt64> {
            var chance = SampleGenerator(seed: seed)
            let count = Int.random(in: 1...40, using: &chance)
            let bounded = try BoundedLoadRing(HashRing(nodes: Samples.nodes(count)), loadFactor: factor)
            var loads = [Int](repeating: 0, count: count)
            // Half of all requests are for one key, which would fill its node at once.
            let popular = chance.next()
            for total in 1...1_500 {
                let hash = Bool.random(using: &chance) ? popular : chance.next()
                loads[bounded.index(forHash: hash, loads: loads)] += 1
                let exact = factor * Double(total) / Double(count)
                let limit = Int((exact * (1 - 1e-12)).rounded(.up))
                #expect(loads.max() ?? 0 <= limit, "seed \(seed), total \(total), factor \(factor)")
            }
        }
    }

    @Test("a node is never picked beyond its capacity while loads come and go, and weights count")
    func changingLoads() throws {
        var chance = SampleGenerator(seed: 11)
        let members = (0..<15).map { PlacementMember("node-\($0)", weight: Double(1 + $0 % 4)) }
        let bounded = try BoundedLoadRing(HashRing(members), loadFactor: 1.2)
        let totalWeight = members.reduce(0) { $0 + $1.weight }
        var running: [Int] = []
        var loads = [Int](repeating: 0, count: members.count)
        for _ in 0..<20_000 {
            if running.count > 300 || (!running.isEmpty && Int.random(in: 0..<5, using: &chance) < 2) {
                loads[running.remove(at: Int.random(in: 0..<running.count, using: &chance))] -= 1
                continue
            }
            // A few popular keys.
            let hash = XXH64.hash(UInt64.random(in: 0..<6, using: &chance))
            let index = bounded.index(forHash: hash, loads: loads)
            loads[index] += 1
            running.append(index)
            let weight = bounded.ring.members[index].weight
            let exact = 1.2 * Double(running.count) * weight / totalWeight
            #expect(Double(loads[index]) <= exact.rounded(.up))
        }
    }

    @Test("with room everywhere a key goes home, and from a full home to the next node of the ring")
    func forwarding() throws {
        let ring = try HashRing(nodes: Samples.nodes(8))
        let bounded = try BoundedLoadRing(ring, loadFactor: 2)
        for hash in Samples.hashes(200) {
            let order = try ring.indices(forHash: hash, count: 3)
            var loads = [Int](repeating: 10, count: 8)
            #expect(bounded.index(forHash: hash, loads: loads) == order[0])
            loads[order[0]] = 60
            #expect(bounded.index(forHash: hash, loads: loads) == order[1])
            loads[order[1]] = 60
            #expect(bounded.index(forHash: hash, loads: loads) == order[2])
        }
    }

    @Test("capacities are rounded up from the exact product, not from its binary neighbour")
    func capacities() throws {
        let ring = try HashRing(nodes: Samples.nodes(10))
        #expect(try BoundedLoadRing(ring, loadFactor: 1.1).capacity(ofNodeAt: 0, totalLoad: 100) == 11)
        #expect(try BoundedLoadRing(ring, loadFactor: 1.25).capacity(ofNodeAt: 0, totalLoad: 81) == 11)
        #expect(try BoundedLoadRing(ring, loadFactor: 1.25).capacity(ofNodeAt: 0, totalLoad: 80) == 10)
        #expect(try BoundedLoadRing(ring, loadFactor: 1.25).capacity(ofNodeAt: 0, totalLoad: 1) == 1)
        #expect(try BoundedLoadRing(ring, loadFactor: 1.25).capacity(ofNodeAt: 0, totalLoad: 0) == 0)
    }

    @Test("a factor of one or less, too large, or not a number is refused", arguments: [1, 0, -1, 1_001, .infinity, .nan])
    func factors(factor: Double) throws {
        let ring = try HashRing(nodes: ["a", "b"])
        let error = #expect(throws: PlacementError.self) { try BoundedLoadRing(ring, loadFactor: factor) }
        #expect(error?.code == .invalidLoadFactor)
        #expect(error?.message.contains("\(factor)") == true)
    }
}
