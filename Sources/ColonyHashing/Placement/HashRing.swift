// Consistent hashing on a ring.
//
// Hash modulo number of nodes moves n/(n+1) of all keys when a node is added. The ring moves the least that is
// possible:
// each node owns points spread over the circle of 64-bit hashes, and a key belongs to the owner of the first point at
// or
// above the key's hash. A node that comes takes keys only from the owners next to its points, and a node that goes
// leaves its keys to them; all other keys stay.
//
// One point a node would be very uneven (the largest of 100 arcs is about five times the mean), so a node has many.
// With v
// points a node's load spreads by about 1/√v around the mean: 160 points keep the fullest of 100 nodes near 1.2 times
// it. A weight is a number of points.
//
// Point number i of a node is XXH64 of its name with the seed i, counted from 0. A program in another language that
// does
// the same and orders coinciding points by the bytes of the names has the same ring. Since more weight only appends
// points and less only drops the last ones, a change of weight moves no key between other nodes.
//
// The members are kept in the order of their names, and the points in the order of hash and name. So two rings with the
// same members are equal to the last bit, whatever the order of the additions and removals that led to them.
//
// References:
// [1] Karger, Lehman, Leighton, Panigrahy, Levine, Lewin: Consistent hashing and random trees. STOC 1997, section 4.
// [2] DeCandia et al.: Dynamo, Amazon's highly available key-value store. SOSP 2007, sections 4.2 and 4.3 (virtual
// nodes, replicas on different nodes).
// [3] Chen, Asau: On generating random variates from an empirical distribution. AIIE Transactions 6, 1974 (the guide).

/// Consistent hashing on a ring of points, with weights, zones, and replicas.
///
/// The right choice when nodes come and go one at a time, and for replicated stores: when a node goes, only its own
/// keys
/// move, and the replicas of a key are its neighbours on the ring, so that the first replica is the node that takes
/// over.
///
/// - Complexity: 16 bytes per point; a look-up is O(1) expected, O(log *p*) in the worst case.
/// - SeeAlso: Karger et al., *Consistent hashing and random trees*, STOC 1997.
public struct HashRing<Node: Hashable & Sendable>: WeightedPlacement, Hashable {
    /// How many points a node of weight 1 has if nothing else is said. 160 is what Ketama uses: with it the fullest of
    /// 100 nodes has about 1.2 times the mean, in 256 KB.
    public static var defaultPointsPerUnitWeight: Int { 160 }
    /// The largest number of points of a ring, which take about 256 MB.
    public static var maximumPoints: Int { 1 << 24 }

    @usableFromInline let list: MemberList<Node>
    @usableFromInline let table: PointTable
    /// How many points a node of weight 1 has.
    public let pointsPerUnitWeight: Int

    /// Makes a ring.
    ///
    /// - Parameters:
    ///   - members: At least one, in any order, with different nodes and names.
    ///   - pointsPerUnitWeight: From 1 to 65,536. A node has this times its weight, rounded, and at least one point.
    /// - Throws: ``PlacementError`` with code `noNodes`, `duplicateNode`, `tooManyNodes`, `invalidName`,
    /// `invalidWeight`, or `invalidPoints`.
    /// - Complexity: O(*p* log *p*) for *p* points in all.
    public init(
        _ members: some Sequence<PlacementMember<Node>>,
        pointsPerUnitWeight: Int = HashRing.defaultPointsPerUnitWeight
    ) throws(PlacementError) {
        let list = try MemberList(members)
        try Self.check(list, pointsPerUnitWeight)
        var points: [RingPoint] = []
        for (position, member) in list.members.enumerated() {
            let count = Self.pointCount(of: member, pointsPerUnitWeight)
            Self.appendPoints(0..<count, of: member.name, owner: position, to: &points)
        }
        self.init(list: list, table: PointTable(points), pointsPerUnitWeight: pointsPerUnitWeight)
    }

    /// Makes a ring of nodes of equal weight whose descriptions are their names.
    ///
    /// - Throws: As ``init(_:pointsPerUnitWeight:)``.
    public init(
        nodes: some Sequence<Node>, pointsPerUnitWeight: Int = HashRing.defaultPointsPerUnitWeight
    ) throws(PlacementError) where Node: CustomStringConvertible {
        try self.init(nodes.map { PlacementMember($0) }, pointsPerUnitWeight: pointsPerUnitWeight)
    }

    private init(list: MemberList<Node>, table: PointTable, pointsPerUnitWeight: Int) {
        self.list = list
        self.table = table
        self.pointsPerUnitWeight = pointsPerUnitWeight
    }

    /// The nodes in the order of the bytes of their names.
    @inlinable
    public var nodes: [Node] { self.list.nodes }

    /// The nodes with their names, weights, and zones, in the order of the bytes of their names.
    @inlinable
    public var members: [PlacementMember<Node>] { self.list.members }

    /// How many points the ring has in all.
    public var pointCount: Int { self.table.hashes.count }

    /// The share of all keys that belongs to each node, in the order of ``nodes``; the shares add up to 1.
    ///
    /// - Complexity: O(*p*) for *p* points.
    public var shares: [Double] { self.table.shares(owners: self.list.nodes.count) }

    /// The position in ``nodes`` of the owner of the first point at or above the hash, or of the first of all points if
    /// there is none.
    ///
    /// - Complexity: O(1) expected, O(log *p*) in the worst case.
    @inlinable
    public func index(forHash hash: UInt64) -> Int {
        self.table.owner(of: hash)
    }

