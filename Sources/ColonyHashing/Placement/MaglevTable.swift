// Maglev hashing: a table of slots, filled so evenly that look-up is one multiplication and one load.
//
// A ring buys evenness with points, and its evenness grows only with their square root. Maglev turns that round. Each node
// has its own permutation of the slots of a table; the nodes take turns, and each takes the first slot of its permutation
// that is still free. So with equal weights no two nodes differ by more than one slot. Where a node goes, the others keep
// nearly all of their slots, because their permutations stay the same. It is nearly: a freed slot may be taken by a node
// that comes to it in an earlier turn than its owner did, so a few keys move between nodes that stay. A table of about a
// hundred times as many slots as nodes keeps both effects near one per cent [1, sections 3.4 and 5.3].
//
// The permutation of a node begins at XXH64(name, seed 0) mod M and goes on in steps of XXH64(name, seed 1) mod (M - 1) + 1.
// The number M of slots is a prime, so every step size reaches every slot.
//
// Deviations. Nodes take their turns in the order of their names, so that the table does not depend on the order in which
// they were listed. Weights are as in Envoy [2]: in round r a node of weight w, which has taken t slots, sits out while
// r · w < t · (largest weight). So each node has at least one slot. A key's slot is the upper half of the product
// hash · M instead of hash mod M: both spread an even hash evenly, and a division takes several times as long.
//
// References:
// [1] Eisenbud et al.: Maglev, a fast and reliable software network load balancer. NSDI 2016, section 3.4.
// [2] Envoy, source/common/upstream/maglev_lb.cc.

/// A look-up table with the same number of slots for each node of equal weight.
///
/// The right choice for a balancer that looks up at every packet or request and can bear that a few keys in a hundred move
/// between nodes that stay. Making a table or changing it costs about a million steps: it is not for sets of nodes that
/// change many times a second.
///
/// - Complexity: 2 bytes per slot; a look-up is O(1).
/// - SeeAlso: Eisenbud et al., *Maglev: A Fast and Reliable Software Network Load Balancer*, NSDI 2016, section 3.4.
public struct MaglevTable<Node: Hashable & Sendable>: WeightedPlacement, Hashable {
    /// The number of slots if nothing else is said: the smaller of the paper's two, good for about 600 nodes, in 128 KB.
    public static var defaultTableSize: Int { 65_537 }
    /// The largest table, a prime; Envoy's limit too.
    public static var maximumTableSize: Int { 5_000_011 }

    @usableFromInline let list: MemberList<Node>
    /// The number of the node that owns each slot.
    @usableFromInline let slots: [UInt16]

    /// Makes a table.
    ///
    /// - Parameters:
    ///   - members: At least one, in any order, with different nodes and names, and no more than slots.
    ///   - tableSize: A prime up to ``maximumTableSize``. Take a hundred times the number of nodes or more: with fewer slots
    ///     the shares are less even and more keys move.
    /// - Throws: ``PlacementError`` with code `noNodes`, `duplicateNode`, `tooManyNodes`, `invalidName`, `invalidWeight`,
    ///   or `invalidTableSize`.
    /// - Complexity: O(*m* log *m*) expected for *m* slots at equal weights; times the ratio of the largest to the mean
    ///   weight, at most the number of nodes, at others.
    public init(
        _ members: some Sequence<PlacementMember<Node>>, tableSize: Int = MaglevTable.defaultTableSize
    ) throws(PlacementError) {
        try self.init(list: MemberList(members), tableSize: tableSize)
    }

    /// Makes a table of nodes of equal weight whose descriptions are their names.
    ///
    /// - Throws: As ``init(_:tableSize:)``.
    public init(
        nodes: some Sequence<Node>, tableSize: Int = MaglevTable.defaultTableSize
    ) throws(PlacementError) where Node: CustomStringConvertible {
        try self.init(nodes.map { PlacementMember($0) }, tableSize: tableSize)
    }

    private init(list: MemberList<Node>, tableSize: Int) throws(PlacementError) {
        guard 2...Self.maximumTableSize ~= tableSize, Self.isPrime(tableSize) else {
            throw PlacementError(
                .invalidTableSize, "\(tableSize) is not a prime from 2 to \(Self.maximumTableSize), as a table needs")
        }
        guard list.nodes.count <= tableSize else {
            throw PlacementError(
                .invalidTableSize, "a table of \(tableSize) slots has none for some of \(list.nodes.count) nodes")
        }
        self.list = list
        self.slots = Self.populate(list.members, tableSize)
    }

    /// The nodes in the order of the bytes of their names.
    @inlinable
    public var nodes: [Node] { self.list.nodes }

    /// The nodes with their names, weights, and zones, in the order of the bytes of their names.
    @inlinable
    public var members: [PlacementMember<Node>] { self.list.members }

    /// The number of slots.
    public var tableSize: Int { self.slots.count }

