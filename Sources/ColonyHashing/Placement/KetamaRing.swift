// The ring of Ketama, bit for bit as libmemcached makes it with MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED.
//
// This is for sharing memcached servers with programs that use libmemcached or one of the many clients that place keys as it
// does: all of them must find a key on the same server. For anything else HashRing is better: its points are 64 bits wide,
// its hash is faster, and a node's points depend on that node alone.
//
// The construction, from update_continuum in libmemcached [1]:
//
// - A server of weight w among n servers has 40 · n · w / (sum of the weights) digests, rounded down. The arithmetic is
//   that of 32-bit floating-point numbers, as in the original. It shows: equal weights do not always give 40, because
//   1/n is rounded; then all servers have 39.
// - Digest number i, from 0, is MD5 of "host-i" if the port is 11211, and of "host:port-i" otherwise.
// - Each digest makes four points, its four words of 32 bits, the least significant byte first.
// - Points are sorted by their value, and those of equal value by the position of their server in the list.
// - A key belongs to the first point at or above the first word of the key's MD5, and past the last point to the first.
//
// Points and key words stand here in the upper half of 64 bits, so that the ring is searched like any other.
//
// References:
// [1] libmemcached 1.1.4, src/libmemcached/hosts.cc (update_continuum) and hash.cc (dispatch_host).
// [2] Jones: libketama, a consistent hashing algorithm for memcache clients. Last.fm, 2007.

/// A memcached server as Ketama knows it.
public struct KetamaServer: Hashable, Sendable, CustomStringConvertible {
    /// The port that memcached listens on if nothing else is said. Ketama leaves it out of what it hashes.
    public static let defaultPort: UInt16 = 11_211

    /// The name or address, exactly as the other clients write it: `localhost` and `127.0.0.1` are different servers.
    public let host: String
    /// The port.
    public let port: UInt16

    /// Names a server. The host is checked when a ring is made of it.
    ///
    /// - Parameter host: From 1 to 1,024 bytes without a zero byte.
    public init(_ host: String, port: UInt16 = KetamaServer.defaultPort) {
        self.host = host
        self.port = port
    }

    /// What is hashed in the server's stead, before the number of the digest: the host, with the port unless it is 11211.
    public var description: String {
        self.port == Self.defaultPort ? self.host : "\(self.host):\(self.port)"
    }
}

/// A ring that places keys exactly as libmemcached's weighted Ketama does.
///
/// The order of the servers counts where two points coincide, which happens about once in a ring of 7,000 points: list them
/// in the order in which the other clients list them.
///
/// - Important: libmemcached places nothing on a server that is so light that its share of digests is below one. Such a
///   server is in ``nodes`` and holds no key. Nor are its replicas the ones of libmemcached, which takes the next servers of
///   the list, whoever they are.
///
/// - Complexity: 16 bytes per point, about 160 points a server; a look-up is one MD5 and then O(1) expected.
/// - SeeAlso: libmemcached 1.1.4, `hosts.cc`, `update_continuum`.
public struct KetamaRing: WeightedPlacement, Hashable {
    /// The weights that libmemcached takes; whole numbers only.
    public static var weights: ClosedRange<Double> { 1...Double(UInt32.max) }

    /// The servers in the order of the list.
    public let nodes: [KetamaServer]
    /// The servers in the order of the list, with weights and zones. Their ``PlacementMember/name`` plays no part.
    public let members: [PlacementMember<KetamaServer>]
    private let table: PointTable
    private let zones: [UInt32]
    private let zoneCount: Int
    /// How many servers have points.
    private let holderCount: Int

    /// Makes a ring.
    ///
    /// - Parameter members: At least one, all different, with whole weights from 1 to 4,294,967,295, in the order in which
    ///   the other clients list them.
    /// - Throws: ``PlacementError`` with code `noNodes`, `duplicateNode`, `tooManyNodes`, `invalidName`, or
    ///   `invalidWeight`.
    /// - Complexity: O(*n*) MD5 digests, about 40 a server, and O(*p* log *p*) for *p* points.
    public init(_ members: some Sequence<PlacementMember<KetamaServer>>) throws(PlacementError) {
        let members = Array(members)
        guard !members.isEmpty else { throw PlacementError(.noNodes, "a placement needs at least one node") }
        let maximum = MemberList<KetamaServer>.maximumCount
        guard members.count <= maximum else {
            throw PlacementError(
                .tooManyNodes, "\(members.count) nodes are more than the \(maximum) that a placement takes")
        }
        var seen: Set<KetamaServer> = []
        for member in members {
            try Self.check(member)
            if !seen.insert(member.node).inserted {
                throw PlacementError(.duplicateNode, "the server \(member.node) is listed twice")
            }
        }
        let points = Self.points(of: members)
        self.members = members
        self.nodes = members.map(\.node)
        self.table = PointTable(points)
        self.holderCount = Set(points.map(\.owner)).count
        (self.zones, self.zoneCount) = Zones.numbers(of: members)
    }

