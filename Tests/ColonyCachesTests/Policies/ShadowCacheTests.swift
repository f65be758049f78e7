import ColonyCaches
import Testing

@Suite("Shadow caches")
struct ShadowCacheTests {
    @Test(
        "take no memory on a hit of the cache, and make up for it on the next write",
        arguments: BlendedQueues.Rule.allCases)
    func neverGrowsOnAHit(rule: BlendedQueues.Rule) {
        let shadow = ShadowCache(rule, capacity: 1_000, isExact: true)
        let hashes = (1...1_000 as ClosedRange<UInt64>).map { $0 &* 0x9E37_79B9_7F4A_7C15 }
        let before = shadow.room
        for hash in hashes { _ = shadow.access(hash, weight: 1, mayGrow: false) }
        #expect(shadow.room == before)
        // The last one is there although there was room for few.
        let isThere = shadow.access(hashes[999], weight: 1, mayGrow: false)
        #expect(isThere || rule == .frequency)

        for hash in hashes { _ = shadow.access(hash, weight: 1, mayGrow: true) }
        #expect(shadow.room >= 1_000)
        #expect(hashes.count { shadow.access($0, weight: 1, mayGrow: false) } == 1_000)
    }
}