    /// The position in ``nodes`` of the first node on the way round the ring from the hash upwards that fits.
    ///
    /// A node that is out for a while need not leave the ring: its keys go on to the next one, and no other key moves.
    ///
    /// - Returns: The owner of the hash if no node fits.
    /// - Complexity: As ``index(forHash:)``, plus the points passed.
    @inlinable
    public func firstIndex(forHash hash: UInt64, where fits: (Int) -> Bool) -> Int {
        let home = self.table.position(of: hash)
        var position = home
        repeat {
            let index = Int(self.table.owners[position])
            if fits(index) { return index }
            position += 1
            if position == self.table.owners.count { position = 0 }
        } while position != home
        return Int(self.table.owners[home])
    }

    /// The nodes that are met first on the way round the ring from the hash upwards, those in different zones first.
    ///
    /// As long as there are enough zones no two replicas share one. Otherwise every zone has a replica before any has
    /// two. Both parts are in the order of the ring.
    ///
    /// - Parameter count: From 1 to the number of nodes.
    /// - Throws: ``PlacementError`` with code `invalidReplicas`.
    /// - Complexity: O(*n*/64) plus the points passed: about as many as replicas where all zones are alike large, all
    /// *p* in the worst case.
    public func indices(forHash hash: UInt64, count: Int) throws(PlacementError) -> [Int] {
        try self.requireReplicas(count, atMost: self.list.nodes.count)
        return self.table.owners(
            from: hash, count: count, zones: self.list.zones, zoneCount: self.list.zoneCount)
    }
}

// MARK: Changes

extension HashRing {
    /// This ring with one more node, equal to one made anew of all members. Only keys that the new node takes move.
    ///
    /// - Throws: ``PlacementError`` with code `duplicateNode`, `tooManyNodes`, `invalidName`, `invalidWeight`, or
    ///   `invalidPoints`.
    /// - Complexity: O(*p* + *v* log *v*) for *v* new points: they are sorted and merged in one pass.
    public func adding(_ member: PlacementMember<Node>) throws(PlacementError) -> Self {
        let (list, position) = try self.list.adding(member)
        try Self.check(list, self.pointsPerUnitWeight)
        var points: [RingPoint] = []
        let count = Self.pointCount(of: member, self.pointsPerUnitWeight)
        Self.appendPoints(0..<count, of: member.name, owner: position, to: &points)
        let place = UInt32(position)
        let table = self.table.merging(added: points) { $0 < place ? $0 : $0 + 1 }
        return Self(list: list, table: table, pointsPerUnitWeight: self.pointsPerUnitWeight)
    }

    /// This ring without the node, equal to one made anew of the others. Only keys of that node move.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `noNodes`.
    /// - Complexity: O(*p* + *v* log *v*) for *v* points that go.
    public func removing(_ node: Node) throws(PlacementError) -> Self {
        let (list, position) = try self.list.removing(node)
        let member = self.list.members[position]
        var points: [RingPoint] = []
        let count = Self.pointCount(of: member, self.pointsPerUnitWeight)
        Self.appendPoints(0..<count, of: member.name, owner: position, to: &points)
        let place = UInt32(position)
        let table = self.table.merging(removed: points) { $0 < place ? $0 : $0 - 1 }
        return Self(list: list, table: table, pointsPerUnitWeight: self.pointsPerUnitWeight)
    }

    /// This ring with another weight for the node, equal to one made anew. Keys move only to that node if it gained
    /// weight, and only from it if it lost some.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode`, `invalidWeight`, or `invalidPoints`.
    /// - Complexity: O(*p* + *v* log *v*) for *v* points that come or go.
    public func reweighted(_ node: Node, to weight: Double) throws(PlacementError) -> Self {
        let (list, position) = try self.list.reweighted(node, to: weight)
        try Self.check(list, self.pointsPerUnitWeight)
        let before = Self.pointCount(of: self.list.members[position], self.pointsPerUnitWeight)
        let after = Self.pointCount(of: list.members[position], self.pointsPerUnitWeight)
        var added: [RingPoint] = []
        var removed: [RingPoint] = []
        let name = list.members[position].name
        if after > before {
            Self.appendPoints(before..<after, of: name, owner: position, to: &added)
        } else {
            Self.appendPoints(after..<before, of: name, owner: position, to: &removed)
        }
        let table = self.table.merging(added: added, removed: removed)
        return Self(list: list, table: table, pointsPerUnitWeight: self.pointsPerUnitWeight)
    }
}

// MARK: Points

extension HashRing {
    private static func pointCount(of member: PlacementMember<Node>, _ pointsPerUnitWeight: Int) -> Int {
        max(1, Int((member.weight * Double(pointsPerUnitWeight)).rounded()))
    }

    private static func appendPoints(
        _ numbers: Range<Int>, of name: String, owner: Int, to points: inout [RingPoint]
    ) {
        var name = name
        name.withUTF8 { bytes in
            for number in numbers {
                let hash = XXH64.hash(UnsafeRawBufferPointer(bytes), seed: UInt64(number))
                points.append(RingPoint(hash: hash, owner: UInt32(owner)))
            }
        }
    }

    private static func check(_ list: MemberList<Node>, _ pointsPerUnitWeight: Int) throws(PlacementError) {
        guard 1...65_536 ~= pointsPerUnitWeight else {
            throw PlacementError(
                .invalidPoints, "\(pointsPerUnitWeight) points per unit of weight are not from 1 to 65536")
        }
        let total = list.members.reduce(0.0) { $0 + max(1, ($1.weight * Double(pointsPerUnitWeight)).rounded()) }
        guard total <= Double(Self.maximumPoints) else {
            throw PlacementError(
                .invalidPoints,
                "the weights times \(pointsPerUnitWeight) make \(Int(total)) points, more than \(Self.maximumPoints)")
        }
    }
}
