#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The keys of the cache workloads: drawn from Zipf's distribution beforehand, so that drawing costs nothing while the
/// cache is measured.
///
/// Rank *r*, from 1, has the weight *r*^−0.99, which is YCSB's constant. A rank is drawn exactly, by looking a random
/// share of the whole up in the sums of the weights, and not by the approximation of Gray et al. that YCSB uses. Which
/// key has which rank is a fixed shuffle, so that keys that are asked for often do not lie side by side. Both come from
/// SplitMix64: seed 0 shuffles, and seed *t* + 1 draws for thread *t*.
///
/// `Peers/caffeine/Peer.java` has the same definition, and the comparison checks ``checksum()`` against it: both
/// sides work through the same keys in the same order.
///
/// - SeeAlso: Gray, Sundaresan, Englert, Baclawski, Weinberger: *Quickly Generating Billion-Record Synthetic
///   Databases*, SIGMOD 1994, section 3; Cooper et al.: *Benchmarking Cloud Serving Systems with YCSB*, SoCC 2010.
struct KeySequence: Sendable {
    /// How many keys each thread has before it begins again.
    static let draws = 1 << 20
    static let exponent = 0.99

    /// One array for each thread; each has ``draws`` keys from 0 to the size of the key space.
    let threads: [[Int]]

    init(keySpace: Int, threads: Int) {
        var cumulative: [Double] = []
        cumulative.reserveCapacity(keySpace)
        var sum = 0.0
        for rank in 1...keySpace {
            sum += 1 / pow(Double(rank), Self.exponent)
            cumulative.append(sum)
        }
        var keys = Array(0..<keySpace)
        var shuffler = SplitMix64(seed: 0)
        for index in stride(from: keySpace - 1, to: 0, by: -1) {
            keys.swapAt(index, Int(shuffler.unit() * Double(index + 1)))
        }
        self.threads = (0..<threads).map { thread in
            var generator = SplitMix64(seed: UInt64(thread + 1))
            return (0..<Self.draws).map { _ in keys[Self.rank(cumulative, generator.unit())] }
        }
    }

    /// What shows that two programs have the same keys in the same order.
    func checksum() -> UInt64 {
        var sum: UInt64 = 0
        for keys in self.threads {
            for key in keys { sum = sum &* 31 &+ UInt64(key) }
        }
        return sum
    }

    /// The first rank whose cumulative weight is above the drawn share of the whole.
    private static func rank(_ cumulative: [Double], _ unit: Double) -> Int {
        let wanted = unit * cumulative[cumulative.count - 1]
        var low = 0
        var high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > wanted { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private struct SplitMix64 {
        private var state: UInt64

        init(seed: UInt64) { self.state = seed }

        /// From 0 to just below 1.
        mutating func unit() -> Double {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = self.state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            mixed ^= mixed >> 31
            return Double(mixed >> 11) * 0x1p-53
        }
    }
}
