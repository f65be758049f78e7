import ColonyCore

/// Whom to ping next, in every second period: everybody once in each round, in an order that is drawn anew for each.
///
/// Drawing a member for each ping would leave some out for long. In rounds every member is pinged within 2·*n* − 1 of them, for certain;
/// newcomers come at a random place of the round that is under way.
///
/// - Complexity: O(1) for each member, over a round; a newcomer costs O(*n*) moves of names.
/// - SeeAlso: SWIM (see ``MembershipClaim``), section 4.3.
struct ProbeOrder: Sendable {
    private var order: [NodeID] = []
    private var place = 0
    /// Who is in the order, so that a member that goes and comes back is not in it twice.
    private var members: Set<NodeID> = []

    func contains(_ id: NodeID) -> Bool { self.members.contains(id) }

    mutating func add(_ id: NodeID, _ generator: inout some RandomNumberGenerator) {
        guard self.members.insert(id).inserted else { return }
        self.order.insert(id, at: Int.random(in: self.place...self.order.count, using: &generator))
    }

    /// Some of those in the order, all different and all fit, or fewer if few are fit.
    ///
    /// - Complexity: O(*count*) as long as most are fit: it looks at a few more than it is asked for, and leaves it at that.
    func draw(
        _ count: Int, _ generator: inout some RandomNumberGenerator, isFit: (NodeID) -> Bool
    ) -> [NodeID] {
        var drawn: [NodeID] = []
        guard count > 0, !self.order.isEmpty else { return drawn }
        if self.order.count <= 4 * count {
            drawn = self.order.filter(isFit)
            drawn.shuffle(using: &generator)
            return Array(drawn.prefix(count))
        }
        for _ in 0..<(8 + 4 * count) where drawn.count < count {
            let id = self.order[Int.random(in: 0..<self.order.count, using: &generator)]
            if !drawn.contains(id), isFit(id) { drawn.append(id) }
        }
        return drawn
    }

    /// The next one to be pinged; who is gone is dropped.
    mutating func next(
        _ generator: inout some RandomNumberGenerator, isGone: (NodeID) -> Bool
    ) -> NodeID? {
        for round in 0..<2 {
            while self.place < self.order.count {
                let id = self.order[self.place]
                if isGone(id) {
                    self.order.remove(at: self.place)
                    self.members.remove(id)
                } else {
                    self.place += 1
                    return id
                }
            }
            self.place = 0
            if round == 0 { self.order.shuffle(using: &generator) }
        }
        return nil
    }
}
