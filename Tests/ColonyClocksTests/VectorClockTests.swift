import ColonyClocks
import ColonyCore
import ColonySimulation
import Testing

@Suite("Vector clock")
struct VectorClockTests {
    @Test("comparing clocks tells what happened before what", arguments: seeds)
    func agreesWithHistory(seed: Seed) throws {
        let history = try History(seed: seed, nodes: 5, steps: 60, keeping: 3)
        var wrong = 0
        for first in history.events.indices {
            for second in history.events.indices {
                let order = history.events[first].clock.compare(to: history.events[second].clock)
                // An expectation for each of so many pairs would take most of the time.
                if order != history.order(first, second) { wrong += 1 }
            }
        }
        #expect(wrong == 0, "\(seed)")
    }

    @Test("the order is partial: reflexive, antisymmetric, transitive", arguments: seeds)
    func partialOrder(seed: Seed) {
        var chance = SeededGenerator(seed: seed)
        let clocks = (0..<12).map { _ in
            VectorClock(
                Dictionary(uniqueKeysWithValues: (0..<3).map { (node($0), UInt64.random(in: 0...2, using: &chance)) }))
        }
        var broken = 0
        for a in clocks {
            #expect(a.compare(to: a) == .equal)
            for b in clocks {
                let order = a.compare(to: b)
                #expect(b.compare(to: a) == order.reversed)
                #expect((order == .equal) == (a == b))
                for c in clocks where b.compare(to: a).isAtLeast && c.compare(to: b).isAtLeast {
                    if !c.compare(to: a).isAtLeast { broken += 1 }
                }
            }
        }
        #expect(broken == 0, "transitive, \(seed)")
    }

    @Test("the merge is the least clock that is at least both", arguments: seeds.prefix(50))
    func leastUpperBound(seed: Seed) {
        var chance = SeededGenerator(seed: seed)
        let clocks = (0..<8).map { _ in
            VectorClock(
                Dictionary(uniqueKeysWithValues: (0..<4).map { (node($0), UInt64.random(in: 0...2, using: &chance)) }))
        }
        for a in clocks {
            for b in clocks {
                let merged = a.merging(b)
                #expect(merged == b.merging(a))
                #expect(merged.compare(to: a).isAtLeast && merged.compare(to: b).isAtLeast)
                for c in clocks {
                    #expect(merged.merging(c) == a.merging(b.merging(c)))
                    if c.compare(to: a).isAtLeast && c.compare(to: b).isAtLeast {
                        #expect(c.compare(to: merged).isAtLeast)
                    }
                }
            }
        }
    }

    @Test("a pruned clock that keeps its event never shows an order that is not there", arguments: seeds)
    func pruningKeepsOrderTrue(seed: Seed) throws {
        let history = try History(seed: seed, nodes: 6, steps: 50, keeping: 2)
        var wrong = 0
        for first in history.events.indices {
            for second in history.events.indices where first != second {
                let seen = history.events[first].pruned.compare(to: history.events[second].pruned)
                if seen != .concurrent && seen != history.order(first, second) { wrong += 1 }
            }
        }
        #expect(wrong == 0, "\(seed)")
    }

    @Test("what pruning costs is orders that look like concurrency, and without the event's entry also false orders")
    func pruningCost() throws {
        var falseConcurrency = 0
        var falseOrder = 0
        for seed in seeds.prefix(20) {
            let history = try History(seed: seed, nodes: 6, steps: 50, keeping: 2)
            for first in history.events.indices {
                for second in history.events.indices where first < second {
                    let truth = history.order(first, second)
                    let kept = history.events[first].pruned.compare(to: history.events[second].pruned)
                    let cut = history.events[first].cut.compare(to: history.events[second].cut)
                    if kept == .concurrent && truth != .concurrent { falseConcurrency += 1 }
                    if cut != .concurrent && cut != truth { falseOrder += 1 }
                }
            }
        }
        #expect(falseConcurrency > 0)
        #expect(falseOrder > 0, "the history does not show why the event's own entry has to stay")
    }

    @Test("the example of the essay: dropping the event's own entry loses a version")
    func essayExample() {
        let a = VectorClock([node(0): 2, node(1): 1])
        let b = VectorClock([node(0): 1, node(1): 1, node(2): 1])
        #expect(a.compare(to: b) == .concurrent)
        #expect(VectorClock([node(1): 1]).compare(to: b) == .before)
    }

    @Test("the entries that were not used for longest go first, and unknown ages before all")
    func pruningByAge() throws {
        var clock = VectorClock([node(0): 1, node(1): 2, node(2): 3, node(3): 4])
        let ages: [NodeID: Int64] = [node(0): 5, node(1): 9, node(3): 1]
        let dropped = try clock.prune(to: 2, keeping: Dot(node: node(3), number: 4)) {
            ages[$0].map { WallTime(millisecondsSince1970: $0) }
        }
        #expect(dropped.map(\.node) == [node(2), node(0)])
        #expect(clock == VectorClock([node(1): 2, node(3): 4]))
    }

    @Test("a prune that would not protect the event is refused")
    func pruningRefused() throws {
        var clock = VectorClock([node(0): 2, node(1): 2])
        let stale = try Dot(node: node(0), number: 1)
        let own = try Dot(node: node(0), number: 2)
        #expect(throws: ClockError.self) { try clock.prune(to: 1, keeping: stale) { _ in nil } }
        #expect(throws: ClockError.self) { try clock.prune(to: 0, keeping: own) { _ in nil } }
        #expect(clock.count == 2)
    }

    @Test("zeros are left out, and the end of the numbers is an error")
    func edges() throws {
        #expect(VectorClock([node(0): 0]) == VectorClock())
        var clock = VectorClock([node(0): .max])
        let error = #expect(throws: ClockError.self) { try clock.increment(node(0)) }
        #expect(error?.code == .exhausted)
        clock.record(try Dot(node: node(1), number: 7))
        clock.record(try Dot(node: node(1), number: 3))
        #expect(clock[node(1)] == 7)
        #expect(throws: ClockError.self) { try Dot(node: node(1), number: 0) }
    }
}
