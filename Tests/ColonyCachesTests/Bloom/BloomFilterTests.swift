import ColonyCaches
import ColonySimulation
import Foundation
import Testing

@Suite("A Bloom filter", .timeLimit(.minutes(2)))
struct BloomFilterTests {
    @Test func `no key is forgotten, whatever the seed, the size, and the error`() throws {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: Seed(rawValue: seed))
            let expected = Int.random(in: 1...2_000, using: &generator)
            let rate = [0.5, 0.1, 0.01, 1e-6].randomElement(using: &generator) ?? 0.01
            var filter = try BloomFilter(expectedCount: expected, errorRate: rate, seed: generator.next())
            // Also far beyond what it is sized for.
            let keys: [UInt64] = (0..<Int.random(in: 1...3 * expected, using: &generator)).map { _ in generator.next() }
            for key in keys { filter.insert(key) }
            #expect(keys.allSatisfy { filter.contains($0) })
            let copy = try BloomFilter(bytes: filter.bytes)
            #expect(keys.allSatisfy { copy.contains($0) })
        }
    }

    @Test(arguments: [(1_000, 0.1), (10_000, 0.05), (100_000, 0.01), (100_000, 0.003), (200_000, 0.001), (50_000, 0.5)])
    func `the measured error is within a tenth of the one asked for`(count: Int, rate: Double) throws {
        // Enough questions for a standard deviation of 2 % of the rate.
        let rounds = count < 10_000 ? 20 : 1
        var mistaken = 0
        var asked = 0
        for round in 0..<rounds {
            var filter = try BloomFilter(expectedCount: count, errorRate: rate, seed: UInt64(round))
            for key in 0..<count { filter.insert(key) }
            let questions = max(100_000 / rounds, Int(2_500 / rate) / rounds)
            for key in count..<(count + questions) where filter.contains(key) { mistaken += 1 }
            asked += questions
        }
        let measured = Double(mistaken) / Double(asked)
        #expect(abs(measured / rate - 1) < 0.1, "\(measured) was measured, and \(rate) asked for")
    }

    @Test func `consecutive numbers, texts with a common start, and random bytes err alike`() throws {
        let count = 100_000
        var filters = try (0..<3).map { _ in try BloomFilter(expectedCount: count, errorRate: 0.01) }
        var mistaken = [0, 0, 0]
        var generator = SeededGenerator(seed: Seed(rawValue: 7))
        for key in 0..<count {
            filters[0].insert(UInt64(key))
            filters[1].insert("a/long/common/path/of/every/key/\(key)")
            filters[2].insert((0..<12).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
        for key in count..<(3 * count) {
            if filters[0].contains(UInt64(key)) { mistaken[0] += 1 }
            if filters[1].contains("a/long/common/path/of/every/key/\(key)") { mistaken[1] += 1 }
            if filters[2].contains((0..<12).map { _ in UInt8.random(in: 0...255, using: &generator) }) {
                mistaken[2] += 1
            }
        }
        for count in mistaken { #expect(abs(Double(count) / 200_000 / 0.01 - 1) < 0.1) }
    }

    @Test func `it is at most a twentieth larger than the theory demands`() throws {
        for count in [100, 1_000, 54_321, 1_000_000] {
            for rate in [0.5, 0.45, 0.4, 0.38, 0.35, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.003, 1e-4, 1e-6, 1e-9] {
                let filter = try BloomFilter(expectedCount: count, errorRate: rate)
                let theory = Double(count) * -log(rate) / (log(2) * log(2))
                #expect(Double(filter.bitCount) <= 1.05 * theory + 1, "\(count) keys, \(rate)")
                // Also the bytes, beside the header.
                #expect(Double(filter.bytes.count - 64) * 8 <= 1.05 * theory + 64)
            }
        }
    }

    @Test func `the number of keys is estimated from the bits`() throws {
        var filter = try BloomFilter(expectedCount: 10_000, errorRate: 0.01)
        #expect(filter.estimatedCount == 0)
        for key in 0..<10_000 {
            filter.insert(key)
            filter.insert(key)
        }
        #expect(abs(filter.estimatedCount - 10_000) < 150)
        #expect(abs(filter.saturation - 1) < 0.015)
        #expect(!filter.isSaturated)
        for key in 10_000..<30_000 { filter.insert(key) }
        #expect(filter.isSaturated)
        #expect(filter.estimatedErrorRate > 0.01)
        #expect(abs(filter.estimatedCount - 30_000) < 900)
    }

    @Test func `a union is the filter of all keys`() throws {
        var (first, second, both) = try (Self.sample(), Self.sample(), Self.sample())
        for key in 0..<300 { first.insert(key) }
        for key in 200..<500 { second.insert(key) }
        for key in 0..<500 { both.insert(key) }
        #expect(try first.union(second) == both)
        #expect(abs(try first.estimatedCommonCount(with: second) - 100) < 25)
        var common = first
        try common.formApproximateIntersection(second)
        #expect((200..<300).allSatisfy { common.contains($0) })
        #expect(common.setBitCount < first.setBitCount)
    }

    @Test func `filters of different shape are not combined`() throws {
        var filter = try Self.sample()
        let others = [
            try BloomFilter(expectedCount: 1_001, errorRate: 0.01),
            try BloomFilter(expectedCount: 1_000, errorRate: 0.02),
            try BloomFilter(expectedCount: 1_000, errorRate: 0.01, seed: 1),
        ]
        for other in others {
            let error = #expect(throws: CacheError.self) { try filter.formUnion(other) }
            #expect(error?.code == .invalidRequest)
            #expect(throws: CacheError.self) { try filter.formApproximateIntersection(other) }
        }
        #expect(filter.setBitCount == 0)
    }

    @Test(arguments: [(0, 0.01), (-1, 0.01), (10, 0), (10, 0.51), (10, -1), (10, .nan), (10, 1e-16), (.max, 0.01)])
    func `settings that cannot work are refused and quoted`(count: Int, rate: Double) {
        let error = #expect(throws: CacheError.self) { try BloomFilter(expectedCount: count, errorRate: rate) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\(count)") == true || error?.message.contains("\(rate)") == true)
    }

    static func sample() throws -> BloomFilter { try BloomFilter(expectedCount: 1_000, errorRate: 0.01) }
}

@Suite("The binary form of Bloom filters", .timeLimit(.minutes(2)))
struct BloomBytesTests {
    /// Made once by this code and kept: what version 1 wrote must be read for ever, on every machine.
    static let vector =
        "43424c4d010000000a000000000000009a9999999999b93f2a000000000000004000000000000000030000000590da00"
        + "0518e0255bbf32277914c93d"
    static let seriesVector =
        "43424c4d010100000400000000000000000000000000d03f070000000000000000000000020000000200000033333333"
        + "3333eb3f020000000400000000000000343333333333a33f0700000000000000400000000000000004000000f2003265"
        + "b8dee6d5080000000000000052b81e85eb51a03f07000000000000004000000000000000050000009a80150011005180"
        + "e8a19bcae84c2ee1"

    private static func vectorFilter() throws -> BloomFilter {
        var filter = try BloomFilter(expectedCount: 10, errorRate: 0.1, seed: 42)
        for key in ["swift", "colony", "nest", "é", ""] { filter.insert(key) }
        filter.insert(0x0123_4567_89AB_CDEF as UInt64)
        filter.insert([0xFF, 0x00] as [UInt8])
        return filter
    }

    private static func vectorSeries() throws -> ScalableBloomFilter {
        var filter = try ScalableBloomFilter(initialCount: 4, errorRate: 0.25, seed: 7)
        for key in 0..<12 { filter.insert(key) }
        return filter
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8).map { $0 > 0x39 ? $0 - 0x57 : $0 - 0x30 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    @Test func `version 1 stays what it is`() throws {
        #expect(Self.hex(try Self.vectorFilter().bytes) == Self.vector)
        #expect(try BloomFilter(bytes: Self.bytes(Self.vector)) == Self.vectorFilter())
        #expect(Self.hex(try Self.vectorSeries().bytes) == Self.seriesVector)
        #expect(try ScalableBloomFilter(bytes: Self.bytes(Self.seriesVector)) == Self.vectorSeries())
    }

    @Test func `filters pass through JSON and property lists`() throws {
        let (filter, series) = try (Self.vectorFilter(), Self.vectorSeries())
        let json = try JSONEncoder().encode([filter])
        #expect(try JSONDecoder().decode([BloomFilter].self, from: json) == [filter])
        let list = try PropertyListEncoder().encode([series])
        #expect(try PropertyListDecoder().decode([ScalableBloomFilter].self, from: list) == [series])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([BloomFilter].self, from: Data(#"["AAAA"]"#.utf8))
        }
    }

    @Test func `every single damaged byte and every length is refused`() throws {
        for (bytes, read) in try Self.subjects() {
            for index in bytes.indices {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(index % 8)
                #expect(Self.code { try read(damaged) } == .undecodable)
            }
            for count in 0..<bytes.count { #expect(Self.code { try read(Array(bytes[..<count])) } == .undecodable) }
            #expect(Self.code { try read(bytes + [0]) } == .undecodable)
        }
    }

    @Test func `bytes of an adversary who knows the checksum are read or refused, and take no memory`() throws {
        for (bytes, read) in try Self.subjects() {
            var generator = SeededGenerator(seed: Seed(rawValue: 11))
            for _ in 0..<3_000 {
                var hostile = Array(bytes.dropLast(8))
                for _ in 0...Int.random(in: 0...3, using: &generator) {
                    let index = Int.random(in: 6..<hostile.count, using: &generator)
                    hostile[index] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
                }
                if Bool.random(using: &generator) {
                    hostile.removeLast(Int.random(in: 0...(hostile.count - 8), using: &generator))
                }
                hostile += BloomBytesSum.of(hostile)
                let code = Self.code { try read(hostile) }
                #expect(code == nil || code == .undecodable)
            }
        }
    }

    private typealias Subject = ([UInt8], ([UInt8]) throws -> Void)

    private static func subjects() throws -> [Subject] {
        [
            (
                try self.vectorFilter().bytes,
                {
                    var filter = try BloomFilter(bytes: $0); filter.insert(1)
                }
            ),
            (
                try self.vectorSeries().bytes,
                {
                    var filter = try ScalableBloomFilter(bytes: $0); filter.insert(1)
                }
            ),
        ]
    }

    private static func code(_ body: () throws -> Void) -> CacheError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? CacheError)?.code ?? .closed
        }
    }
}
