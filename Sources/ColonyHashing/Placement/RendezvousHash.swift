// Rendezvous hashing, also called highest random weight: every node draws a number for the key, and the best one wins.
//
// It needs no table at all, moves only the keys of the node that goes, spreads them over all others, and its first k nodes
// are k replicas with the same properties. The price is that each look-up asks every node.
//
// The draw is a hash of the key's and the node's hash, taken as a number u, evenly spread between 0 and 1. With weights, the
// node with the largest -w / ln u wins [2]: -ln u / w is exponentially distributed with rate w, and the smallest of
// independent exponential variables is each one with a probability in proportion to its rate. So the shares are exactly the
// weights, and a change of one weight moves keys only to or from that node. This file looks for the smallest -log₂ u / w,
// which is the same order. At equal weights the logarithm is left out, since it keeps the order of u.
//
// The logarithm is made here of additions, multiplications, and one division, which IEEE 754 rounds alike everywhere.
// That of the C library differs in the last bit from one system to the next, and two processes that place keys together
// must not differ at all.
//
// References:
// [1] Thaler, Ravishankar: Using name-based mappings to increase hit rates. IEEE/ACM Transactions on Networking 6(1), 1998.
// [2] Schindelhauer, Schomaker: Weighted distributed hash tables. SPAA 2005, section 4 (the logarithmic method).
// [3] Resch: New hashing algorithms for data storage. Storage Developer Conference 2015 (the same for storage nodes).

/// The node that draws the best number for a key, with exact weights and no table.
///
/// The right choice for up to some dozens of nodes, where nothing but the list of nodes should be kept, and for replicas:
/// when a node goes, its keys spread evenly over all the others.
///
/// - Complexity: 16 bytes per node; a look-up is O(*n*) for *n* nodes.
/// - SeeAlso: Thaler and Ravishankar 1998; Schindelhauer and Schomaker, SPAA 2005, section 4.
public struct RendezvousHash<Node: Hashable & Sendable>: WeightedPlacement, Hashable {
    @usableFromInline let list: MemberList<Node>
    /// XXH64 of each name with seed 1. With seed 0 a key that is called like a node would be a special case.
    @usableFromInline let nameHashes: [UInt64]
    /// The reciprocals of the weights, or nothing if all are equal.
    @usableFromInline let reciprocals: [Double]

    /// Makes a placement.
    ///
    /// - Parameter members: At least one, in any order, with different nodes and names.
    /// - Throws: ``PlacementError`` with code `noNodes`, `duplicateNode`, `tooManyNodes`, `invalidName`, or
    ///   `invalidWeight`.
    /// - Complexity: O(*n* log *n*).
    public init(_ members: some Sequence<PlacementMember<Node>>) throws(PlacementError) {
        self.init(list: try MemberList(members))
    }

    /// Makes a placement of nodes of equal weight whose descriptions are their names.
    ///
    /// - Throws: As ``init(_:)``.
    public init(nodes: some Sequence<Node>) throws(PlacementError) where Node: CustomStringConvertible {
        try self.init(nodes.map { PlacementMember($0) })
    }

    private init(list: MemberList<Node>) {
        self.list = list
        self.nameHashes = list.members.map { member in
            var name = member.name
            return name.withUTF8 { XXH64.hash(UnsafeRawBufferPointer($0), seed: 1) }
        }
        let first = list.members[0].weight
        let isUniform = list.members.allSatisfy { $0.weight == first }
        self.reciprocals = isUniform ? [] : list.members.map { 1 / $0.weight }
    }

    /// The nodes in the order of the bytes of their names.
    @inlinable
    public var nodes: [Node] { self.list.nodes }

    /// The nodes with their names, weights, and zones, in the order of the bytes of their names.
    @inlinable
    public var members: [PlacementMember<Node>] { self.list.members }

    /// The position in ``nodes`` of the node whose draw is best.
    ///
    /// - Complexity: O(*n*).
    @inlinable
    public func index(forHash hash: UInt64) -> Int {
        var best = 0
        if self.reciprocals.isEmpty {
            var largest: UInt64 = 0
            for index in self.nameHashes.indices {
                let draw = Self.draw(hash, self.nameHashes[index])
                // A tie goes to the earlier name.
                if draw > largest || index == 0 {
                    largest = draw
                    best = index
                }
            }
        } else {
            var smallest = Double.infinity
            for index in self.nameHashes.indices {
                let cost = Self.negativeLogarithm(Self.draw(hash, self.nameHashes[index])) * self.reciprocals[index]
                if cost < smallest {
                    smallest = cost
                    best = index
                }
            }
        }
        return best
    }

