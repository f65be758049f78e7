import ColonyCore

/// Claims that are worth telling, each told a limited number of times.
///
/// A claim that each member tells λ·log(*n*) times reaches all of them with high probability, so that is how often it is told; fresh ones
/// first, because those have reached the fewest. A later claim about the same member takes the place of the earlier one.
///
/// - Complexity: O(1) to add; taking is O(*k*) in the number of claims that are taken, however many wait.
/// - SeeAlso: SWIM (see ``MembershipClaim``), section 4.1.
struct GossipQueue: Sendable {
    private struct Rumour: Sendable {
        var claim: MembershipClaim
        var bytes: Int
        var number: UInt64
    }

    /// Where a claim waits; no longer true if the claim that holds has another number.
    private struct Place: Sendable {
        let id: NodeID
        let number: UInt64
    }

    /// Less than any claim takes, so that a packet without that much room is full.
    private static let leastBytes = 23
    /// After how many claims that are too long for the rest of a packet it is left at that.
    private static let mostMisfits = 8

    private var rumours: [NodeID: Rumour] = [:]
    /// By how often they were told, the latest at the end.
    private var levels: [[Place]] = [[]]
    /// How many there are on all levels.
    private var placeCount = 0
    private var next: UInt64 = 0

    var isEmpty: Bool { self.rumours.isEmpty }
    var count: Int { self.rumours.count }

    mutating func add(_ claim: MembershipClaim) {
        self.next += 1
        self.rumours[claim.id] = Rumour(claim: claim, bytes: PacketCoding.size(of: claim), number: self.next)
        self.levels[0].append(Place(id: claim.id, number: self.next))
        self.placeCount += 1
        if self.placeCount > 4 * self.rumours.count + 64 { self.dropReplaced() }
    }

    private mutating func dropReplaced() {
        for level in self.levels.indices { self.levels[level].removeAll { self.rumours[$0.id]?.number != $0.number } }
        self.placeCount = self.levels.reduce(0) { $0 + $1.count }
    }

    /// Claims for one packet, each counted as told once more.
    ///
    /// - Parameters:
    ///   - room: How many bytes they may have together.
    ///   - limit: After how many times a claim is dropped.
    mutating func take(room: Int, limit: Int) -> [MembershipClaim] {
        if self.rumours.isEmpty { return [] }
        var room = room
        var claims: [MembershipClaim] = []
        var told: [[Place]] = []
        for level in self.levels.indices {
            told.append([])
            guard room >= Self.leastBytes else { break }
            var misfits: [Place] = []
            while room >= Self.leastBytes, misfits.count < Self.mostMisfits, let place = self.levels[level].popLast() {
                guard let rumour = self.rumours[place.id], rumour.number == place.number else {
                    self.placeCount -= 1
                    continue
                }
                guard rumour.bytes <= room else {
                    misfits.append(place)
                    continue
                }
                room -= rumour.bytes
                claims.append(rumour.claim)
                if level + 1 < limit {
                    told[level].append(place)
                } else {
                    self.rumours[place.id] = nil
                    self.placeCount -= 1
                }
            }
            self.levels[level].append(contentsOf: misfits.reversed())
        }
        // Only now, so that none is in a packet twice.
        for (level, places) in told.enumerated() where !places.isEmpty {
            if level + 1 == self.levels.count { self.levels.append([]) }
            self.levels[level + 1].append(contentsOf: places.reversed())
        }
        return claims
    }
}
