#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How many bits a filter needs, and how many of them belong to a key.
struct BloomShape: Hashable {
    let bitCount: Int
    let hashCount: Int

    var wordCount: Int { (self.bitCount + 63) / 64 }

    /// The most places of a key; those of an error of 10⁻¹⁵.
    static let maximumHashCount = 50

    /// The smallest filter that keeps the error with so many keys.
    init(expectedCount: Int, errorRate: Double) throws(CacheError) {
        guard expectedCount >= 1 else {
            throw CacheError(
                .invalidConfiguration, "a Bloom filter is sized for 1 key or more, and \(expectedCount) is less")
        }
        guard errorRate >= 1e-15, errorRate <= 0.5 else {
            throw CacheError(
                .invalidConfiguration, "the error rate of a Bloom filter is from 1e-15 to 0.5, and not \(errorRate)")
        }
        let ideal = -log2(errorRate)
        let candidates = [max(1, Int(ideal.rounded(.down))), Int(ideal.rounded(.up))].map { hashCount in
            (Self.bits(expectedCount, errorRate, hashCount), hashCount)
        }
        let (bits, hashCount) = candidates[0].0 <= candidates[1].0 ? candidates[0] : candidates[1]
        guard bits <= Double(BloomFilter.maximumBitCount) else {
            throw CacheError(
                .invalidConfiguration,
                "\(expectedCount) keys with an error rate of \(errorRate) need \(bits) bits, and "
                    + "\(BloomFilter.maximumBitCount) are the most")
        }
        self.bitCount = max(64, Int(bits))
        self.hashCount = hashCount
    }

    /// The shape of a filter that is there.
    init(of filter: BloomFilter) {
        self.bitCount = filter.bitCount
        self.hashCount = filter.hashCount
    }

    init(bitCount: Int, hashCount: Int) {
        self.bitCount = bitCount
        self.hashCount = hashCount
    }

    /// The bits for which (1 - e^(-kn/m))^k is the error rate, rounded up.
    private static func bits(_ count: Int, _ errorRate: Double, _ hashCount: Int) -> Double {
        let fill = pow(errorRate, 1 / Double(hashCount))
        return (-Double(hashCount) * Double(count) / log1p(-fill)).rounded(.up)
    }

    /// The natural logarithm.
    static func logarithm(_ value: Double) -> Double { log(value) }

    /// The least number of set bits at which the error has passed `errorRate`.
    func setBits(atErrorRate errorRate: Double) -> Int {
        Int((Double(self.bitCount) * pow(errorRate, 1 / Double(self.hashCount))).rounded(.up))
    }
}
