import ColonyCaches
import ColonySimulation
import Testing

@Suite("A Bloom filter that grows", .timeLimit(.minutes(2)))
struct ScalableBloomFilterTests {
    @Test func `no key is forgotten while it grows, and the error stays below the one asked for`() throws {
        for growth in [2, 4] {
            var filter = try ScalableBloomFilter(initialCount: 100, errorRate: 0.02, growth: growth)
            for key in 0..<100_000 { filter.insert(key) }
            #expect(filter.sliceCount > 4)
            #expect((0..<100_000).allSatisfy { filter.contains($0) })
            let mistaken = (100_000..<300_000).count { filter.contains($0) }
            #expect(Double(mistaken) / 200_000 < 0.02)
            #expect(filter.estimatedErrorRate < 0.02)
            #expect(!filter.isSaturated)
            #expect(abs(filter.estimatedCount - 100_000) < 3_000)
        }
    }

    @Test func `at the end of its room it saturates and says so`() throws {
        var filter = try ScalableBloomFilter(initialCount: 100, errorRate: 0.01, maximumBitCount: 10_000)
        for key in 0..<10_000 { filter.insert(key) }
        #expect(filter.bitCount <= 10_000)
        #expect(filter.isSaturated)
        #expect((0..<10_000).allSatisfy { filter.contains($0) })
    }

    @Test func `a copy that was loaded grows on`() throws {
        var filter = try ScalableBloomFilter(initialCount: 10, errorRate: 0.01, seed: 5)
        for key in 0..<100 { filter.insert(key) }
        var copy = try ScalableBloomFilter(bytes: filter.bytes)
        #expect(copy == filter)
        for key in 100..<1_000 {
            filter.insert(key)
            copy.insert(key)
        }
        #expect(copy == filter)
    }

    @Test func `a union has the keys of both`() throws {
        for seed in 0..<50 as Range<UInt64> {
            var generator = SeededGenerator(seed: Seed(rawValue: seed))
            var first = try ScalableBloomFilter(initialCount: 20, errorRate: 0.01)
            var second = try ScalableBloomFilter(initialCount: 20, errorRate: 0.01)
            let keys: [[UInt64]] = (0..<2).map { _ in
                (0..<Int.random(in: 0...300, using: &generator)).map { _ in generator.next() }
            }
            for key in keys[0] { first.insert(key) }
            for key in keys[1] { second.insert(key) }
            try first.formUnion(second)
            #expect(keys.joined().allSatisfy { first.contains($0) })
            first.insert("one more")
            #expect(first.contains("one more"))
        }
        var filter = try ScalableBloomFilter(errorRate: 0.01)
        let other = try ScalableBloomFilter(errorRate: 0.01, seed: 1)
        #expect(throws: CacheError.self) { try filter.formUnion(other) }
    }

    @Test func `settings that cannot work are refused`() {
        #expect(throws: CacheError.self) { try ScalableBloomFilter(initialCount: 0, errorRate: 0.01) }
        #expect(throws: CacheError.self) { try ScalableBloomFilter(errorRate: 0) }
        #expect(throws: CacheError.self) { try ScalableBloomFilter(errorRate: 0.6) }
        #expect(throws: CacheError.self) { try ScalableBloomFilter(errorRate: 0.01, growth: 1) }
        #expect(throws: CacheError.self) { try ScalableBloomFilter(errorRate: 0.01, tightening: 1) }
        #expect(throws: CacheError.self) { try ScalableBloomFilter(errorRate: 0.01, maximumBitCount: 8) }
    }
}
