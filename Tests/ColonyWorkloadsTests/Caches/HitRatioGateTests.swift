import ColonyCaches
import ColonyWorkloads
import Foundation
import Testing

/// The hit ratios of the policies on real traces. A change that lowers one fails here.
@Suite("Hit ratios on real traces")
struct HitRatioGateTests {
    struct Expectation: Sendable, CustomTestStringConvertible {
        let trace: String
        let size: Int
        /// Hits, counted by another program from the definitions alone: FIFO, LRU, SIEVE.
        let fifo: Int, lru: Int, sieve: Int
        /// The least share of hits in per cent of those that have parameters.
        let filter: Double, frequency: Double

        var testDescription: String { "\(self.trace) at \(self.size)" }
    }

    private static let all = [
        Expectation(
            trace: "web12.xz", size: 300, fifo: 44_075, lru: 46_860, sieve: 49_558, filter: 53.2, frequency: 48.8),
        Expectation(
            trace: "web12.xz", size: 1_200, fifo: 60_192, lru: 63_917, sieve: 67_096, filter: 70.7, frequency: 69.0),
        Expectation(
            trace: "web12.xz", size: 3_000, fifo: 69_782, lru: 73_125, sieve: 74_750, filter: 78.4, frequency: 76.8),
        Expectation(
            trace: "orm-night-head.xz", size: 100, fifo: 87_713, lru: 88_410, sieve: 58_152, filter: 26.8,
            frequency: 21.3),
        Expectation(
            trace: "orm-night-head.xz", size: 400, fifo: 110_034, lru: 111_654, sieve: 106_753, filter: 55.5,
            frequency: 40.5),
    ]

    static func trace(_ name: String) throws -> Trace {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try Trace(readingFrom: folder.appendingPathComponent("Traces").appendingPathComponent(name).path)
    }

    @Test(
        "FIFO, LRU, and SIEVE hit exactly as often as their definitions say, and the others no less than they did",
        arguments: all)
    func policies(expected: Expectation) throws {
        let trace = try Self.trace(expected.trace)
        func hits(_ policy: EvictionPolicy) -> Int {
            var replay = TraceReplay(policy, capacity: expected.size, distinct: trace.distinct)
            replay.run(trace.keys)
            #expect(replay.defect() == nil)
            return replay.hits
        }
        func share(_ hits: Int) -> Double { 100 * Double(hits) / Double(trace.keys.count) }
        let lru = hits(.lru)
        #expect(hits(.fifo) == expected.fifo)
        #expect(lru == expected.lru)
        #expect(hits(.sieve) == expected.sieve)
        let filter = share(hits(.s3FIFO))
        let frequency = share(hits(.windowTinyLFU))
        #expect(filter >= expected.filter)
        #expect(frequency >= expected.frequency)
        // The default stays near the best of three rules, whichever that is.
        let adaptive = share(hits(.adaptive))
        #expect(adaptive >= max(share(lru), filter, frequency) - 1.5)
    }

    @Test("no policy passes the optimum")
    func optimum() throws {
        let report = try HitRatioReport(of: try Self.trace("web12.xz"), named: "web12", sizes: [300])
        let ratios = try #require(report.sizes.first?.hitRatio)
        let best = try #require(ratios[HitRatioReport.optimum])
        #expect(abs(100 * best - 66.83) < 0.01)
        #expect(ratios.allSatisfy { $0.value <= best })
        #expect(ratios.count == EvictionPolicy.allCases.count + 1)
    }

    @Test("the default keeps most of a loop that is larger than the cache, where LRU keeps nothing")
    func loop() {
        let keys = (0..<200_000).map { UInt32($0 % 1_100) }
        var lru = TraceReplay(.lru, capacity: 1_000, distinct: 1_100)
        lru.run(keys)
        var adaptive = TraceReplay(.adaptive, capacity: 1_000, distinct: 1_100)
        adaptive.run(keys)
        #expect(lru.hits == 0)
        // The optimum is near ten elevenths.
        #expect(adaptive.hits > keys.count * 84 / 100)
    }
}
