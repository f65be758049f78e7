import ColonyCore
import ColonyResilience
import ColonySimulation
import Foundation
import Testing

@Suite("Latency histogram")
struct LatencyHistogramTests {
    @Test func `each latency lies in the bucket whose bounds hold it`() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let value = Int64.random(in: 0...(1 << Int64.random(in: 1...40, using: &generator)), using: &generator)
            let bucket = LatencyHistogram.bucket(of: value)
            let upper = LatencyHistogram.upperBound(of: bucket)
            #expect(value <= upper)
            #expect(Double(upper - value) <= Double(value) / 16, "\(value) is in a bucket up to \(upper)")
            if bucket > 0 { #expect(LatencyHistogram.upperBound(of: bucket - 1) < value) }
        }
        #expect(LatencyHistogram.bucket(of: -5) == 0)
        #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.bucket(of: 1 << 40))
    }

    @Test(arguments: [0.5, 0.9, 0.95, 0.99])
    func `a quantile is at most a sixteenth above the true one`(share: Double) throws {
        var generator = SeededGenerator(seed: 3)
        var histogram = LatencyHistogram(halfLife: 100_000)
        // Exponential latencies with a mean of ten milliseconds.
        let samples = (0..<20_000).map { _ in
            Int64(-log(1 - Double.random(in: 0..<1, using: &generator)) * 10_000_000)
        }
        for sample in samples { histogram.record(nanoseconds: sample) }
        let exact = samples.sorted()[Int((share * 20_000).rounded(.up)) - 1]
        let estimate = try #require(histogram.quantile(share))
        #expect(estimate >= exact)
        #expect(Double(estimate) <= Double(exact) * 17 / 16 + 1)
    }

    @Test func `a single slow latency does not vanish with the first halving`() throws {
        var histogram = LatencyHistogram(halfLife: 10)
        histogram.record(nanoseconds: 50_000_000)
        for _ in 0..<19 { histogram.record(nanoseconds: 1_000_000) }
        #expect(try #require(histogram.quantile(1)) > 40_000_000)
        for _ in 0..<80 { histogram.record(nanoseconds: 1_000_000) }
        #expect(try #require(histogram.quantile(1)) < 2_000_000, "and is gone after nine")
    }

    @Test func `what was long ago fades`() throws {
        var histogram = LatencyHistogram(halfLife: 100)
        #expect(histogram.quantile(0.95) == nil)
        for _ in 0..<1_000 { histogram.record(nanoseconds: 1_000_000) }
        for _ in 0..<600 { histogram.record(nanoseconds: 50_000_000) }
        #expect(try #require(histogram.quantile(0.05)) > 40_000_000)
        #expect(histogram.total < 200)
    }
}