    /// The share of all slots that each node has, in the order of ``nodes``; the shares add up to 1.
    ///
    /// - Complexity: O(*m*) for *m* slots.
    public var shares: [Double] {
        var counts = [Int](repeating: 0, count: self.list.nodes.count)
        for owner in self.slots { counts[Int(owner)] += 1 }
        return counts.map { Double($0) / Double(self.slots.count) }
    }

    /// The node of each slot, as positions in ``nodes``: for comparison with another implementation.
    package var slotOwners: [Int] { self.slots.map(Int.init) }

    /// The slot of a hash: ⌊hash · m / 2⁶⁴⌋ of *m* slots.
    @inlinable
    func slot(of hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(truncatingIfNeeded: self.slots.count)).high)
    }

    /// The position in ``nodes`` of the node that owns the hash's slot.
    ///
    /// - Complexity: O(1).
    @inlinable
    public func index(forHash hash: UInt64) -> Int {
        Int(self.slots[self.slot(of: hash)])
    }

    /// The nodes that are met first on the way through the table from the hash's slot upwards and round, those in
    /// different zones first, as in ``HashRing/indices(forHash:count:)``.
    ///
    /// - Parameter count: From 1 to the number of nodes.
    /// - Throws: ``PlacementError`` with code `invalidReplicas`.
    /// - Complexity: O(*n*/64) plus the slots passed, about as many as replicas as long as those are few.
    public func indices(forHash hash: UInt64, count: Int) throws(PlacementError) -> [Int] {
        try self.requireReplicas(count, atMost: self.list.nodes.count)
        var selection = ReplicaSelection(count, zones: self.list.zones, zoneCount: self.list.zoneCount)
        var slot = self.slot(of: hash)
        for _ in self.slots.indices {
            if selection.offer(Int(self.slots[slot])) { break }
            slot += 1
            if slot == self.slots.count { slot = 0 }
        }
        return selection.picked()
    }

    /// The table with one more node. Besides the keys that the new node takes, a few move between the others.
    ///
    /// - Throws: ``PlacementError`` with code `duplicateNode`, `tooManyNodes`, `invalidName`, `invalidWeight`, or
    ///   `invalidTableSize`.
    /// - Complexity: That of making a table.
    public func adding(_ member: PlacementMember<Node>) throws(PlacementError) -> Self {
        try Self(list: self.list.adding(member).list, tableSize: self.slots.count)
    }

    /// The table without the node. Besides the keys of that node, a few move between the others.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `noNodes`.
    /// - Complexity: That of making a table.
    public func removing(_ node: Node) throws(PlacementError) -> Self {
        try Self(list: self.list.removing(node).list, tableSize: self.slots.count)
    }

    /// The table with another weight for the node. Besides the keys that it gains or loses, a few move between the others.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `invalidWeight`.
    /// - Complexity: That of making a table.
    public func reweighted(_ node: Node, to weight: Double) throws(PlacementError) -> Self {
        try Self(list: self.list.reweighted(node, to: weight).list, tableSize: self.slots.count)
    }
}

// MARK: Filling the table

extension MaglevTable {
    /// A node's way through the slots.
    private struct Turn {
        /// The next slot that the node will try.
        var slot: Int
        let step: Int
        let weight: Double
        var taken = 0.0
    }

    private static func populate(_ members: [PlacementMember<Node>], _ tableSize: Int) -> [UInt16] {
        let free = UInt16.max
        let largest = members.reduce(0) { max($0, $1.weight) }
        var turns = members.map { member in
            var name = member.name
            return name.withUTF8 { bytes in
                let bytes = UnsafeRawBufferPointer(bytes)
                return Turn(
                    slot: Int(XXH64.hash(bytes, seed: 0) % UInt64(tableSize)),
                    step: Int(XXH64.hash(bytes, seed: 1) % UInt64(tableSize - 1)) + 1,
                    weight: member.weight)
            }
        }
        var slots = [UInt16](repeating: free, count: tableSize)
        var remaining = tableSize
        var round = 0.0
        while remaining > 0 {
            round += 1
            for node in turns.indices where remaining > 0 {
                if round * turns[node].weight < turns[node].taken * largest { continue }
                var slot = turns[node].slot
                while slots[slot] != free {
                    slot += turns[node].step
                    if slot >= tableSize { slot -= tableSize }
                }
                slots[slot] = UInt16(node)
                slot += turns[node].step
                turns[node].slot = slot >= tableSize ? slot - tableSize : slot
                turns[node].taken += 1
                remaining -= 1
            }
        }
        return slots
    }

    private static func isPrime(_ number: Int) -> Bool {
        if number < 4 { return number >= 2 }
        if number % 2 == 0 { return false }
        var divisor = 3
        while divisor * divisor <= number {
            if number % divisor == 0 { return false }
            divisor += 2
        }
        return true
    }
}
