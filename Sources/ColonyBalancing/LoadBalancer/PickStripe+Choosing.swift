import Synchronization

// The choice among the endpoints that may be picked. Everything here runs under the flag of a stripe, for some tens of nanoseconds.
//
// Slow start. A new endpoint has few calls under way, so a balancer that looks for few calls floods it; if its load is weighed with its share
// of the slow start instead, idle neighbours win for ever and it starves (envoyproxy/envoy#19437). So both rules apply: where endpoints are
// compared, a starting one weighs as little as its share says; and whenever chance or its turn comes to it, it is taken with a probability
// that is its share. Its calls then follow the declared curve at low load and at high load.

extension PickStripe {
    /// Chooses an endpoint; `nil` if none may be picked.
    ///
    /// - Parameter now: The present moment, if the rule needs it.
    mutating func choose(_ algorithm: BalancingAlgorithm, hash: UInt64?, settlement: Settlement, now: Int64)
        -> CellPointer?
    {
        let table = self.table
        guard table.pointee.levelCount > 0 else { return nil }
        let number = table.pointee.soleLevel >= 0 ? table.pointee.soleLevel : self.drawLevel(table)
        let level = table.pointee.levels + number
        let count = level.pointee.count
        if count <= 1 { return count == 0 ? nil : level.pointee.candidates[0].cell }
        switch algorithm {
        case .roundRobin: return self.takeTurn(level, number)
        case .weightedRoundRobin:
            if let sequence = level.pointee.sequence { return self.takeTurn(level, number, in: sequence) }
            if level.pointee.aliases != nil { return self.drawWarm(level) { $0.draw(level) } }
            return self.takeTurn(level, number)
        case .random: return self.drawWarm(level) { $0.drawEvenly(level) }
        case .weightedRandom: return self.drawWarm(level) { $0.draw(level) }
        case .leastRequest(.two): return self.lessLoadedOfTwo(level)
        case .leastRequest(.all): return self.leastLoaded(level)
        case .peakEWMA: return self.fasterOfTwo(level, at: now, decay: settlement.decay)
        case .addressHash, .ringHash, .maglev, .rendezvous:
            guard let hash else { return self.draw(level).cell }
            // Where all are starting, a key may have come home to none of them.
            return Self.home(of: hash, level, isAlone: table.pointee.levelCount == 1, settlement)
                ?? self.draw(level).cell
        }
    }

    private mutating func drawLevel(_ table: UnsafePointer<RosterTable>) -> Int {
        let chance = UInt32(truncatingIfNeeded: self.chance.next() >> 32)
        var level = 0
        while level < table.pointee.levelCount - 1, chance > table.pointee.cuts[level] { level += 1 }
        return level
    }

    // MARK: Turns

    /// How often a starting endpoint may let its turn pass in one pick.
    private static var passes: Int { 64 }

    @inline(__always)
    private mutating func nextTurn(_ number: Int, of count: UInt32) -> Int {
        var turn = self.turns[number]
        if turn >= count {
            // Threads start in different places, or they would all begin with the same endpoint. The first one starts at the first.
            turn = turn == Self.unset ? self.start(of: count) : turn % count
        }
        self.turns[number] = turn + 1 == count ? 0 : turn + 1
        return Int(turn)
    }

    @inline(__always)
    private mutating func takeTurn(_ level: UnsafePointer<LevelTable>, _ number: Int) -> CellPointer {
        let candidates = level.pointee.candidates
        let count = level.pointee.count
        for _ in 0..<Self.passes {
            let cell = candidates[self.nextTurn(number, of: count)].cell
            if self.takes(cell) { return cell }
        }
        return candidates[self.nextTurn(number, of: count)].cell
    }

    private mutating func takeTurn(
        _ level: UnsafePointer<LevelTable>, _ number: Int, in sequence: UnsafePointer<UInt16>
    ) -> CellPointer {
        let candidates = level.pointee.candidates
        let count = level.pointee.sequenceCount
        for _ in 0..<Self.passes {
            let cell = candidates[Int(sequence[self.nextTurn(number, of: count)])].cell
            if self.takes(cell) { return cell }
        }
        return candidates[Int(sequence[self.nextTurn(number, of: count)])].cell
    }

