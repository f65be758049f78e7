import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Merkle trees")
struct MerkleTreeTests {
    @Test("find the ranges that differ and no others, in whatever order entries came")
    func differences() {
        for seed in Seed(0x3E_4C_1E).followed(by: 200) {
            var generator = SeededGenerator(seed: seed)
            let entries = (0..<200).map { _ in (generator.next(), generator.next()) }
            var first = MerkleTree(depth: 8)
            var second = MerkleTree(depth: 8)
            for (key, entry) in entries { first.add(keyHash: key, entryHash: entry) }
            let changed = Set(
                entries.indices.shuffled(using: &generator).prefix(Int.random(in: 0...4, using: &generator)))
            var expected: Set<Int> = []
            for index in entries.indices.shuffled(using: &generator) {
                let (key, entry) = entries[index]
                if changed.contains(index) {
                    expected.insert(first.leaf(ofKeyHash: key))
                    // One that is missing, or one that is another.
                    if index % 2 == 0 { second.add(keyHash: key, entryHash: entry &+ 1) }
                } else {
                    second.add(keyHash: key, entryHash: entry)
                }
            }
            #expect(Set(first.differences(from: second)) == expected, "seed \(seed)")
        }
    }

    @Test("of no entries are equal, and one without depth has one range")
    func edges() {
        #expect(MerkleTree(depth: 12).differences(from: MerkleTree(depth: 12)).isEmpty)
        var tree = MerkleTree(depth: 0)
        tree.add(keyHash: .max, entryHash: 1)
        #expect(tree.differences(from: MerkleTree(depth: 0)) == [0])
    }
}
