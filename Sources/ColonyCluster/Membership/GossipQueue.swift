import ColonyCore

/// Claims that are worth telling, each told a limited number of times.
///
/// A claim that each member tells λ·log(*n*) times reaches all of them with high probability, so that is how often it is told; fresh ones
/// first, because those have reached the fewest. A later claim about the same member takes the place of the earlier one.
///
/// - Complexity: Taking is O(*q* log *q*) in the number of claims that wait, which is that of members that have changed lately.
/// - SeeAlso: SWIM (see ``MembershipClaim``), section 4.1.
struct GossipQueue: Sendable {
    private struct Rumour: Sendable {
        var claim: MembershipClaim
        var bytes: Int
        var told: Int
        /// Later ones first among those that were told as often.
        var number: UInt64
    }

    private var rumours: [NodeID: Rumour] = [:]
    private var next: UInt64 = 0

    var isEmpty: Bool { self.rumours.isEmpty }
    var count: Int { self.rumours.count }

    mutating func add(_ claim: MembershipClaim) {
        self.next += 1
        self.rumours[claim.id] = Rumour(
            claim: claim, bytes: PacketCoding.size(of: claim), told: 0, number: self.next)
    }

    /// Claims for one packet, each counted as told once more.
    ///
    /// - Parameters:
    ///   - room: How many bytes they may have together.
    ///   - limit: After how many times a claim is dropped.
    mutating func take(room: Int, limit: Int) -> [MembershipClaim] {
        if self.rumours.isEmpty { return [] }
        let order = self.rumours.values.sorted { first, second in
            first.told == second.told ? first.number > second.number : first.told < second.told
        }
        var room = room
        var claims: [MembershipClaim] = []
        for rumour in order where rumour.bytes <= room {
            room -= rumour.bytes
            claims.append(rumour.claim)
            if rumour.told + 1 >= limit {
                self.rumours[rumour.claim.id] = nil
            } else {
                self.rumours[rumour.claim.id]?.told += 1
            }
        }
        return claims
    }
}
