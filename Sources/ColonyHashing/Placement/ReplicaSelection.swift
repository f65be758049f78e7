/// Picks different nodes out of a sequence of preferred ones, different zones first.
///
/// The first node of the sequence is always taken. After it, a node is taken at once if its zone has none yet. The others
/// wait, and are taken in their order once every zone has one. So as long as there are as many zones as replicas no two
/// replicas share a zone, and otherwise every zone has one before any has two.
@usableFromInline
struct ReplicaSelection {
    private let wanted: Int
    private let zones: [UInt32]
    private let zoneCount: Int
    private var taken: [Int] = []
    private var waiting: [Int] = []
    /// A bit for each node that was offered.
    private var offered: [UInt64]
    /// A bit for each zone that has a node among those taken.
    private var served: [UInt64]

    /// - Parameters:
    ///   - wanted: At least 1 and at most the number of nodes.
    ///   - zones: The number of the zone of each node.
    init(_ wanted: Int, zones: [UInt32], zoneCount: Int) {
        self.wanted = wanted
        self.zones = zones
        self.zoneCount = zoneCount
        self.offered = [UInt64](repeating: 0, count: (zones.count + 63) / 64)
        self.served = [UInt64](repeating: 0, count: (zoneCount + 63) / 64)
        self.taken.reserveCapacity(wanted)
    }

    /// Considers the next preferred node; one that was offered before changes nothing.
    ///
    /// - Returns: Whether enough are picked, so that no more need be offered.
    /// - Complexity: O(1).
    mutating func offer(_ node: Int) -> Bool {
        if Self.mark(node, in: &self.offered) {
            if Self.mark(Int(self.zones[node]), in: &self.served) {
                self.taken.append(node)
            } else {
                self.waiting.append(node)
            }
        }
        // Only the first node of each zone is among those taken, so their number is that of the zones served.
        if self.taken.count == self.wanted { return true }
        return self.taken.count == self.zoneCount && self.taken.count + self.waiting.count >= self.wanted
    }

    /// Sets a bit and tells whether it was clear.
    private static func mark(_ number: Int, in bits: inout [UInt64]) -> Bool {
        let bit: UInt64 = 1 << UInt64(number & 63)
        defer { bits[number >> 6] |= bit }
        return bits[number >> 6] & bit == 0
    }

    /// The nodes picked, best first.
    func picked() -> [Int] {
        self.taken + self.waiting.prefix(self.wanted - self.taken.count)
    }
}