    /// Whether an endpoint takes a call that chance or its turn gave it: always, unless it is starting.
    @inline(__always)
    private mutating func takes(_ cell: CellPointer) -> Bool {
        let share = cell.pointee.share.load(ordering: .relaxed)
        return share == EndpointCell.fullShare || self.chance.next(below: EndpointCell.fullShare) < share
    }

    // MARK: Chance

    private mutating func drawEvenly(_ level: UnsafePointer<LevelTable>) -> Candidate {
        level.pointee.candidates[Int(self.chance.next(below: level.pointee.count))]
    }

    /// Draws in proportion to weights.
    private mutating func draw(_ level: UnsafePointer<LevelTable>) -> Candidate {
        level.pointee.candidates[self.drawPosition(level)]
    }

    private mutating func drawPosition(_ level: UnsafePointer<LevelTable>) -> Int {
        guard let aliases = level.pointee.aliases else { return Int(self.chance.next(below: level.pointee.count)) }
        let chance = self.chance.next()
        let column = StripeChance.scaled(UInt32(truncatingIfNeeded: chance >> 32), level.pointee.count)
        let height = UInt32(truncatingIfNeeded: chance)
        return Int(height < aliases[Int(column)].height ? column : aliases[Int(column)].alias)
    }

    private mutating func drawWarm(
        _ level: UnsafePointer<LevelTable>, _ draw: (inout PickStripe) -> Candidate
    ) -> CellPointer {
        for _ in 0..<Self.passes {
            let cell = draw(&self).cell
            if self.takes(cell) { return cell }
        }
        return draw(&self).cell
    }

    /// Two different candidates, in proportion to weights, as far as two draws are enough to find them.
    @inline(__always)
    private mutating func drawTwo(_ level: UnsafePointer<LevelTable>) -> (Candidate, Candidate) {
        let candidates = level.pointee.candidates
        if level.pointee.aliases == nil {
            let chance = self.chance.next()
            let count = level.pointee.count
            let first = StripeChance.scaled(UInt32(truncatingIfNeeded: chance >> 32), count)
            let other = StripeChance.scaled(UInt32(truncatingIfNeeded: chance), count - 1)
            return (candidates[Int(first)], candidates[Int(other >= first ? other + 1 : other)])
        }
        let first = self.draw(level)
        let second = self.draw(level)
        return (first, second.cell == first.cell ? self.draw(level) : second)
    }

    // MARK: Load

    /// What an endpoint can carry: its weight times its share of a slow start.
    @inline(__always)
    private static func strength(_ candidate: Candidate) -> UInt64 {
        UInt64(candidate.weight) &* UInt64(candidate.cell.pointee.share.load(ordering: .relaxed))
    }

    /// Whether the first one has more calls under way than the second, in proportion to what they can carry.
    ///
    /// Idle ones are equal whatever their weights, because chance has drawn them by weight already. With a starting one the call to be placed
    /// is counted as well: one more is much to it.
    @inline(__always)
    private static func isMoreLoaded(_ first: Candidate, _ second: Candidate) -> Bool {
        let isStarting =
            first.cell.pointee.share.load(ordering: .relaxed) != EndpointCell.fullShare
            || second.cell.pointee.share.load(ordering: .relaxed) != EndpointCell.fullShare
        let more = isStarting ? 1 : 0
        return UInt64(first.cell.pointee.underWay + more) &* Self.strength(second)
            > UInt64(second.cell.pointee.underWay + more) &* Self.strength(first)
    }

    private mutating func lessLoadedOfTwo(_ level: UnsafePointer<LevelTable>) -> CellPointer {
        let (first, second) = self.drawTwo(level)
        if self.isStartingAndTakes(first.cell) { return first.cell }
        return Self.isMoreLoaded(first, second) ? second.cell : first.cell
    }

