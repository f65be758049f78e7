import ColonyCore

/// Who has arrived at a barrier, and which generation is filling: the one record that all parties change, each by comparing and
/// setting, so that arriving, leaving, and opening have one order.
///
/// In the store it is JSON under the key `state`:
/// `{"arrived":["a"],"generation":4,"parties":3,"released":["b","c","d"]}`.
struct BarrierState: Hashable, Codable, Sendable {
    /// How many open it.
    var parties: Int
    /// How often it has opened.
    var generation: Int
    /// Who has arrived in this generation.
    var arrived: [String]
    /// Who was let through when it last opened: by this, one whose answer was lost knows that it was counted.
    var released: [String]

    init(parties: Int) {
        self.parties = parties
        self.generation = 0
        self.arrived = []
        self.released = []
    }

    /// What one party does after a look, as a value.
    enum Decision: Hashable, Sendable {
        /// Write this state, if nobody has written since the look.
        case write(BarrierState)
        /// The party has arrived; wait for others.
        case wait
        /// The barrier has opened with this party among those who were counted.
        case pass(generation: Int)
        /// The barrier has opened without this party, whose record had run out, so that the others took it for dead; or it has
        /// opened again since, and does not tell any more.
        case missed(generation: Int)
    }

    /// What to do next for `party`.
    ///
    /// - Parameters:
    ///   - generation: In which generation the party has arrived or has tried to; `nil` before its first attempt.
    ///   - isAlive: Whether the record of a party is there.
    func decision(for party: String, since generation: Int?, isAlive: (String) -> Bool) -> Decision {
        if let generation, self.generation > generation {
            let wasCounted = self.generation == generation + 1 && self.released.contains(party)
            return wasCounted ? .pass(generation: generation) : .missed(generation: generation)
        }
        // Who died waiting is not counted any more, and is taken out so that nobody takes it for one who has arrived.
        var next = self
        next.arrived.removeAll { $0 != party && !isAlive($0) }
        if !next.arrived.contains(party) { next.arrived.append(party) }
        if next.arrived.count >= next.parties {
            next.released = next.arrived
            next.arrived = []
            next.generation += 1
        }
        return next == self ? .wait : .write(next)
    }

    /// The state without a party that does not wait any longer.
    func without(_ party: String) -> BarrierState {
        var next = self
        next.arrived.removeAll { $0 == party }
        return next
    }
}