    /// Makes a ring of servers of equal weight.
    ///
    /// - Throws: As ``init(_:)``.
    public init(servers: some Sequence<KetamaServer>) throws(PlacementError) {
        try self.init(servers.map { PlacementMember($0) })
    }

    /// How many points the ring has in all.
    public var pointCount: Int { self.table.hashes.count }

    /// The share of all keys that belongs to each server, in the order of ``nodes``; the shares add up to 1.
    ///
    /// - Complexity: O(*p*) for *p* points.
    public var shares: [Double] { self.table.shares(owners: self.nodes.count) }

    /// The first word of the key's MD5, in the upper half of 64 bits.
    ///
    /// - Complexity: O(*n*) in the number of bytes, and about 200 ns for a short key.
    public func hash(ofKey key: UnsafeRawBufferPointer) -> UInt64 {
        UInt64(KetamaHash.words(of: key)[0]) << 32
    }

    /// The position in ``nodes`` of the owner of the first point at or above the hash.
    ///
    /// - Parameter hash: From ``hash(ofKey:)-(UnsafeRawBufferPointer)``, for the place that libmemcached gives.
    /// - Complexity: O(1) expected, O(log *p*) in the worst case.
    public func index(forHash hash: UInt64) -> Int {
        self.table.owner(of: hash)
    }

    /// The servers that are met first on the way round the ring, those in different zones first, as in
    /// ``HashRing/indices(forHash:count:)``.
    ///
    /// - Parameter count: From 1 to the number of servers that have points.
    /// - Throws: ``PlacementError`` with code `invalidReplicas`.
    /// - Complexity: O(*n*/64) plus the points passed.
    public func indices(forHash hash: UInt64, count: Int) throws(PlacementError) -> [Int] {
        try self.requireReplicas(count, atMost: self.holderCount)
        return self.table.owners(from: hash, count: count, zones: self.zones, zoneCount: self.zoneCount)
    }

    /// This ring with one more server, at the end of the list.
    ///
    /// With unequal weights the number of points of the others may change a little, as it does in libmemcached, so that a
    /// few keys move between them.
    ///
    /// - Throws: ``PlacementError`` with code `duplicateNode`, `tooManyNodes`, `invalidName`, or `invalidWeight`.
    /// - Complexity: That of making a ring.
    public func adding(_ member: PlacementMember<KetamaServer>) throws(PlacementError) -> Self {
        try Self(self.members + [member])
    }

    /// This ring without the server.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `noNodes`.
    /// - Complexity: That of making a ring.
    public func removing(_ node: KetamaServer) throws(PlacementError) -> Self {
        let position = try self.position(of: node)
        guard self.members.count > 1 else {
            throw PlacementError(.noNodes, "the server \(node) is the last one and cannot be removed")
        }
        var members = self.members
        members.remove(at: position)
        return try Self(members)
    }

    /// This ring with another weight for the server.
    ///
    /// - Throws: ``PlacementError`` with code `unknownNode` or `invalidWeight`.
    /// - Complexity: That of making a ring.
    public func reweighted(_ node: KetamaServer, to weight: Double) throws(PlacementError) -> Self {
        let position = try self.position(of: node)
        var members = self.members
        members[position] = members[position].weighing(weight)
        return try Self(members)
    }

    private func position(of node: KetamaServer) throws(PlacementError) -> Int {
        guard let position = self.nodes.firstIndex(of: node) else {
            throw PlacementError(.unknownNode, "the server \(node) is not in the placement")
        }
        return position
    }

    private static func check(_ member: PlacementMember<KetamaServer>) throws(PlacementError) {
        let host = member.node.host
        guard 1...1_024 ~= host.utf8.count, !host.utf8.contains(0) else {
            throw PlacementError(
                .invalidName, "the host \"\(host)\" is not 1 to 1024 bytes without a zero byte")
        }
        guard Self.weights.contains(member.weight), member.weight == member.weight.rounded() else {
            throw PlacementError(
                .invalidWeight,
                "the weight \(member.weight) of the server \(member.node) is not a whole number from 1 to \(UInt32.max)"
            )
        }
    }

    private static func points(of members: [PlacementMember<KetamaServer>]) -> [RingPoint] {
        let total = members.reduce(UInt64(0)) { $0 + UInt64($1.weight) }
        var points: [RingPoint] = []
        points.reserveCapacity(members.count * 160)
        for (position, member) in members.enumerated() {
            // Every step in 32-bit floating point and in this order, since the original rounds like that.
            let share = Float(UInt32(member.weight)) / Float(total)
            let digests = (share * 160 / 4 * Float(members.count) + 0.000_000_000_1).rounded(.down)
            for number in 0..<Int(digests) {
                var text = "\(member.node)-\(number)"
                let words = text.withUTF8 { KetamaHash.words(of: UnsafeRawBufferPointer($0)) }
                for word in 0..<4 {
                    points.append(RingPoint(hash: UInt64(words[word]) << 32, owner: UInt32(position)))
                }
            }
        }
        return points
    }
}
