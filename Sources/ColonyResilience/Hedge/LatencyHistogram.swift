import ColonyCore

/// How long calls take, in buckets, of which the latest count most: an estimate of any quantile in a fixed memory.
///
/// A list of the last thousand latencies would have to be sorted for each question, and an average says nothing of the slow ones. The
/// buckets are log-linear: each power of two is cut into sixteen equal parts, so that a quantile is at most one sixteenth too high,
/// from one nanosecond to eighteen minutes. After every ``halfLife`` samples all counts are halved, so a service that has become slower or
/// faster is noticed within a few half-lives. A sample counts 256 units, so that a single one fades over eight half-lives, and the rare
/// slow ones do not vanish at once.
///
/// 1. G. Tene, *HdrHistogram*, 2014: log-linear buckets.
/// 2. G. Cormode et al., *Forward Decay*, ICDE 2009, for weights that fall with age; here in steps.
///
/// - Complexity: Recording is O(1), and O(*b*) in the number of buckets, about 600, once in a half-life; a quantile is O(*b*).
package struct LatencyHistogram: Sendable {
    private static let partBits = 4
    private static let parts = 1 << partBits
    /// Latencies from 2⁴⁰ nanoseconds, eighteen minutes, count as that.
    private static let highestBit = 40
    /// What a sample adds to its bucket.
    private static let unitsPerSample: UInt64 = 256
    private static let bucketCount = (highestBit - partBits + 2) * parts

    /// After how many samples counts are halved.
    package let halfLife: Int
    /// In units.
    private var counts = [UInt64](repeating: 0, count: LatencyHistogram.bucketCount)
    /// The sum of all counts.
    private var units: UInt64 = 0
    /// The weight of all samples, in whole samples.
    package var total: UInt64 { self.units / Self.unitsPerSample }
    private var sinceDecay = 0

    /// - Parameter halfLife: At least 1.
    package init(halfLife: Int = 1_000) {
        precondition(halfLife >= 1, "counts cannot be halved after \(halfLife) samples")
        self.halfLife = halfLife
    }

    /// Counts a latency; a negative one counts as zero.
    package mutating func record(nanoseconds: Int64) {
        self.counts[Self.bucket(of: nanoseconds)] += Self.unitsPerSample
        self.units += Self.unitsPerSample
        self.sinceDecay += 1
        if self.sinceDecay >= self.halfLife { self.decay() }
    }

    private mutating func decay() {
        self.sinceDecay = 0
        self.units = 0
        for index in self.counts.indices {
            self.counts[index] /= 2
            self.units += self.counts[index]
        }
    }

    /// The latency that a share of calls does not exceed, in nanoseconds, at most a sixteenth too high; `nil` without samples.
    ///
    /// - Parameter share: From 0 to 1.
    package func quantile(_ share: Double) -> Int64? {
        guard self.units > 0 else { return nil }
        let rank = max(1, UInt64((share * Double(self.units)).rounded(.up)))
        var seen: UInt64 = 0
        for (index, count) in self.counts.enumerated() {
            seen += count
            if seen >= rank { return Self.upperBound(of: index) }
        }
        return Self.upperBound(of: Self.bucketCount - 1)
    }

    /// Small numbers have a bucket each; above, the four bits after the highest one choose the part.
    package static func bucket(of nanoseconds: Int64) -> Int {
        let value = min(max(0, nanoseconds), 1 << Self.highestBit)
        guard value >= Self.parts else { return Int(value) }
        let highest = 63 - value.leadingZeroBitCount
        let shift = highest - Self.partBits
        return (shift + 1) << Self.partBits + Int(value >> shift) - Self.parts
    }

    /// The largest latency of a bucket.
    package static func upperBound(of bucket: Int) -> Int64 {
        guard bucket >= Self.parts else { return Int64(bucket) }
        let shift = bucket >> Self.partBits - 1
        let part = bucket & (Self.parts - 1)
        return (Int64(Self.parts + part + 1) << shift) - 1
    }
}
