import ColonyHashing

// Where keys belong, and where they go while their endpoint is out.
//
// An endpoint that is out of health is likely to come back soon. If it were taken out of the ring or the table, its keys would move away and
// back, and in a table others would move as well. So the placement holds all endpoints of the level, whatever their health, and keys whose
// home is out go somewhere else: on a ring to the next endpoint on the way round, elsewhere to the home of the key's hash, hashed again.
// No other key moves at all.

/// The placement of one level, with all its endpoints.
final class KeyedHome: Sendable {
    private enum Rule: Sendable {
        case ring(HashRing<Int>)
        case boundedRing(BoundedLoadRing<Int>)
        case maglev(MaglevTable<Int>)
        case rendezvous(RendezvousHash<Int>)
        /// By weight: the endpoints in order, and the sum of weights up to each.
        case modulo([UInt64])
    }

    /// How often a key is hashed again before the search goes from one endpoint to the next.
    private static let attempts: UInt64 = 8

    private let rule: Rule
    /// For each position of the placement, which of the endpoints it was made of.
    private let order: [Int]

    /// - Parameter endpoints: At least one.
    init(_ algorithm: BalancingAlgorithm, _ endpoints: [Endpoint]) throws(PlacementError) {
        let members = endpoints.enumerated().map { position, endpoint in
            PlacementMember(position, name: endpoint.name.rawValue, weight: Double(endpoint.weight))
        }
        switch algorithm {
        case .ringHash(let factor):
            let ring = try HashRing(members)
            self.rule =
                if let factor { .boundedRing(try BoundedLoadRing(ring, loadFactor: factor)) } else { .ring(ring) }
            self.order = ring.nodes
        case .maglev:
            let table = try MaglevTable(members)
            self.rule = .maglev(table)
            self.order = table.nodes
        case .rendezvous:
            let hash = try RendezvousHash(members)
            self.rule = .rendezvous(hash)
            self.order = hash.nodes
        default:
            var sum: UInt64 = 0
            self.rule = .modulo(
                endpoints.map { endpoint in
                    sum += UInt64(endpoint.weight)
                    return sum
                })
            self.order = Array(endpoints.indices)
        }
    }

    /// The endpoint that a key goes to, as a position among the endpoints that the home was made of.
    ///
    /// - Parameters:
    ///   - load: The load of the endpoint at a position; `nil` if it is out.
    ///   - totalLoad: The sum of all loads, asked for if the rule needs it.
    ///   - healthy: The share of the level's weight that is in health, above 0.
    /// - Returns: `nil` if all are out.
    func position(
        forHash hash: UInt64, healthy: Double, totalLoad: () -> Int, load: (Int) -> Int?
    ) -> Int? {
        switch self.rule {
        case .boundedRing(let ring):
            // Those who are out have no part in the capacity, so the rest of them may carry their share.
            let total = Int((Double(totalLoad()) / healthy).rounded(.up))
            let found = self.order[
                ring.index(forHash: hash, totalLoad: total) { index in load(self.order[index]) ?? .max }]
            if load(found) != nil { return found }
        case .ring(let ring):
            let home = self.order[ring.index(forHash: hash)]
            if load(home) != nil { return home }
            let found = self.order[
                ring.firstIndex(forHash: hash) { index in load(self.order[index]) != nil }]
            if load(found) != nil { return found }
        default:
            var hash = hash
            for _ in 0..<Self.attempts {
                let home = self.order[self.home(forHash: hash)]
                if load(home) != nil { return home }
                hash = Self.rehash(hash)
            }
        }
        let start = Int(StripeChance.scaled(UInt32(truncatingIfNeeded: hash >> 32), UInt32(self.order.count)))
        return (0..<self.order.count).lazy.map { ($0 + start) % self.order.count }.first { load($0) != nil }
    }

    private func home(forHash hash: UInt64) -> Int {
        switch self.rule {
        case .ring(let ring): ring.index(forHash: hash)
        case .boundedRing(let ring): ring.ring.index(forHash: hash)
        case .maglev(let table): table.index(forHash: hash)
        case .rendezvous(let rendezvous): rendezvous.index(forHash: hash)
        case .modulo(let sums): Self.position(in: sums, of: hash % (sums.last ?? 1))
        }
    }

    private static func position(in sums: [UInt64], of number: UInt64) -> Int {
        var low = 0
        var high = sums.count - 1
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] <= number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Another hash for the same key: the finaliser of SplitMix64.
    static func rehash(_ hash: UInt64) -> UInt64 {
        var word = hash &+ 0x9E37_79B9_7F4A_7C15
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
