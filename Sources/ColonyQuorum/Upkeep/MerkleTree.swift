// What a tree can save here, and what it cannot
//
// Dynamo's servers keep a hash tree over their own keys, and two of them find what they differ in by exchanging a few
// hashes. Servers that are plain caches keep no tree, so a client that compares two of them has to read both. The tree
// still does what it is for: the client holds a fixed number of hashes instead of all keys, and in the second pass
// looks only at the ranges that differ. It does not save the first pass.
//
// [1] R. Merkle, A Digital Signature Based on a Conventional Encryption Function, CRYPTO 1987.
// [2] DeCandia et al., Dynamo, SOSP 2007, section 4.7.

/// Hashes over the ranges of a key space: the leaves hash the entries of their range, each node above its two children.
///
/// The entries of a leaf are added up, so the order in which they come does not count.
package struct MerkleTree: Equatable, Sendable {
    /// How many times the key space is halved.
    package let depth: Int
    /// The leaves, from the lowest range to the highest.
    private var leaves: [UInt64]

    /// - Parameter depth: From 0 to 20.
    package init(depth: Int) {
        precondition((0...20).contains(depth), "a tree has a depth of 0 to 20, not \(depth)")
        self.depth = depth
        self.leaves = [UInt64](repeating: 0, count: 1 << depth)
    }

    /// In which leaf a key lies.
    package func leaf(ofKeyHash hash: UInt64) -> Int { self.depth == 0 ? 0 : Int(hash >> UInt64(64 - self.depth)) }

    /// Takes an entry in; a key must be added once.
    package mutating func add(keyHash: UInt64, entryHash: UInt64) {
        self.leaves[self.leaf(ofKeyHash: keyHash)] &+= Self.mixed(keyHash ^ Self.mixed(entryHash))
    }

    /// The leaves in which two trees differ, found from the root down.
    ///
    /// - Complexity: O(*n*) in the number of leaves, because no inner nodes are kept, and O(*d* log *n*) comparisons.
    package func differences(from other: MerkleTree) -> [Int] {
        precondition(self.depth == other.depth, "trees of depth \(self.depth) and \(other.depth) cannot be compared")
        let (mine, theirs) = (self.levels, other.levels)
        var differing = mine[self.depth][0] == theirs[self.depth][0] ? [] : [0]
        for level in stride(from: self.depth - 1, through: 0, by: -1) {
            differing = differing.flatMap { [2 * $0, 2 * $0 + 1] }.filter { mine[level][$0] != theirs[level][$0] }
        }
        return differing
    }

    /// The hashes of all levels, the leaves first and the root last.
    private var levels: [[UInt64]] {
        var levels = [self.leaves]
        for level in 0..<self.depth {
            let below = levels[level]
            levels.append(
                (0..<below.count / 2).map { Self.mixed(below[2 * $0] &* 31 &+ Self.mixed(below[2 * $0 + 1])) })
        }
        return levels
    }

    /// The finishing function of SplitMix64, so that sums of neighbours do not cancel.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
