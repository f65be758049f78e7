import ColonyHashing
import Foundation

/// Random numbers that follow from a seed, so that a failure can be run again.
struct SampleGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Keys and nodes for tests of placements.
enum Samples {
    /// The names `node-0` … in as many nodes as asked for.
    static func nodes(_ count: Int) -> [String] {
        (0..<count).map { "node-\($0)" }
    }

    /// Hashes of as many keys as asked for.
    static func hashes(_ count: Int, seed: UInt64 = 1) -> [UInt64] {
        var generator = SampleGenerator(seed: seed)
        return (0..<count).map { _ in generator.next() }
    }

    /// How many of the hashes each node gets.
    static func loads(of placement: some Placement, _ hashes: [UInt64]) -> [Int] {
        var loads = [Int](repeating: 0, count: placement.nodes.count)
        for hash in hashes { loads[placement.index(forHash: hash)] += 1 }
        return loads
    }

    /// The fullest node's share of the mean.
    static func maximumOverMean(_ shares: [Double]) -> Double {
        (shares.max() ?? 0) * Double(shares.count) / shares.reduce(0, +)
    }
}

/// The figures that `Reference/placements.py` wrote.
struct ReferencePlacements: Decodable {
    struct Ketama: Decodable, Sendable {
        let name: String
        let servers: [Server]
        let owners: [Int]
    }
    struct Server: Decodable, Sendable {
        let host: String
        let port: UInt16
        let weight: Double

        init(from decoder: any Decoder) throws {
            var fields = try decoder.unkeyedContainer()
            self.host = try fields.decode(String.self)
            self.port = try fields.decode(UInt16.self)
            self.weight = try fields.decode(Double.self)
        }
    }
    struct Jump: Decodable {
        struct Case: Decodable {
            let buckets: Int
            let owners: [Int]
        }
        let hashes: [String]
        let cases: [Case]
    }
    struct Maglev: Decodable {
        let weights: [String: Double]
        let size: Int
        let names: [String]
        let slots: [Int]
        let checksum: String
    }
    struct Ring: Decodable {
        let weights: [String: Double]
        let points: Int
        let names: [String]
        let owners: [Int]
        let replicas: [[Int]]
    }
    struct Rendezvous: Decodable {
        let weights: [String: Double]
        let names: [String]
        let owners: [Int]
    }

    let keys: [String]
    let ketama: [Ketama]
    let jump: Jump
    let maglev: [Maglev]
    let ring: [Ring]
    let rendezvous: [Rendezvous]

    static func load() throws -> ReferencePlacements {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = folder.appending(path: "Reference/placements.json")
        return try JSONDecoder().decode(ReferencePlacements.self, from: Data(contentsOf: file))
    }
}
