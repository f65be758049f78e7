import ColonyClocks
import ColonyCore
import ColonySimulation
import Testing

@Suite("Replicated values against plain models")
struct ReplicatedModelTests {
    @Test("after partitions and lost messages all replicas count what was counted", arguments: seeds)
    func counters(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        var up = [GCounter](repeating: GCounter(), count: 5)
        var both = [PNCounter](repeating: PNCounter(), count: 5)
        var counted: UInt128 = 0
        var balance: Int128 = 0
        for step in 0..<1_000 {
            let here = Int.random(in: 0..<5, using: &chance)
            let there = Int.random(in: 0..<5, using: &chance)
            // Half of the time the replicas are split in two and three.
            let isSplit = (step / 100) % 2 == 1
            if chance.happens(withProbability: 0.6) {
                let amount = Int.random(in: 0...9, using: &chance)
                let change = Int.random(in: -9...9, using: &chance)
                try up[here].increment(by: amount, at: node(here))
                try both[here].add(change, at: node(here))
                counted += UInt128(amount)
                balance += Int128(change)
            } else if !isSplit || (here < 2) == (there < 2) {
                up[here].merge(up[there])
                both[here].merge(both[there])
            }
            if up[here].value > counted { Issue.record("\(seed): more than was counted at step \(step)") }
        }
        let upWhole = up.reduce(GCounter()) { $0.merging($1) }
        let bothWhole = both.reduce(PNCounter()) { $0.merging($1) }
        for index in 0..<5 {
            // Each hears of the others over its neighbour, twice round.
            for hop in 1...10 {
                up[(index + hop) % 5].merge(up[(index + hop - 1) % 5])
                both[(index + hop) % 5].merge(both[(index + hop - 1) % 5])
            }
        }
        #expect(upWhole.value == counted && bothWhole.value == balance)
        #expect(up.allSatisfy { $0 == upWhole } && both.allSatisfy { $0 == bothWhole })
    }

    @Test("the textbook counters lose increments when they are merged, and these do not")
    func textbookCounter() throws {
        // One number, of which the merge takes the greater.
        var (left, right) = (0, 0)
        left += 1
        right += 1
        #expect(max(left, right) == 1, "two increments, one is lost")
        // A signed number per replica, of which the merge takes the greater: the decrement is lost.
        let newer = ["a": 2 - 1]
        let older = ["a": 2]
        #expect(newer.merging(older) { max($0, $1) } == ["a": 2])

        var (first, second) = (GCounter(), GCounter())
        try first.increment(at: node(0))
        try second.increment(at: node(1))
        #expect(first.merging(second).value == 2)
        var (changed, stale) = (PNCounter(), PNCounter())
        try changed.add(2, at: node(0))
        stale = changed
        try changed.add(-1, at: node(0))
        #expect(changed.merging(stale).value == 1)
    }

    @Test("counters refuse what they cannot count")
    func counterLimits() throws {
        var counter = GCounter()
        let negative = #expect(throws: ClockError.self) { try counter.increment(by: -3, at: node(0)) }
        #expect(negative?.code == .invalidRequest)
        #expect(negative?.message.contains("-3") == true)
        #expect(counter == GCounter())
        #expect(try counter.increment(by: 0, at: node(0)) == GCounter())
        for _ in 0..<2 { try counter.increment(by: .max, at: node(0)) }
        try counter.increment(by: 1, at: node(0))
        let full = #expect(throws: ClockError.self) { try counter.increment(at: node(0)) }
        #expect(full?.code == .exhausted)
        #expect(counter[node(0)] == .max)
        try counter.increment(by: 1, at: node(1))
        #expect(counter.value == UInt128(UInt64.max) + 1)

        var both = PNCounter()
        try both.add(.min, at: node(0))
        #expect(both.value == Int128(Int.min))
        // Two times 2⁶³ is one more than fits.
        let low = #expect(throws: ClockError.self) { try both.add(.min, at: node(0)) }
        #expect(low?.code == .exhausted)
        #expect(both.value == Int128(Int.min))
    }

    /// Every addition by name, and the removed ones for ever: the observed-remove set as it was first written down.
    private struct NaiveORSet {
        var added: Set<[Int]> = []
        var removed: Set<Int> = []

        var elements: Set<Int> { Set(self.added.filter { !self.removed.contains($0[1]) }.map { $0[0] }) }
    }

