import ColonyCaches
import ColonySimulation
import Synchronization
import Testing

@Suite("The order of what threads do to a cache")
struct LinearizabilityTests {
    @Test("is one that explains every answer", arguments: EvictionPolicy.allCases)
    func histories(policy: EvictionPolicy) async throws {
        for seed in 0..<200 as Range<UInt64> {
            let cache = try Cache<Int, Int>(capacity: 8, policy: policy)
            let time = Ticks()
            let histories = await withTaskGroup(of: [Int: [CacheHistory.Operation]].self) { group in
                for worker in 0..<4 as Range<UInt64> {
                    group.addTask {
                        var random = SeededGenerator(seed: Seed(rawValue: seed * 4 + worker))
                        var operations: [Int: [CacheHistory.Operation]] = [:]
                        for step in 0..<24 {
                            let key = Int.random(in: 0..<3, using: &random)
                            let choice = Int.random(in: 0..<8, using: &random)
                            let called = time.next()
                            let action: CacheHistory.Action =
                                switch choice {
                                case 0..<4: .get(cache.get(key))
                                case 4..<6: .set(Self.store(Int(worker) * 1_000 + step * 10, key, cache))
                                case 6: .remove(cache.remove(key))
                                default:
                                    .increment(
                                        cache.update(key) { value in
                                            let sum = (value ?? 0) + 1
                                            value = sum
                                            return sum
                                        })
                                }
                            let returned = time.next()
                            operations[key, default: []].append(
                                CacheHistory.Operation(action: action, called: called, returned: returned))
                        }
                        return operations
                    }
                }
                return await group.reduce(into: [:]) { $0.merge($1) { $0 + $1 } }
            }
            for (key, operations) in histories {
                // Keys are independent, and so are their histories (Herlihy and Wing, theorem 1).
                let history = CacheHistory(
                    operations: Array(operations.sorted { $0.returned < $1.returned }.prefix(64)))
                #expect(history.isLinearizable(), "key \(key) of seed \(seed): \(history.operations)")
            }
            #expect(cache.defect() == nil)
        }
    }

    /// The order of calls and returns, for all threads.
    private final class Ticks: Sendable {
        private let count = Atomic(0)
        func next() -> Int { self.count.add(1, ordering: .sequentiallyConsistent).newValue }
    }

    private static func store(_ value: Int, _ key: Int, _ cache: Cache<Int, Int>) -> Int {
        cache.set(key, to: value)
        return value
    }

    @Test("is refused where none explains the answers")
    func checker() {
        func operation(_ action: CacheHistory.Action, _ called: Int, _ returned: Int) -> CacheHistory.Operation {
            CacheHistory.Operation(action: action, called: called, returned: returned)
        }
        let stale = CacheHistory(operations: [
            operation(.set(1), 1, 2), operation(.set(2), 3, 4), operation(.get(1), 5, 6),
        ])
        #expect(!stale.isLinearizable())
        let overlapping = CacheHistory(operations: [
            operation(.set(1), 1, 2), operation(.set(2), 3, 6), operation(.get(1), 4, 5),
        ])
        #expect(overlapping.isLinearizable())
        let lost = CacheHistory(operations: [operation(.increment(1), 1, 3), operation(.increment(1), 2, 4)])
        #expect(!lost.isLinearizable())
        let backwards = CacheHistory(operations: [
            operation(.set(1), 1, 10), operation(.get(1), 2, 3), operation(.get(nil), 4, 5),
        ])
        #expect(!backwards.isLinearizable())
    }

    @Test("never shows a reader half of a value while entries come, go, and grow", arguments: EvictionPolicy.allCases)
    func pairs(policy: EvictionPolicy) async throws {
        struct Pair: Sendable, Equatable {
            let first: [Int]
            let second: Int
        }
        let cache = try Cache<Int, Pair>(capacity: 3_000, policy: policy)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 as Range<UInt64> {
                group.addTask {
                    var random = SeededGenerator(seed: Seed(rawValue: worker))
                    for step in 0..<8_000 {
                        // The key space widens, so that the tables grow under the readers.
                        let key = Int.random(in: 0...(step / 2 + 10), using: &random)
                        if let pair = cache.get(key) {
                            #expect(pair.first == [key, pair.second])
                        } else {
                            cache.set(key, to: Pair(first: [key, step], second: step))
                        }
                        if step % 11 == 0 { cache.remove(key) }
                    }
                }
            }
        }
        #expect(cache.defect() == nil)
    }
}
