/// How long answers took, counted in buckets since the proxy was started.
///
/// Each power of two of nanoseconds is cut into eight equal parts, so that a quantile is at most an eighth too high.
public struct LatencyCounts: Sendable {
    private static let partBits = 3
    private static let parts = 1 << partBits
    /// Latencies from 2³⁷ nanoseconds, two minutes, count as that.
    private static let highestBit = 37
    private static let bucketCount = (highestBit - partBits + 2) * parts

    private var counts = [UInt64](repeating: 0, count: LatencyCounts.bucketCount)
    /// How many answers were counted.
    public private(set) var count: UInt64 = 0

    init() {}

    mutating func record(nanoseconds: Int64) {
        self.counts[Self.bucket(of: UInt64(max(0, nanoseconds)))] &+= 1
        self.count &+= 1
    }

    mutating func add(_ other: LatencyCounts) {
        for index in self.counts.indices { self.counts[index] &+= other.counts[index] }
        self.count &+= other.count
    }

    private static func bucket(of value: UInt64) -> Int {
        let value = min(value, 1 << UInt64(Self.highestBit))
        guard value >= UInt64(Self.parts) else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let part = Int(value >> UInt64(exponent - Self.partBits)) & (Self.parts - 1)
        return min((exponent - Self.partBits + 1) * Self.parts + part, Self.bucketCount - 1)
    }

    /// The greatest latency of a bucket, in nanoseconds.
    private static func upperBound(of bucket: Int) -> UInt64 {
        guard bucket >= Self.parts else { return UInt64(bucket) }
        let exponent = bucket / Self.parts + Self.partBits - 1
        let width = UInt64(1) << UInt64(exponent - Self.partBits)
        return (UInt64(1) << UInt64(exponent)) + UInt64(bucket % Self.parts + 1) * width - 1
    }

    /// The latency that a share of all answers did not exceed; `nil` if there were none.
    ///
    /// - Parameter share: From 0 to 1, such as 0.99. Beyond, it counts as the nearer end.
    /// - Complexity: O(*b*) in the number of buckets, about 290.
    public func quantile(_ share: Double) -> Duration? {
        guard self.count > 0 else { return nil }
        let wanted = max(1, (min(max(share, 0), 1) * Double(self.count)).rounded(.up))
        var seen: UInt64 = 0
        for (index, count) in self.counts.enumerated() {
            seen &+= count
            if Double(seen) >= wanted { return .nanoseconds(Int64(Self.upperBound(of: index))) }
        }
        return .nanoseconds(Int64(Self.upperBound(of: Self.bucketCount - 1)))
    }
}
