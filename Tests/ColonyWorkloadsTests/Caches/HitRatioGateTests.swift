import ColonyCaches
import ColonyWorkloads
import Foundation
import Testing

/// Fails if a policy gives up other entries than it did.
@Suite("The hit ratios of the policies")
struct HitRatioGateTests {
    /// Hit ratios in percent. FIFO, LRU, and SIEVE are published with the trace; the others were measured.
    private static let web: [(size: Int, percent: [EvictionPolicy: Double])] = [
        (300, [.fifo: 46.10, .lru: 49.01, .sieve: 51.84, .lfu: 31.43, .s3FIFO: 53.35, .windowTinyLFU: 48.95]),
        (1200, [.fifo: 62.96, .lru: 66.85, .sieve: 70.18, .lfu: 57.82, .s3FIFO: 70.89, .windowTinyLFU: 69.22]),
        (3000, [.fifo: 72.99, .lru: 76.48, .sieve: 78.18, .lfu: 74.68, .s3FIFO: 78.57, .windowTinyLFU: 77.03]),
    ]

    private static func percent(_ policy: EvictionPolicy, _ size: Int, _ trace: Trace) -> Double {
        var replay = TraceReplay(policy, capacity: size, distinct: trace.distinct)
        replay.run(trace.keys)
        return 100 * Double(replay.hits) / Double(replay.requests)
    }

    /// The default may be below the best of these by 1.5 points, and never by more.
    private static func shortfall(_ size: Int, _ trace: Trace) -> Double {
        let best = [EvictionPolicy.lru, .s3FIFO, .windowTinyLFU].map { Self.percent($0, size, trace) }.max() ?? 0
        return best - Self.percent(.adaptive, size, trace)
    }

    private static func webTrace() throws -> Trace {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return try Trace(readingFrom: folder.appendingPathComponent("Traces/web12.xz").path)
    }

    @Test("on a shop's pages are what they were, and the default is near the best")
    func webPages() throws {
        let trace = try Self.webTrace()
        #expect(trace.keys.count == 95_607)
        #expect(trace.distinct == 13_756)
        let optimum = BeladyOptimum(trace)
        for (size, expected) in Self.web {
            let best = 100 * Double(optimum.hits(size: size)) / Double(trace.keys.count)
            for (policy, reference) in expected {
                let percent = Self.percent(policy, size, trace)
                #expect(abs(percent - reference) <= 0.01, "\(policy) at \(size)")
                #expect(percent < best)
            }
            #expect(Self.shortfall(size, trace) <= 1.5, "the default at \(size)")
        }
        #expect(abs(100 * Double(optimum.hits(size: 1200)) / Double(trace.keys.count) - 79.12) <= 0.01)
    }

    @Test("on a loop, a scan, and their opposite leave the default near the best", arguments: [20, 200, 2_000])
    func madeTraces(size: Int) {
        // Long enough that what it costs to learn, some hundred requests, does not count.
        let requests = max(40 * size, 40_000)
        let loop = Trace((0..<requests).map { $0 % (size * 5 / 4) })
        #expect(Self.percent(.lru, size, loop) == 0)
        #expect(Self.shortfall(size, loop) <= 1.5)
        // Every key is used again after a distance within the cache, and then never.
        let bursts = Trace((0..<requests).map { $0 % 2 == 0 ? $0 / 2 : max(0, ($0 - size / 2) / 2) })
        #expect(Self.shortfall(size, bursts) <= 1.5)
    }
}
