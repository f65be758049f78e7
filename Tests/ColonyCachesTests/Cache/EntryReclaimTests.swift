import ColonyCaches
import ColonyCore
import ColonySimulation
import Testing

@Suite("The reclaiming of entries")
struct EntryReclaimTests {
    @Test("takes what is over at every step and nothing else, near and far", arguments: 0..<20 as Range<UInt64>)
    func wheel(seed: UInt64) throws {
        let clock = ManualClock()
        let cache = try Cache<Int, Int>(capacity: 5_000, clock: clock)
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        var ends: [Int: MonotonicInstant] = [:]
        for step in 0..<2_000 {
            // From a millisecond to years, so that every level of the wheel is used.
            let magnitude = Int.random(in: 0...8, using: &random)
            var scale: Int64 = 1
            for _ in 0..<magnitude { scale *= 20 }
            let timeToLive = Duration.milliseconds(Int64.random(in: 1...20, using: &random) * scale)
            cache.set(step, to: step, expiringAfter: timeToLive)
            ends[step] = clock.now.advanced(by: timeToLive)
            if step % 7 == 0 {
                var leap: Int64 = 1
                for _ in 0..<Int.random(in: 0...6, using: &random) { leap *= 20 }
                clock.advance(by: .milliseconds(Int64.random(in: 1...20, using: &random) * leap))
                cache.removeExpired()
                ends = ends.filter { $0.value > clock.now }
                // Entries go within a tick of the wheel, which is about a millisecond.
                let late = cache.count - ends.count
                #expect(late >= 0 && late <= ends.count / 10 + 20)
                #expect(cache.snapshot().count == ends.count)
            }
        }
        #expect(cache.defect() == nil)
    }

    @Test("happens without traffic, and the listener is told why")
    func cause() async throws {
        let clock = ManualClock()
        let (causes, continuation) = AsyncStream<CacheRemovalCause>.makeStream()
        var options = CacheOptions<Int, Int>(.count(10))
        options.expiry = CacheExpiry(afterWrite: .seconds(5))
        options.clock = clock
        options.onRemoval = { continuation.yield($0.cause) }
        let cache = try Cache(options)
        cache.set(1, to: 1)
        let driver = Task {
            while !Task.isCancelled {
                clock.advance(by: .seconds(1))
                await Task.yield()
            }
        }
        var iterator = causes.makeAsyncIterator()
        #expect(await iterator.next() == .expired)
        driver.cancel()
        #expect(cache.count == 0)
    }
}
