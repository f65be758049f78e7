import ColonyCaches
import ColonyCore
import ColonySimulation
import Testing

@Suite("The spread of times to live")
struct TTLJitterTests {
    @Test("100 000 entries with equal times end evenly over the spread, and none later than asked for")
    func equalTTLsSpreadByJitter() throws {
        let clock = ManualClock()
        let jitter = try TTLJitter(fraction: 0.1, generator: SeededGenerator(seed: 7))
        let cache = try Cache<Int, Int>(
            capacity: 100_000, policy: .lru, expiry: jitter.expiry(afterWrite: .seconds(1_000)), clock: clock)
        for key in 0..<100_000 { cache.set(key, to: key) }
        clock.advance(by: .seconds(900) - .nanoseconds(1))
        #expect(cache.snapshot().count == 100_000)
        var alive = 100_000
        for _ in 0..<10 {
            clock.advance(by: .seconds(10))
            let left = cache.snapshot().count
            // A tenth of them in each tenth of the spread; six standard deviations are 570.
            #expect((9_400...10_600).contains(alive - left))
            alive = left
        }
        clock.advance(by: .nanoseconds(1))
        #expect(cache.snapshot().isEmpty)
    }

    @Test("a time stays above zero and is never lengthened, also at the ends of the range")
    func bounds() throws {
        let jitter = try TTLJitter(fraction: 0.999_999, generator: SeededGenerator(seed: 1))
        let times: [Duration] = [.nanoseconds(1), .nanoseconds(2), .seconds(1), .nanoseconds(Int64.max)]
        for time in times {
            for _ in 0..<1_000 {
                let spread = jitter.spread(time)
                #expect(spread > .zero && spread <= time)
            }
        }
        #expect(jitter.spread(.zero) == .zero)
        let none = try TTLJitter(fraction: 0)
        #expect(none.spread(.seconds(5)) == .seconds(5))
        let write = jitter.spread(CacheWrite("k", [1], timeToLive: nil))
        #expect(write.timeToLive == nil)
    }

    @Test("a fraction that cannot work is refused with its value", arguments: [-0.1, 1, .nan, .infinity])
    func badFraction(fraction: Double) {
        let error = #expect(throws: CacheError.self) { try TTLJitter(fraction: fraction) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\(fraction)") == true)
    }
}
