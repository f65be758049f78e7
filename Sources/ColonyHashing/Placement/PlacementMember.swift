/// A node with what decides its share and its place: a name, a weight, and perhaps a zone.
public struct PlacementMember<Node: Hashable & Sendable>: Hashable, Sendable {
    /// The weights that a placement takes: large enough for every real ratio, small enough that sums stay exact.
    public static var weights: ClosedRange<Double> { 0.000_001...1_000_000 }

    /// What keys are placed on.
    public let node: Node
    /// What is hashed in the node's stead. It must be the same in every process that shares the placement, and should stay
    /// the same over restarts: a node under a new name is a new node, and its keys move.
    public let name: String
    /// The node's share in proportion to the other weights, within ``weights``.
    public let weight: Double
    /// What fails together, such as a rack or a data centre. Replicas go to different zones as far as there are enough. A
    /// node without a zone is a zone of its own.
    public let zone: String?

    /// Describes a member. It is checked when a placement is made of it.
    ///
    /// - Parameters:
    ///   - name: At least one byte of UTF-8; no other member may have it.
    ///   - weight: Within ``weights``; 1 by default, so that members without a weight share evenly.
    public init(_ node: Node, name: String, weight: Double = 1, zone: String? = nil) {
        self.node = node
        self.name = name
        self.weight = weight
        self.zone = zone
    }

    /// The same member with another weight.
    public func weighing(_ weight: Double) -> Self {
        Self(self.node, name: self.name, weight: weight, zone: self.zone)
    }
}

extension PlacementMember where Node: CustomStringConvertible {
    /// Describes a member whose name is the node's description.
    ///
    /// That fits `String`, `NodeID`, and other types whose description is their identity. Give a name where it shows more,
    /// such as a state that changes.
    public init(_ node: Node, weight: Double = 1, zone: String? = nil) {
        self.init(node, name: node.description, weight: weight, zone: zone)
    }
}

/// Zones as numbers, which are faster to compare than names.
enum Zones {
    /// A number for the zone of each member, from 0 without gaps, and how many there are. A member without a zone has one of
    /// its own.
    static func numbers<Node>(of members: [PlacementMember<Node>]) -> (numbers: [UInt32], count: Int) {
        var known: [String: UInt32] = [:]
        var next: UInt32 = 0
        let numbers = members.map { member in
            if let zone = member.zone, let number = known[zone] { return number }
            if let zone = member.zone { known[zone] = next }
            defer { next += 1 }
            return next
        }
        return (numbers, Int(next))
    }
}

/// Checked members in the order of their names' bytes, so that the order in which they were listed does not count.
@usableFromInline
struct MemberList<Node: Hashable & Sendable>: Hashable, Sendable {
    /// How many nodes any placement may have: what 16 bits number, a hundred times the largest rings in use.
    static var maximumCount: Int { 65_535 }

    @usableFromInline let members: [PlacementMember<Node>]
    @usableFromInline let nodes: [Node]
    /// A number for the zone of each member, from 0 without gaps.
    @usableFromInline let zones: [UInt32]
    @usableFromInline let zoneCount: Int

    /// - Complexity: O(*n* log *n*).
    init(_ list: some Sequence<PlacementMember<Node>>) throws(PlacementError) {
        let members = list.sorted { Self.precedes($0.name, $1.name) }
        var seen: Set<Node> = []
        for (position, member) in members.enumerated() {
            try Self.check(member)
            if !seen.insert(member.node).inserted {
                throw PlacementError(.duplicateNode, "the node \(member.node) is listed twice")
            }
            if position > 0, members[position - 1].name.utf8.elementsEqual(member.name.utf8) {
                throw PlacementError(.duplicateNode, "two nodes have the name \"\(member.name)\"")
            }
        }
        try self.init(sorted: members)
    }

    private init(sorted members: [PlacementMember<Node>]) throws(PlacementError) {
        guard !members.isEmpty else { throw PlacementError(.noNodes, "a placement needs at least one node") }
        guard members.count <= Self.maximumCount else {
            throw PlacementError(
                .tooManyNodes, "\(members.count) nodes are more than the \(Self.maximumCount) that a placement takes")
        }
        self.members = members
        self.nodes = members.map(\.node)
        (self.zones, self.zoneCount) = Zones.numbers(of: members)
    }

    private static func check(_ member: PlacementMember<Node>) throws(PlacementError) {
        guard !member.name.isEmpty else {
            throw PlacementError(.invalidName, "the name \"\" of the node \(member.node) is empty")
        }
        guard PlacementMember<Node>.weights.contains(member.weight) else {
            throw PlacementError(
                .invalidWeight,
                "the weight \(member.weight) of the node \(member.node) is not from "
                    + "\(PlacementMember<Node>.weights.lowerBound) to \(PlacementMember<Node>.weights.upperBound)")
        }
    }

    /// The order of bytes, which unlike that of `String` is the same in every version of Unicode.
    private static func precedes(_ one: String, _ other: String) -> Bool {
        one.utf8.lexicographicallyPrecedes(other.utf8)
    }

    /// - Complexity: O(*n*).
    func position(of node: Node) throws(PlacementError) -> Int {
        guard let position = self.nodes.firstIndex(of: node) else {
            throw PlacementError(.unknownNode, "the node \(node) is not in the placement")
        }
        return position
    }

    /// The list with one more member, and the position that it takes.
    ///
    /// - Complexity: O(*n*).
    func adding(_ member: PlacementMember<Node>) throws(PlacementError) -> (list: Self, position: Int) {
        try Self.check(member)
        if self.nodes.contains(member.node) {
            throw PlacementError(.duplicateNode, "the node \(member.node) is in the placement already")
        }
        let position = self.members.firstIndex { !Self.precedes($0.name, member.name) } ?? self.members.count
        if position < self.members.count, self.members[position].name.utf8.elementsEqual(member.name.utf8) {
            throw PlacementError(.duplicateNode, "another node has the name \"\(member.name)\" already")
        }
        var members = self.members
        members.insert(member, at: position)
        return (try Self(sorted: members), position)
    }

    /// The list without the node, and the position that it had.
    ///
    /// - Complexity: O(*n*).
    func removing(_ node: Node) throws(PlacementError) -> (list: Self, position: Int) {
        let position = try self.position(of: node)
        guard self.members.count > 1 else {
            throw PlacementError(.noNodes, "the node \(node) is the last one and cannot be removed")
        }
        var members = self.members
        members.remove(at: position)
        return (try Self(sorted: members), position)
    }

    /// The list with another weight for the node, and its position.
    ///
    /// - Complexity: O(*n*).
    func reweighted(_ node: Node, to weight: Double) throws(PlacementError) -> (list: Self, position: Int) {
        let position = try self.position(of: node)
        var members = self.members
        members[position] = members[position].weighing(weight)
        try Self.check(members[position])
        return (try Self(sorted: members), position)
    }
}
