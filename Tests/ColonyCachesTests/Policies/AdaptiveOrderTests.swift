import ColonyCaches
import ColonySimulation
import Testing

@Suite("The adaptive order")
struct AdaptiveOrderTests {
    @Test(
        "keeps part of a loop that is just larger than the cache, where LRU keeps nothing", arguments: [20, 200, 2000])
    func keepsPartOfALoop(size: Int) {
        let order = DrivenOrder(.adaptive, capacity: size, places: size + 1)
        let lru = DrivenOrder(.lru, capacity: size, places: size + 1)
        let loop = size * 11 / 10
        let rounds = size == 2000 ? 30 : 100
        for step in 0..<loop * rounds {
            order.access(step % loop)
            lru.access(step % loop)
        }
        #expect(lru.hits == 0)
        // The best possible is the cache's share of the loop, ten elevenths, but for the first rounds.
        #expect(order.hits > loop * rounds * 7 / 10, "\(order.hits) of \(loop * rounds)")
        #expect(order.audit() == nil)
    }

    @Test("follows the phases: a loop, then bursts, then a loop again")
    func followsThePhases() {
        var chance = SeededGenerator(seed: 3)
        let inner = AdaptiveOrder(capacity: 100)
        let order = DrivenOrder(inner, capacity: 100, places: 101)
        func loop() { for step in 0..<20_000 { order.access(step % 120) } }
        loop()
        #expect(inner.rule != .recency)
        // Each key is read three times within the next 80 requests and never again.
        var waiting = [Int](repeating: -1, count: 100_000)
        var fresh = 1000
        for now in 0..<20_000 {
            if waiting[now] >= 0 { order.access(waiting[now]) }
            order.access(fresh)
            for _ in 0..<2 { waiting[now + Int.random(in: 1...80, using: &chance)] = fresh }
            fresh += 1
        }
        #expect(inner.rule == .recency)
        loop()
        #expect(inner.rule != .recency)
        #expect(order.audit() == nil)
    }

    @Test("asks for all hits of a small cache and for few of a large one")
    func samplesLargeCaches() {
        #expect(AdaptiveOrder(capacity: 10).hitRecording.mask == 0)
        #expect(AdaptiveOrder(capacity: 512).hitRecording.mask == 0)
        let large = AdaptiveOrder(capacity: 100_000).hitRecording
        #expect(large.mask.nonzeroBitCount == 8)
        #expect(large.mask.leadingZeroBitCount == 0)
        #expect(large.markLimit > 0)
    }

    @Test("chooses fewer keys as a cache of weights turns out to have many entries")
    func learnsHowManyEntriesThereAre() {
        let inner = AdaptiveOrder(capacity: 1_000_000, countsEntries: false)
        let order = DrivenOrder(inner, capacity: 1_000_000, places: 5000)
        #expect(inner.hitRecording.mask == 0)
        for key in 0..<20_000 { order.access(key % 6000, weight: 250) }
        #expect(inner.hitRecording.mask.nonzeroBitCount >= 3)
        #expect(order.audit() == nil)
    }
}