    @Test("the set without tombstones agrees with the one that keeps them, and additions win", arguments: seeds)
    func orSet(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        var sets = [ORSet<Int>](repeating: ORSet(), count: 4)
        var models = [NaiveORSet](repeating: NaiveORSet(), count: 4)
        for step in 0..<500 {
            let here = Int.random(in: 0..<4, using: &chance)
            let element = Int.random(in: 0..<6, using: &chance)
            switch Int.random(in: 0..<4, using: &chance) {
            case 0, 1:
                try sets[here].add(element, at: node(here))
                // An addition replaces the ones that were seen, as in the set under test.
                models[here].removed.formUnion(models[here].added.filter { $0[0] == element }.map { $0[1] })
                models[here].added.insert([element, step])
            case 2:
                sets[here].remove(element)
                models[here].removed.formUnion(models[here].added.filter { $0[0] == element }.map { $0[1] })
            default:
                let there = Int.random(in: 0..<4, using: &chance)
                sets[here].merge(sets[there])
                models[here].added.formUnion(models[there].added)
                models[here].removed.formUnion(models[there].removed)
            }
            if sets[here].elements != models[here].elements { Issue.record("\(seed), step \(step)") }
        }
    }

    @Test("an addition survives a concurrent removal, and nothing is left of an element that everybody removed")
    func addWins() throws {
        var first = ORSet<String>()
        try first.add("x", at: node(0))
        var second = first
        let removal = second.remove("x")
        let addition = try first.add("x", at: node(0))
        #expect(first.merging(second).contains("x"))
        #expect(second.merging(first).contains("x"))
        second.apply(addition)
        second.apply(removal)
        #expect(second.contains("x"))

        for round in 0..<1_000 {
            try first.add("y\(round)", at: node(0))
            first.remove("y\(round)")
        }
        #expect(first.count == 1)
        #expect(first.overhead == 0)
    }

    @Test("a removal that overtakes its addition is not undone by it")
    func reordering() throws {
        var source = ORSet<String>()
        let addition = try source.add("x", at: node(0))
        let second = try source.add("y", at: node(0))
        let removal = source.remove("x")
        var target = ORSet<String>()
        for delta in [removal, second, addition, second, removal] { target.apply(delta) }
        #expect(target.elements == ["y"])
        #expect(target == source)
        #expect(target.overhead == 0, "the gap is closed, so nothing is left of it")
    }

    @Test("a lost delta of a counter is made good by the next one, and one of a set is not")
    func deltaLoss() throws {
        var counter = GCounter()
        _ = try counter.increment(by: 2, at: node(0))
        let later = try counter.increment(by: 3, at: node(0))
        #expect(GCounter().merging(later).value == 5)
        #expect(GCounter.deltaDelivery == .laterRepairsEarlier)

        var set = ORSet<String>()
        _ = try set.add("lost", at: node(0))
        let arrived = try set.add("x", at: node(0))
        var target = ORSet<String>()
        target.apply(arrived)
        #expect(target.elements == ["x"])
        #expect(target.overhead == 1, "the gap is kept")
        #expect(ORSet<String>.deltaDelivery == .eachMustArrive)
        target.merge(set)
        #expect(target == set)
        #expect(target.overhead == 0)
    }

    @Test("a register keeps concurrent writes until one that knows them")
    func mvRegister() throws {
        var (first, second) = (MVRegister<String>(), MVRegister<String>())
        try first.set("a", at: node(0))
        try second.set("b", at: node(1))
        first.merge(second)
        #expect(first.values == ["a", "b"])
        try second.set("c", at: node(1))
        first.merge(second)
        #expect(first.values == ["a", "c"])
        let delta = try first.set("d", at: node(0))
        second.apply(delta)
        #expect(second.values == ["d"])
        #expect(first == second)
    }

    @Test("of two writes the later counts, and a removal counts as one")
    func lastWriteWins() throws {
        func stamp(_ time: UInt64, _ number: Int) -> WriteStamp {
            WriteStamp(time: HybridTimestamp(rawValue: time), node: node(number))
        }
        var map = LWWMap<String, Int>()
        map.set(1, forKey: "k", at: stamp(5, 0))
        map.set(2, forKey: "k", at: stamp(4, 3))
        #expect(map["k"] == 1)
        map.set(3, forKey: "k", at: stamp(5, 1))
        #expect(map["k"] == 3)
        map.remove("k", at: stamp(6, 0))
        map.merge(LWWMap().with(7, "k", stamp(5, 9)))
        #expect(map["k"] == nil && map.values.isEmpty && map.removalCount == 1)
        map.forgetRemovals(before: HybridTimestamp(rawValue: 6))
        #expect(map.removalCount == 1)
        map.forgetRemovals(before: HybridTimestamp(rawValue: 7))
        #expect(map == LWWMap())
    }
}

extension LWWMap {
    fileprivate func with(_ value: Value, _ key: Key, _ stamp: WriteStamp) -> LWWMap {
        var result = self
        result.set(value, forKey: key, at: stamp)
        return result
    }
}
