import ColonyCaches
import ColonySimulation
import Testing

@Suite("Eviction orders")
struct EvictionOrderTests {
    private static let models: [(EvictionPolicy, NaiveCache.Rule)] = [
        (.fifo, .fifo), (.lru, .lru), (.lfu, .lfu), (.sieve, .sieve),
    ]

    @Test("without parameters agree with their definitions at every step", arguments: models)
    func agreesWithItsDefinition(policy: EvictionPolicy, rule: NaiveCache.Rule) {
        for seed in 1...200 as ClosedRange<UInt64> {
            var chance = SeededGenerator(seed: Seed(rawValue: seed))
            let capacity = Int.random(in: 1...24, using: &chance)
            let isWeighted = seed % 2 == 0
            let order = DrivenOrder(policy, capacity: capacity, countsEntries: !isWeighted)
            var model = NaiveCache(rule, capacity: capacity)
            for step in 1...1000 {
                let key = min(Int.random(in: 0..<40, using: &chance), Int.random(in: 0..<40, using: &chance))
                let weight = isWeighted ? Int.random(in: 0...5, using: &chance) : 1
                switch Int.random(in: 0..<100, using: &chance) {
                case 0..<84:
                    let (hit, expected) = (order.access(key, weight: weight), model.access(key, weight: weight))
                    if hit != expected { Issue.record("\(policy), seed \(seed), step \(step): hit \(hit)") }
                case 84..<90:
                    order.remove(key)
                    model.remove(key)
                case 90..<98:
                    order.replace(key, weight: weight)
                    model.replace(key, weight: weight)
                default:
                    let capacity = Int.random(in: 1...24, using: &chance)
                    order.resize(to: capacity)
                    model.resize(to: capacity)
                }
                let defect = order.audit() ?? (Set(order.entries.keys) == model.keys ? nil : "other keys are there")
                if let defect {
                    Issue.record("\(policy), seed \(seed), step \(step): \(defect)")
                    return
                }
            }
        }
    }

    @Test("keep the bound and their structure over random steps", arguments: EvictionPolicy.allCases)
    func keepsItsStructure(policy: EvictionPolicy) {
        for seed in 1...200 as ClosedRange<UInt64> {
            var chance = SeededGenerator(seed: Seed(rawValue: seed))
            let isWeighted = seed % 2 == 0
            let capacity = Int.random(in: 1...(seed % 5 == 0 ? 700 : 60), using: &chance)
            let order = DrivenOrder(policy, capacity: capacity, countsEntries: !isWeighted, places: 3000)
            for step in 1...1000 {
                let reach = step / 250 % 2 == 0 ? capacity * 3 : capacity + 5
                let key = Int.random(in: 0..<reach, using: &chance)
                let weight = isWeighted ? Int.random(in: 0...9, using: &chance) : 1
                switch Int.random(in: 0..<100, using: &chance) {
                case 0..<88: order.access(key, weight: weight)
                case 88..<92: order.remove(key)
                case 92..<99: order.replace(key, weight: weight)
                default: order.resize(to: Int.random(in: 1...(capacity + 10), using: &chance))
                }
                // A walk of everything at each step would take minutes; the cheap checks are made at each.
                if order.complaint != nil || step % 50 == 0, let defect = order.audit() {
                    Issue.record("\(policy), seed \(seed), step \(step): \(defect)")
                    return
                }
            }
        }
    }

    @Test("do the same thing for the same requests", arguments: EvictionPolicy.allCases)
    func isDeterministic(policy: EvictionPolicy) {
        func keys() -> Set<Int> {
            var chance = SeededGenerator(seed: 7)
            let order = DrivenOrder(policy, capacity: 50)
            for _ in 0..<5000 {
                let limit = Int.random(in: 1...400, using: &chance)
                order.access(Int.random(in: 0..<limit, using: &chance))
            }
            return Set(order.entries.keys)
        }
        #expect(keys() == keys())
    }

    @Test("never give up an entry without weight", arguments: EvictionPolicy.allCases)
    func keepsWhatHasNoWeight(policy: EvictionPolicy) {
        let order = DrivenOrder(policy, capacity: 10, countsEntries: false)
        for key in 0..<5 { order.access(key, weight: 0) }
        for key in 5..<500 { order.access(key, weight: 1 + key % 3) }
        #expect((0..<5).allSatisfy { order.entries[$0] != nil })
        #expect(order.audit() == nil)
        for key in 0..<5 { order.replace(key, weight: 2) }
        for key in 500..<600 { order.access(key, weight: 3) }
        #expect((0..<5).allSatisfy { order.entries[$0] == nil })
        #expect(order.audit() == nil)
    }

    @Test("have no victim when they hold nothing", arguments: EvictionPolicy.allCases)
    func hasNoVictimWhenEmpty(policy: EvictionPolicy) {
        let nodes = EntryNodes.allocate(1)
        defer { nodes.deallocate() }
        let order = policy.makeOrder(capacity: 5)
        #expect(order.victim(for: 1, weight: 1, nodes) == nil)
        #expect(order.defect(entries: 0, weight: 0, nodes) == nil)
    }

    @Test("work with room for one entry", arguments: EvictionPolicy.allCases)
    func worksWithRoomForOne(policy: EvictionPolicy) {
        let order = DrivenOrder(policy, capacity: 1)
        for step in 0..<2000 { order.access(step / 3) }
        #expect(order.entries.count == 1)
        #expect(order.hits == 1333)
        #expect(order.audit() == nil)
    }
}
