// Which node does a key belong to? The simple answer, hash modulo number of nodes, moves nearly every key whenever a node
// comes or goes. The placements in this folder move about as few keys as the new set of nodes demands, each at another
// price in memory, time, and evenness. They share one shape, so that a balancer or a quorum store takes any of them.
//
// All of them rest on two numbers that must be equal in every process and in every version: the hash of the key and the
// hash of the node's name. Swift's own `Hasher` is seeded anew in each process and therefore can place nothing.

/// A rule that gives each key a node, and an order of further nodes for replicas.
///
/// A placement is an immutable value with at least one node. The same members give the same placement in every process, on
/// every platform, and whatever order they were listed in, except where a type says that order counts. So processes that
/// agree on the members agree on the place of every key without talking to each other.
///
/// Look-ups never fail and never suspend. Changing the set of nodes makes a new value; readers of the old one are not
/// disturbed.
///
/// ```swift
/// let ring = try HashRing(nodes: ["cache-1", "cache-2", "cache-3"])
/// let node = ring.node(for: "user:42")
/// let holders = try ring.nodes(for: "user:42", count: 2)
/// ```
public protocol Placement<Node>: Sendable {
    /// What keys are placed on: an endpoint, a `NodeID`, a name.
    associatedtype Node: Hashable & Sendable

    /// The nodes, at least one, in the order that ``index(forHash:)`` counts in.
    var nodes: [Node] { get }

    /// The hash by which this placement places the bytes of a key: XXH64 with seed 0 unless the type says otherwise.
    ///
    /// - Complexity: O(*n*) in the number of bytes.
    func hash(ofKey key: UnsafeRawBufferPointer) -> UInt64

    /// The position in ``nodes`` of the node that keys with this hash belong to.
    ///
    /// - Parameter hash: All 64 bits must be evenly spread, as those of ``hash(ofKey:)-(UnsafeRawBufferPointer)`` are. Small
    ///   integers are no hashes: they would all fall on the same node.
    func index(forHash hash: UInt64) -> Int

    /// The positions in ``nodes`` of `count` different nodes, best first; the first one is that of ``index(forHash:)``.
    ///
    /// - Parameter count: From 1 to the number of nodes that can hold a key.
    /// - Throws: ``PlacementError`` with code `invalidReplicas`.
    func indices(forHash hash: UInt64, count: Int) throws(PlacementError) -> [Int]
}

extension Placement {
    /// XXH64 with seed 0 of the bytes of the key.
    @inlinable
    public func hash(ofKey key: UnsafeRawBufferPointer) -> UInt64 {
        XXH64.hash(key, seed: 0)
    }

    /// The hash of the UTF-8 bytes of a key, without any terminator.
    @inlinable
    public func hash(ofKey key: String) -> UInt64 {
        var key = key
        return key.withUTF8 { self.hash(ofKey: UnsafeRawBufferPointer($0)) }
    }

    /// The hash of an integer key: that of its value as eight bytes in two's complement, the least significant first.
    ///
    /// The type does not count: 7 has one place whether it is an `Int` or a `UInt8`. Of integers wider than 64 bits only the
    /// lower 64 count.
    @inlinable
    public func hash(ofKey key: some BinaryInteger) -> UInt64 {
        let bits = UInt64(truncatingIfNeeded: key).littleEndian
        return withUnsafeBytes(of: bits) { self.hash(ofKey: $0) }
    }

    /// The node that keys with this hash belong to.
    ///
    /// - Parameter hash: As for ``index(forHash:)``.
    @inlinable
    public func node(forHash hash: UInt64) -> Node {
        self.nodes[self.index(forHash: hash)]
    }

    /// The node that the key belongs to.
    @inlinable
    public func node(for key: String) -> Node {
        self.node(forHash: self.hash(ofKey: key))
    }

    /// The node that the key belongs to; see ``hash(ofKey:)-(BinaryInteger)`` for how integers count.
    @inlinable
    public func node(for key: some BinaryInteger) -> Node {
        self.node(forHash: self.hash(ofKey: key))
    }

    /// The node that the key with these bytes belongs to.
    @inlinable
    public func node(for key: UnsafeRawBufferPointer) -> Node {
        self.node(forHash: self.hash(ofKey: key))
    }

    /// The node that the key with these bytes belongs to.
    @inlinable
    public func node(for key: [UInt8]) -> Node {
        key.withUnsafeBytes { self.node(for: $0) }
    }

    /// `count` different nodes for keys with this hash, best first.
    ///
    /// - Parameter count: From 1 to the number of nodes that can hold a key.
    /// - Throws: ``PlacementError`` with code `invalidReplicas`.
    public func nodes(forHash hash: UInt64, count: Int) throws(PlacementError) -> [Node] {
        let nodes = self.nodes
        return try self.indices(forHash: hash, count: count).map { nodes[$0] }
    }

    /// `count` different nodes for the key, best first; see ``nodes(forHash:count:)``.
    public func nodes(for key: String, count: Int) throws(PlacementError) -> [Node] {
        try self.nodes(forHash: self.hash(ofKey: key), count: count)
    }

    /// `count` different nodes for the key, best first; see ``nodes(forHash:count:)``.
    public func nodes(for key: some BinaryInteger, count: Int) throws(PlacementError) -> [Node] {
        try self.nodes(forHash: self.hash(ofKey: key), count: count)
    }

    /// `count` different nodes for the key with these bytes, best first; see ``nodes(forHash:count:)``.
    public func nodes(for key: UnsafeRawBufferPointer, count: Int) throws(PlacementError) -> [Node] {
        try self.nodes(forHash: self.hash(ofKey: key), count: count)
    }

    /// `count` different nodes for the key with these bytes, best first; see ``nodes(forHash:count:)``.
    public func nodes(for key: [UInt8], count: Int) throws(PlacementError) -> [Node] {
        let hash = key.withUnsafeBytes { self.hash(ofKey: $0) }
        return try self.nodes(forHash: hash, count: count)
    }

    /// Checks a number of replicas.
    @usableFromInline
    func requireReplicas(_ count: Int, atMost limit: Int) throws(PlacementError) {
        guard count >= 1 else {
            throw PlacementError(.invalidReplicas, "a key needs at least 1 replica, not \(count)")
        }
        guard count <= limit else {
            throw PlacementError(
                .invalidReplicas, "\(count) replicas were asked for, but only \(limit) nodes can hold one")
        }
    }
}

/// A placement whose nodes have weights and may come and go in any order.
public protocol WeightedPlacement<Node>: Placement {
    /// The nodes with what places them, in the order of ``Placement/nodes``.
    var members: [PlacementMember<Node>] { get }

    /// This placement with one more node.
    ///
    /// - Throws: ``PlacementError`` with code `duplicateNode`, `tooManyNodes`, or one about the member itself.
    func adding(_ member: PlacementMember<Node>) throws(PlacementError) -> Self

    /// This placement without the node.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode`, or `noNodes` if it is the last.
    func removing(_ node: Node) throws(PlacementError) -> Self

    /// This placement with another weight for the node.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `invalidWeight`.
    func reweighted(_ node: Node, to weight: Double) throws(PlacementError) -> Self
}
