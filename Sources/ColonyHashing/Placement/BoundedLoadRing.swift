// Consistent hashing with bounded loads.
//
// A ring spreads keys evenly, but requests are not keys: one popular key fills its node while others idle, and even
// equal
// keys leave the fullest node of a ring 20 % above the mean. Mirrokni, Thorup, and Zadimoghaddam give each node a
// capacity
// of c times the mean load, rounded up, and let what does not fit go on round the ring to the next node that has room.
// No
// node is ever above c times the mean, and the rule stays consistent: a change of one node or one load moves an
// expected O(1/ε²) further keys, where c = 1 + ε.
//
// Deviations. The paper keeps the bound also while keys go away, by moving keys back. This is a rule for new requests:
// it picks a node for the next one and cannot move those that run. So the bound holds for each node at the moment it is
// picked, and for all nodes at all times while loads only grow. Nodes have weights: the capacity is the node's share
// of c times the total load.
//
// Reference: Mirrokni, Thorup, Zadimoghaddam: Consistent hashing with bounded loads. arXiv 1608.01350, 2016; SODA 2018.
// Section 2 has the forwarding rule and the capacities, theorem 4 the expected number of moves.

/// A ring that never gives a node more than a factor of its fair share of the present load.
///
/// The value does not count: the caller, who knows when requests begin and end, hands the present loads in.
///
/// ```swift
/// let bounded = try BoundedLoadRing(ring, loadFactor: 1.25)
/// let index = bounded.index(forHash: ring.hash(ofKey: "user:42"), loads: running)
/// running[index] += 1
/// ```
public struct BoundedLoadRing<Node: Hashable & Sendable>: Hashable, Sendable {
    /// The ring that says where a key would go if all nodes had room.
    public let ring: HashRing<Node>
    /// How many times its fair share of the load a node may have; *c* or 1 + ε in the paper.
    public let loadFactor: Double
    /// What each node may have of a total load of one, a little less than exactly: 1.1 times 10 is a little above 11 in binary
    /// fractions, and would be rounded up to 12.
    @usableFromInline let capacities: [Double]

    /// Bounds the loads of a ring.
    ///
    /// - Parameter loadFactor: More than 1 (at least 1.000001) and at most 1,000. A smaller factor spreads more evenly
    /// and sends more keys away from home: 1.25 is a good start, and a factor of 2 hardly sends any.
    /// - Throws: ``PlacementError`` with code `invalidLoadFactor`.
    public init(_ ring: HashRing<Node>, loadFactor: Double = 1.25) throws(PlacementError) {
        guard 1.000_001...1_000 ~= loadFactor else {
            throw PlacementError(
                .invalidLoadFactor, "the load factor \(loadFactor) is not from 1.000001 to 1000")
        }
        self.ring = ring
        self.loadFactor = loadFactor
        let totalWeight = ring.members.reduce(0) { $0 + $1.weight }
        self.capacities = ring.members.map { loadFactor * $0.weight / totalWeight * (1 - 0x1p-40) }
    }

    /// The largest load that a node may have while the loads of all nodes add up to `totalLoad`: its share by weight of
    /// the load factor times the total, rounded up. At equal weights that is ⌈c · mean⌉.
    ///
    /// - Parameters:
    ///   - index: A position in the ring's nodes.
    ///   - totalLoad: Zero or more, with the request that is to be placed.
    @inlinable
    public func capacity(ofNodeAt index: Int, totalLoad: Int) -> Int {
        let exact = self.capacities[index] * Double(totalLoad)
        let whole = Int(exact)
        return Double(whole) < exact ? whole + 1 : whole
    }

    /// The position in the ring's nodes of the node that takes the next request for a key: the first one on the way
    /// round the ring whose load with the request stays within its capacity.
    ///
    /// There always is one, because the capacities add up to more than the load.
    ///
    /// - Parameters:
    ///   - hash: The hash of the key, evenly spread.
    ///   - loads: The present load of each node, in the order of the ring's nodes; zero or more each.
    /// - Complexity: O(*n*) for adding up the loads, and then as ``index(forHash:totalLoad:load:)``.
    public func index(forHash hash: UInt64, loads: [Int]) -> Int {
        precondition(
            loads.count == self.ring.nodes.count, "\(loads.count) loads were given for \(self.ring.nodes.count) nodes")
        return self.index(forHash: hash, totalLoad: loads.reduce(0, +)) { loads[$0] }
    }

    /// The same for a caller who keeps the total and looks loads up as they are asked for.
    ///
    /// If loads change between two calls of `load`, or `totalLoad` is out of date, the answer may be a node at its
    /// capacity; every answer is a node of the ring.
    ///
    /// - Parameters:
    ///   - totalLoad: What all loads add up to, without the request to be placed.
    ///   - load: The present load of the node at a position; zero or more.
    /// - Complexity: O(1/ε²) points expected, all in the worst case.
    @inlinable
    public func index(forHash hash: UInt64, totalLoad: Int, load: (Int) -> Int) -> Int {
        self.ring.firstIndex(forHash: hash) { index in
            load(index) < self.capacity(ofNodeAt: index, totalLoad: totalLoad + 1)
        }
    }
}