    /// The nodes with the best draws, those in different zones first, as in ``HashRing/indices(forHash:count:)``.
    ///
    /// - Parameter count: From 1 to the number of nodes.
    /// - Throws: ``PlacementError`` with code `invalidReplicas`.
    /// - Complexity: O(*n* log *n*) for *n* nodes.
    public func indices(forHash hash: UInt64, count: Int) throws(PlacementError) -> [Int] {
        try self.requireReplicas(count, atMost: self.list.nodes.count)
        var costs: [(cost: Double, index: Int)] = []
        costs.reserveCapacity(self.nameHashes.count)
        for index in self.nameHashes.indices {
            let draw = Self.draw(hash, self.nameHashes[index])
            // At equal weights the draws themselves are compared, as in the look-up of one node; they are whole numbers
            // that a Double holds exactly.
            let cost =
                self.reciprocals.isEmpty
                ? -Double(draw) : Self.negativeLogarithm(draw) * self.reciprocals[index]
            costs.append((cost, index))
        }
        costs.sort { $0.cost == $1.cost ? $0.index < $1.index : $0.cost < $1.cost }
        var selection = ReplicaSelection(count, zones: self.list.zones, zoneCount: self.list.zoneCount)
        for (_, index) in costs where selection.offer(index) { break }
        return selection.picked()
    }

    /// This placement with one more node. Only keys that the new node takes move.
    ///
    /// - Throws: ``PlacementError`` with code `duplicateNode`, `tooManyNodes`, `invalidName`, or `invalidWeight`.
    /// - Complexity: O(*n*).
    public func adding(_ member: PlacementMember<Node>) throws(PlacementError) -> Self {
        Self(list: try self.list.adding(member).list)
    }

    /// This placement without the node. Only keys of that node move, to all others by their weights.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `noNodes`.
    /// - Complexity: O(*n*).
    public func removing(_ node: Node) throws(PlacementError) -> Self {
        Self(list: try self.list.removing(node).list)
    }

    /// This placement with another weight for the node. Keys move only to that node if it gained weight, and only from it
    /// if it lost some.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `invalidWeight`.
    /// - Complexity: O(*n*).
    public func reweighted(_ node: Node, to weight: Double) throws(PlacementError) -> Self {
        Self(list: try self.list.reweighted(node, to: weight).list)
    }
}

// MARK: The draw

extension RendezvousHash {
    /// 53 even bits of the key's and the name's hash: the output function of SplitMix64, every bit of which depends on
    /// every bit of the sum.
    @inlinable
    static func draw(_ key: UInt64, _ name: UInt64) -> UInt64 {
        var value = (key ^ name) &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return (value ^ (value >> 31)) >> 11
    }

    /// -log₂ u for u = (draw + ½) / 2⁵³, which is never 0 and never 1.
    ///
    /// With u = m · 2ᵉ and m between √½ and √2, ln m = 2 artanh s for s = (m - 1)/(m + 1), |s| < 0.172. The series
    /// s + s³/3 + s⁵/5 … to the term of s¹⁹ leaves out less than 10⁻¹⁷.
    @inlinable
    static func negativeLogarithm(_ draw: UInt64) -> Double {
        // The draw and its half are 54 bits; the last one may round away, which keeps the order.
        let number = (Double(draw) + 0.5) * 0x1p-53
        var exponent = Double(Int64(number.bitPattern >> 52) - 1_023)
        var mantissa = Double(bitPattern: (number.bitPattern & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000)
        if mantissa > 0x1.6a09e667f3bcdp+0 {
            mantissa *= 0.5
            exponent += 1
        }
        let s = (mantissa - 1) / (mantissa + 1)
        let square = s * s
        var series = 1.0 / 19
        series = series * square + 1.0 / 17
        series = series * square + 1.0 / 15
        series = series * square + 1.0 / 13
        series = series * square + 1.0 / 11
        series = series * square + 1.0 / 9
        series = series * square + 1.0 / 7
        series = series * square + 1.0 / 5
        series = series * square + 1.0 / 3
        series = series * square + 1
        // 2 / ln 2 turns the natural logarithm's series into that of base 2.
        return -(exponent + s * series * 0x1.71547652b82fep+1)
    }
}
