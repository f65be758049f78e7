import ColonyHashing
import Testing

@Suite("What no placement can be made of is refused")
struct PlacementErrorTests {
    typealias Member = PlacementMember<String>

    /// Each way to make a weighted placement of members.
    static let makers: [@Sendable ([Member]) throws -> any WeightedPlacement<String>] = [
        { try HashRing($0) },
        { try RendezvousHash($0) },
        { try MaglevTable($0, tableSize: 101) },
    ]

    @Test("no nodes at all")
    func empty() throws {
        for make in Self.makers { Self.expect(.noNodes) { try make([]) } }
        Self.expect(.noNodes) { try JumpHash<String>(nodes: []) }
        Self.expect(.noNodes) { try KetamaRing(servers: []) }
        for make in Self.makers {
            let single = try make([Member("only")])
            #expect(single.node(for: "any") == "only")
            Self.expect(.noNodes, quoting: "only") { try single.removing("only") }
        }
        Self.expect(.noNodes, quoting: "only") { try JumpHash(nodes: ["only"]).removingLast() }
        Self.expect(.noNodes, quoting: "only") {
            try KetamaRing(servers: [KetamaServer("only")]).removing(KetamaServer("only"))
        }
    }

    @Test("a node or a name twice")
    func duplicates() throws {
        for make in Self.makers {
            Self.expect(.duplicateNode, quoting: "node-a") { try make([Member("node-a"), Member("b"), Member("node-a")]) }
            Self.expect(.duplicateNode, quoting: "same") {
                try make([Member("a", name: "same"), Member("b", name: "same")])
            }
            let placement = try make([Member("a"), Member("b")])
            Self.expect(.duplicateNode, quoting: "b") { try placement.adding(Member("b", name: "other")) }
            Self.expect(.duplicateNode, quoting: "a") { try placement.adding(Member("c", name: "a")) }
        }
        Self.expect(.duplicateNode, quoting: "x") { try JumpHash(nodes: ["x", "x"]) }
        Self.expect(.duplicateNode, quoting: "x") { try JumpHash(nodes: ["x"]).appending("x") }
        Self.expect(.duplicateNode, quoting: "x:1") {
            try KetamaRing(servers: [KetamaServer("x", port: 1), KetamaServer("x", port: 1)])
        }
    }

    @Test(
        "a weight of zero, below zero, too large, or not a number",
        arguments: [0, -0.0, -1, 1_000_001, 1e300, 1e-9, .infinity, -.infinity, .nan])
    func weights(weight: Double) throws {
        for make in Self.makers {
            Self.expect(.invalidWeight, quoting: "\(weight)") { try make([Member("a"), Member("b", weight: weight)]) }
            let placement = try make([Member("a"), Member("b")])
            Self.expect(.invalidWeight, quoting: "\(weight)") { try placement.adding(Member("c", weight: weight)) }
            Self.expect(.invalidWeight, quoting: "\(weight)") { try placement.reweighted("b", to: weight) }
        }
    }

    @Test("a Ketama weight that libmemcached cannot have", arguments: [0, -1, 1.5, 4_294_967_296, .nan, .infinity])
    func ketamaWeights(weight: Double) {
        Self.expect(.invalidWeight, quoting: "\(weight)") {
            try KetamaRing([PlacementMember(KetamaServer("a"), weight: weight)])
        }
    }

    @Test("a Ketama host that is empty, too long, or has a zero byte")
    func ketamaHosts() {
        for host in ["", "a\0b", String(repeating: "x", count: 1_025)] {
            Self.expect(.invalidName) { try KetamaRing(servers: [KetamaServer(host)]) }
        }
    }

    @Test("an empty name")
    func names() {
        for make in Self.makers { Self.expect(.invalidName, quoting: "\"\"") { try make([Member("a", name: "")]) } }
    }

    @Test("a node that is not there")
    func unknown() throws {
        for make in Self.makers {
            let placement = try make([Member("a"), Member("b")])
            Self.expect(.unknownNode, quoting: "missing") { try placement.removing("missing") }
            Self.expect(.unknownNode, quoting: "missing") { try placement.reweighted("missing", to: 1) }
        }
        let ketama = KetamaServer("missing", port: 9)
        Self.expect(.unknownNode, quoting: "missing:9") {
            try KetamaRing(servers: [KetamaServer("a"), KetamaServer("b")]).removing(ketama)
        }
    }

    @Test("points that are too few or too many")
    func points() throws {
        for points in [0, -1, 65_537, Int.max, Int.min] {
            Self.expect(.invalidPoints, quoting: "\(points)") {
                try HashRing(nodes: ["a"], pointsPerUnitWeight: points)
            }
        }
        Self.expect(.invalidPoints, quoting: "65536000") {
            try HashRing([Member("a", weight: 1_000)], pointsPerUnitWeight: 65_536)
        }
        let ring = try HashRing(nodes: ["a", "b"])
        Self.expect(.invalidPoints) { try ring.reweighted("a", to: 1_000_000) }
        Self.expect(.invalidPoints) { try ring.adding(Member("c", weight: 1_000_000)) }
    }

    @Test("a table size that is no prime, too small, or too large")
    func tableSizes() throws {
        for size in [-7, 0, 1, 4, 9, 65_536, 65_537 * 3, 5_000_021, Int.max] {
            Self.expect(.invalidTableSize, quoting: "\(size)") { try MaglevTable(nodes: ["a"], tableSize: size) }
        }
        Self.expect(.invalidTableSize, quoting: "2") { try MaglevTable(nodes: ["a", "b", "c"], tableSize: 2) }
        let full = try MaglevTable(nodes: ["a", "b", "c"], tableSize: 3)
        #expect(Set(full.slotOwners) == [0, 1, 2])
        Self.expect(.invalidTableSize) { try full.adding(Member("d")) }
        #expect(try MaglevTable(nodes: ["a"], tableSize: 2).node(for: "k") == "a")
    }

    @Test("more nodes than can be numbered")
    func tooMany() {
        Self.expect(.tooManyNodes, quoting: "65536") { try RendezvousHash(nodes: 0..<65_536) }
    }

    private static func expect<Result>(
        _ code: PlacementError.Code, quoting value: String = "", sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> Result
    ) {
        let error = #expect(throws: PlacementError.self, sourceLocation: sourceLocation) { _ = try body() }
        #expect(error?.code == code, sourceLocation: sourceLocation)
        #expect(
            value.isEmpty || error?.message.contains(value) == true, "\(error?.message ?? "") does not quote \(value)",
            sourceLocation: sourceLocation)
    }
}
