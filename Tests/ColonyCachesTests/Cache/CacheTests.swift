import ColonyCaches
import ColonyCore
import ColonySimulation
import Synchronization
import Testing

@Suite("A cache")
struct CacheTests {
    /// A key whose hash is the same for all.
    struct Colliding: Hashable, Sendable {
        let number: Int
        func hash(into hasher: inout Hasher) { hasher.combine(0) }
    }

    @Test("sees a completed set at the next get", arguments: EvictionPolicy.allCases)
    func setThenGet(policy: EvictionPolicy) throws {
        let cache = try Cache<Int, String>(capacity: 10, policy: policy)
        for number in 0..<1_000 {
            cache.set(number, to: "\(number)")
            #expect(cache.get(number) == "\(number)")
            cache.set(number, to: "again \(number)")
            #expect(cache.get(number) == "again \(number)")
        }
        #expect(cache.count <= 10)
        #expect(cache.defect() == nil)
    }

    @Test("never passes its bound while threads write", arguments: EvictionPolicy.allCases)
    func boundHolds(policy: EvictionPolicy) async throws {
        let cache = try Cache<Int, Int>(capacity: 100, policy: policy)
        await withTaskGroup(of: Int.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var random = SeededGenerator(seed: Seed(rawValue: UInt64(worker)))
                    var largest = 0
                    for _ in 0..<5_000 {
                        let key = Int.random(in: 0..<300, using: &random)
                        if let value = cache.get(key) {
                            #expect(value == key)
                        } else {
                            cache.set(key, to: key)
                        }
                        if key % 17 == 0 { cache.remove(key) }
                        largest = max(largest, cache.count)
                    }
                    return largest
                }
            }
            for await largest in group { #expect(largest <= 100) }
        }
        #expect(cache.defect() == nil)
    }

    @Test("never returns what is over, and reclaims it without traffic")
    func expiryIsMonotonic() async throws {
        let clock = ManualClock()
        let cache = try Cache<Int, Int>(
            capacity: 100, expiry: CacheExpiry(afterWrite: .seconds(10)), clock: clock)
        cache.set(1, to: 1)
        cache.set(2, to: 2, expiringAfter: .seconds(100))
        clock.advance(by: .seconds(9))
        #expect(cache.get(1) == 1)
        clock.advance(by: .seconds(1))
        #expect(cache.get(1) == nil)
        #expect(cache.get(2) == 2)
        #expect(cache.removeExpired() == 1)
        #expect(cache.count == 1)
        clock.advance(by: .seconds(90))
        #expect(cache.get(2) == nil)
        let deadline = ContinuousClock.now + .seconds(20)
        while cache.count > 0, ContinuousClock.now < deadline {
            clock.advance(by: .seconds(1))
            await Task.yield()
        }
        #expect(cache.count == 0)
        #expect(cache.defect() == nil)
    }

    @Test("tells keys of one hash apart")
    func fullKeyCompared() throws {
        let cache = try Cache<Colliding, Int>(capacity: 100)
        for number in 0..<100 { cache.set(Colliding(number: number), to: number) }
        for number in 0..<100 { #expect(cache.get(Colliding(number: number)) == number) }
        #expect(cache.get(Colliding(number: 100)) == nil)
    }

    @Test("spreads keys that were chosen to collide, because hashes are seeded")
    func chosenKeys() throws {
        // All of one remainder, so that a table that took plain bits would put them into one bucket.
        let cache = try Cache<Int, Int>(capacity: 10_000)
        for number in 0..<10_000 { cache.set(number << 32, to: number) }
        for number in 0..<10_000 { #expect(cache.get(number << 32) == number) }
        #expect(cache.longestChain < 16)
    }

    @Test("prolongs by reading what may stay after access")
    func access() throws {
        let clock = ManualClock()
        let cache = try Cache<Int, Int>(
            capacity: 9, expiry: CacheExpiry(afterWrite: .seconds(25), afterAccess: .seconds(10)), clock: clock)
        cache.set(1, to: 1)
        for _ in 0..<3 {
            #expect(cache.get(1) == 1)
            clock.advance(by: .seconds(8))
        }
        #expect(cache.peek(1) == 1)
        clock.advance(by: .seconds(1))
        #expect(cache.get(1) == nil)
    }

    @Test("agrees with a dictionary, but for what it has given up", arguments: EvictionPolicy.allCases)
    func model(policy: EvictionPolicy) async throws {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: Seed(rawValue: seed))
            let clock = ManualClock()
            var options = CacheOptions<Int, [Int]>(.weight(60, of: { $1[0] }))
            options.policy = policy
            options.clock = clock
            let departures = Mutex(0)
            options.onRemoval = { _ in departures.withLock { $0 += 1 } }
            let cache = try Cache(options)
            var model: [Int: (value: [Int], end: MonotonicInstant?)] = [:]
            var stored = 0
            for step in 0..<1_000 {
                let key = Int.random(in: 0..<40, using: &random)
                switch Int.random(in: 0..<20, using: &random) {
                case 0..<8:
                    let present = cache.get(key)
                    let expected = model[key].flatMap {
                        ($0.end ?? clock.now) < clock.now || $0.end == clock.now ? nil : $0.value
                    }
                    if let present { #expect(present == expected) }
                case 8..<15:
                    let value = [Int.random(in: 0...9, using: &random), step]
                    cache.set(key, to: value)
                    model[key] = (value, nil)
                    stored += 1
                    #expect(cache.peek(key) == value)
                case 15..<17:
                    let value = [1, step]
                    cache.set(key, to: value, expiringAfter: .seconds(3))
                    model[key] = (value, clock.now.advanced(by: .seconds(3)))
                    stored += 1
                case 17:
                    cache.remove(key)
                    model[key] = nil
                case 18:
                    if cache.update(
                        key,
                        { value in
                            let isThere = value != nil
                            value = [2, step]
                            return isThere
                        })
                    {
                        #expect(model[key] != nil)
                    }
                    model[key] = ([2, step], nil)
                    stored += 1
                default:
                    clock.advance(by: .seconds(1))
                }
                #expect(cache.weight <= 60)
            }
            #expect(cache.defect() == nil)
            // The reclaimer, which has a thread of its own, tells of what it has removed a moment later.
            try await eventually { departures.withLock { $0 } + cache.count == stored }
        }
    }

    @Test("loses no update of many tasks on one key")
    func updates() async throws {
        let cache = try Cache<String, Int>(capacity: 10)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<1_000 { cache.update("sum") { $0 = ($0 ?? 0) + 1 } }
                }
            }
        }
        #expect(cache.get("sum") == 4_000)
    }

    @Test("frees the values that it gave up")
    func values() throws {
        final class Witness: Sendable {}
        let cache = try Cache<Int, Witness>(capacity: 2_000)
        weak var first: Witness?
        do {
            let witness = Witness()
            first = witness
            cache.set(0, to: witness)
        }
        for number in 1..<1_900 { cache.set(number, to: Witness()) }
        #expect(first != nil)
        cache.removeAll()
        #expect(first == nil)
        #expect(cache.count == 0)
    }

    @Test("refuses what cannot work, and quotes it")
    func badOptions() {
        let zero = #expect(throws: CacheError.self) { try Cache<Int, Int>(capacity: 0) }
        #expect(zero?.code == .invalidConfiguration && zero?.message.contains("0") == true)
        let negative = #expect(throws: CacheError.self) {
            try Cache<Int, Int>(capacity: 1, expiry: CacheExpiry(afterWrite: .seconds(-5)))
        }
        #expect(negative?.message.contains("-5") == true)
    }

    @Test("does not keep what is heavier than it may be as a whole")
    func overweight() throws {
        let cache = try Cache<Int, Int>(CacheOptions(.weight(10, of: { $1 })))
        cache.set(1, to: 10)
        cache.set(1, to: 11)
        #expect(cache.get(1) == nil)
        cache.set(2, to: 0)
        #expect(cache.get(2) == 0)
        #expect(cache.weight == 0)
    }
}