    private mutating func leastLoaded(_ level: UnsafePointer<LevelTable>) -> CellPointer {
        let count = Int(level.pointee.count)
        let candidates = level.pointee.candidates
        // Equals are found from a place that chance chooses, or the first ones would get all calls of an idle level.
        let start = self.drawPosition(level)
        var best = candidates[start]
        if self.isStartingAndTakes(best.cell) { return best.cell }
        for offset in 1..<count {
            let position = start + offset
            let candidate = candidates[position < count ? position : position - count]
            if Self.isMoreLoaded(best, candidate) { best = candidate }
        }
        return best.cell
    }

    /// Whether an endpoint that chance chose is starting, and takes the call whatever the load of others is.
    @inline(__always)
    private mutating func isStartingAndTakes(_ cell: CellPointer) -> Bool {
        let share = cell.pointee.share.load(ordering: .relaxed)
        return share != EndpointCell.fullShare && self.chance.next(below: EndpointCell.fullShare) < share
    }

    private mutating func fasterOfTwo(_ level: UnsafePointer<LevelTable>, at now: Int64, decay: Float) -> CellPointer {
        let (first, second) = self.drawTwo(level)
        if self.isStartingAndTakes(first.cell) { return first.cell }
        return Self.cost(first, at: now, decay: decay) > Self.cost(second, at: now, decay: decay)
            ? second.cell : first.cell
    }

    /// Latency times calls under way, in proportion to what the endpoint can carry.
    static func cost(_ candidate: Candidate, at now: Int64, decay: Float) -> Float {
        let estimate = LatencyEstimate(word: candidate.cell.pointee.latency.load(ordering: .relaxed))
        let underWay = candidate.cell.pointee.underWay
        // An endpoint of which nothing is known yet gets one call, and the next one when that has told something.
        if estimate == .unknown { return underWay == 0 ? 0 : 1e18 * Float(underWay) }
        return estimate.nanoseconds(at: now, decay: decay) * Float(underWay + 1) / Float(Self.strength(candidate))
    }

    // MARK: Keys

    /// The endpoint that a key goes to; `nil` if there is none.
    ///
    /// - Parameter isAlone: Whether there is no other level, whose loads would be in the sum as well.
    static func home(
        of hash: UInt64, _ level: UnsafePointer<LevelTable>, isAlone: Bool, _ settlement: Settlement
    ) -> CellPointer? {
        let members = level.pointee.members
        let position = level.pointee.home?._withUnsafeGuaranteedRef { home in
            home.position(
                forHash: hash, healthy: level.pointee.openShare,
                totalLoad: { self.load(of: level, isAlone: isAlone, settlement) },
                load: { self.load(of: members[$0], forHash: hash) })
        }
        guard let position else { return nil }
        return members[position].cell
    }

    /// The calls under way of those endpoints of a level that may be picked. What hangs in an endpoint that is out must not raise the bound of
    /// the others.
    private static func load(of level: UnsafePointer<LevelTable>, isAlone: Bool, _ settlement: Settlement) -> Int {
        func sum(_ candidates: UnsafePointer<Candidate>, _ count: Int) -> Int {
            (0..<count).reduce(0) { $0 + candidates[$1].cell.pointee.underWay }
        }
        guard isAlone, let loads = settlement.loads else {
            return sum(level.pointee.candidates, Int(level.pointee.count))
        }
        return max(0, loads.value - sum(level.pointee.closed, level.pointee.closedCount))
    }

    /// The calls under way of an endpoint; `nil` if it is out, or is starting and the key has not come home yet. Keys come home one by one,
    /// and stay.
    private static func load(of member: Candidate, forHash hash: UInt64) -> Int? {
        guard member.weight != 0 else { return nil }
        let share = member.cell.pointee.share.load(ordering: .relaxed)
        if share != EndpointCell.fullShare {
            let chance = UInt32(truncatingIfNeeded: KeyedHome.rehash(hash ^ member.cell.pointee.number))
            if StripeChance.scaled(chance, EndpointCell.fullShare) >= share { return nil }
        }
        return member.cell.pointee.underWay
    }
}
