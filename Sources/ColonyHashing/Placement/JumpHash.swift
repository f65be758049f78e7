// Jump consistent hashing: a bucket number from a hash and the number of buckets, without any memory.
//
// Think of the buckets coming one at a time. When the (n + 1)th comes, each key jumps to it with probability 1/(n + 1), drawn
// from a generator seeded by the key. That is perfectly even, and moves exactly the share that the new bucket needs. Most of
// these draws do not jump, and the next one that does can be drawn directly: after a jump to b the next is to
// ⌊(b + 1)/r⌋ for an even r from 0 to 1. So a look-up takes about ln n draws.
//
// What it cannot do follows from the idea: buckets are numbered, and only the last can go. The removal of a node in the
// middle would renumber all after it. So it fits stores of numbered shards, whose number grows, each behind a name of its own
// that does not change when the machine does; it does not fit caches whose machines fail.
//
// Reference: Lamping, Veach: A fast, minimal memory, consistent hash algorithm. arXiv 1406.2294, 2014, figure 1.

/// Numbered buckets without a table: the most even of all placements, for sets that change at their end only.
///
/// The order of the nodes counts. All processes must list them in the same order, nodes are added at the end, and only the
/// last can be removed. The names of nodes play no part.
///
/// - Complexity: No memory besides the list of nodes; a look-up is O(log *n*).
/// - SeeAlso: Lamping and Veach, *A Fast, Minimal Memory, Consistent Hash Algorithm*, 2014.
public struct JumpHash<Node: Hashable & Sendable>: Placement, Hashable {
    /// The nodes, in the order of their buckets.
    public let nodes: [Node]

    /// Numbers the nodes in their order, from 0.
    ///
    /// - Parameter nodes: At least one, all different.
    /// - Throws: ``PlacementError`` with code `noNodes`, `duplicateNode`, or `tooManyNodes`.
    /// - Complexity: O(*n*).
    public init(nodes: some Sequence<Node>) throws(PlacementError) {
        let nodes = Array(nodes)
        guard !nodes.isEmpty else { throw PlacementError(.noNodes, "a placement needs at least one node") }
        guard nodes.count <= Int(Int32.max) else {
            throw PlacementError(.tooManyNodes, "\(nodes.count) nodes are more than \(Int32.max)")
        }
        var seen: Set<Node> = []
        for node in nodes where !seen.insert(node).inserted {
            throw PlacementError(.duplicateNode, "the node \(node) is listed twice")
        }
        self.nodes = nodes
    }

    private init(checked nodes: [Node]) {
        self.nodes = nodes
    }

    /// The bucket of the hash, as a position in ``nodes``.
    ///
    /// - Complexity: O(log *n*) expected.
    @inlinable
    public func index(forHash hash: UInt64) -> Int {
        JumpBucket.number(forHash: hash, of: self.nodes.count)
    }

    /// The bucket of the hash, and further buckets for hashes that follow from it.
    ///
    /// The paper has no replicas. Here further hashes are drawn from the first, and each one's bucket is taken that is not
    /// taken yet. So each replica moves as rarely as the first when a node is added, except where it meets another.
    ///
    /// - Parameter count: From 1 to the number of nodes.
    /// - Throws: ``PlacementError`` with code `invalidReplicas`.
    /// - Complexity: O(*k* log *n*) expected for *k* replicas as long as *k* is well below *n*, O(*n* log² *n*) for all.
    public func indices(forHash hash: UInt64, count: Int) throws(PlacementError) -> [Int] {
        try self.requireReplicas(count, atMost: self.nodes.count)
        var taken = Set<Int>(minimumCapacity: count)
        var result: [Int] = []
        result.reserveCapacity(count)
        var draw = hash
        // Forty draws for each node find all of up to 2³² nodes in all but one of 10¹⁵ cases.
        for _ in 0..<(40 * count) where result.count < count {
            let bucket = JumpBucket.number(forHash: draw, of: self.nodes.count)
            if taken.insert(bucket).inserted { result.append(bucket) }
            draw = Self.next(after: draw)
        }
        for bucket in self.nodes.indices where result.count < count && taken.insert(bucket).inserted {
            result.append(bucket)
        }
        return result
    }

    /// This placement with one more node at the end. It takes one of *n* + 1 keys; all others stay.
    ///
    /// - Throws: ``PlacementError`` with code `duplicateNode` or `tooManyNodes`.
    /// - Complexity: O(*n*).
    public func appending(_ node: Node) throws(PlacementError) -> Self {
        guard !self.nodes.contains(node) else {
            throw PlacementError(.duplicateNode, "the node \(node) is in the placement already")
        }
        guard self.nodes.count < Int(Int32.max) else {
            throw PlacementError(.tooManyNodes, "\(self.nodes.count) nodes are as many as there can be")
        }
        return Self(checked: self.nodes + [node])
    }

    /// This placement without the last node. Only its keys move, evenly to all others.
    ///
    /// - Throws: ``PlacementError`` with code `noNodes` if there is only one.
    /// - Complexity: O(*n*).
    public func removingLast() throws(PlacementError) -> Self {
        guard self.nodes.count > 1 else {
            throw PlacementError(.noNodes, "the node \(self.nodes[0]) is the last one and cannot be removed")
        }
        return Self(checked: self.nodes.dropLast())
    }

    /// A hash that looks independent of the one before: a step of SplitMix64.
    private static func next(after hash: UInt64) -> UInt64 {
        var value = hash &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// The function of the paper by itself, for those who number their shards and need no list of nodes.
public enum JumpBucket {
    /// The bucket of a hash.
    ///
    /// - Parameters:
    ///   - hash: Any number; it seeds the generator of the draws.
    ///   - count: How many buckets there are, from 1 to 2³¹ - 1.
    /// - Returns: From 0 to `count` - 1.
    /// - Complexity: O(log *n*) expected for *n* buckets.
    @inlinable
    public static func number(forHash hash: UInt64, of count: Int) -> Int {
        precondition(count >= 1 && count <= Int(Int32.max), "there cannot be \(count) buckets")
        var state = hash
        var bucket: Int64 = 0
        var next: Int64 = 0
        while next < Int64(count) {
            bucket = next
            state = state &* 2_862_933_555_777_941_757 &+ 1
            // The divisor is from 1 to 2³¹, and the bucket below 2³¹, so the quotient is below 2⁶² and fits.
            let divisor = Double(Int64(bitPattern: (state >> 33) &+ 1))
            next = Int64(Double(bucket &+ 1) * (0x1p31 / divisor))
        }
        return Int(bucket)
    }
}
