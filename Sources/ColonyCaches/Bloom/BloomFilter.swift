/// A set in a few bits per key that may say *yes* by mistake and never says *no* by mistake.
///
/// ```swift
/// var filter = try BloomFilter(expectedCount: 1_000_000, errorRate: 0.01)   // 1.2 MB
/// filter.insert("user:17")
/// filter.contains("user:17")    // true
/// filter.contains("user:18")    // false, or true in one case of a hundred
/// ```
///
/// # Why not a set
/// A `Set<String>` of a million keys takes tens of megabytes and cannot be sent to another machine cheaply. To know
/// that a key is *certainly absent*, so that a store need not be asked, 1.44 · log₂(1/ε) bits per key are enough [1].
///
/// # The idea
/// A key has *k* places in an array of *m* bits. Inserting sets them; a key with a place that is not set was never
/// inserted. Of one 64-bit hash (``ColonyHashing/XXH3``) all *k* places are made by double hashing: they are
/// `a, a + b, a + 2b, …` in arithmetic modulo 2⁶⁴, where `a` is the hash and `b` is mixed from it; that is as good as
/// *k* independent hashes [2]. A number is scaled down to a place by one multiplication instead of a division [3].
///
/// # Size
/// For the whole number of places on either side of log₂(1/ε) the exact number of bits is computed, and the smaller
/// filter is taken. It is at most 1.04 times the bound of the theory, 1.44 · *n* · log₂(1/ε), for every rate up to one
/// half.
///
/// # Deviations
/// The places of a key are spread over the whole array, not kept in one cache line as blocked filters do. That costs
/// cache misses in filters larger than the processor's cache, and buys the error rate that was asked for.
///
/// # References
/// 1. B. H. Bloom, *Space/time trade-offs in hash coding with allowable errors*, CACM 13(7), 1970.
/// 2. A. Kirsch, M. Mitzenmacher, *Less hashing, same performance: building a better Bloom filter*, ESA 2006, section
///    3.
/// 3. D. Lemire, *Fast random integer generation in an interval*, ACM TOMACS 29(1), 2019, section 4.
/// 4. S. J. Swamidass, P. Baldi, *Mathematical correction for fingerprint similarity measures*, 2007, equation 3: the
///    number of keys from the number of bits.
///
/// - Important: The hash does not resist an adversary. Who may choose keys and knows the ``seed`` can make keys that
///   are mistaken for others; with a secret seed that is hard in practice, and not proven.
public struct BloomFilter: Sendable {
    /// How many keys the filter is sized for.
    public let expectedCount: Int
    /// The share of keys never inserted that it calls present once it holds ``expectedCount`` keys.
    public let errorRate: Double
    /// Which hash function of the family; filters are only united with those of the same seed.
    public let seed: UInt64
    /// How many bits the filter has.
    public let bitCount: Int
    /// How many places a key has.
    public let hashCount: Int

    /// The bits, lowest first; those behind ``bitCount`` are never set.
    @usableFromInline var words: [UInt64]
    @usableFromInline var setBits = 0
    /// The number of set bits from which on the filter is saturated.
    private let saturatedBits: Int

    /// The most bits of one filter: 2⁴⁰, which is 128 GiB.
    public static let maximumBitCount = 1 << 40

    /// Makes an empty filter.
    ///
    /// - Parameters:
    ///   - expectedCount: How many keys it shall hold, from 1. More may be inserted; the error then grows.
    ///   - errorRate: The share of absent keys that may be called present, above 0 and up to 0.5.
    ///   - seed: Which hash function; zero for all who need not hide it.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value, also when the filter would need more
    ///   than ``maximumBitCount`` bits.
    /// - Complexity: O(*m*) in the number of bits.
    public init(expectedCount: Int, errorRate: Double, seed: UInt64 = 0) throws(CacheError) {
        let shape = try BloomShape(expectedCount: expectedCount, errorRate: errorRate)
        self.init(shape, expectedCount: expectedCount, errorRate: errorRate, seed: seed)
    }

    init(_ shape: BloomShape, expectedCount: Int, errorRate: Double, seed: UInt64) {
        self.expectedCount = expectedCount
        self.errorRate = errorRate
        self.seed = seed
        self.bitCount = shape.bitCount
        self.hashCount = shape.hashCount
        self.words = [UInt64](repeating: 0, count: shape.wordCount)
        // The square root of the bits is above three standard deviations of how many bits the expected keys set.
        self.saturatedBits =
            shape.setBits(atErrorRate: errorRate) + Int(Double(shape.bitCount).squareRoot().rounded(.up))
    }

    // MARK: Keys

    /// Inserts a key.
    ///
    /// - Returns: Whether it is certain that the key was not there; `false` if it was, or if it is mistaken for others.
    /// - Complexity: O(*k*) in the number of places.
    @inlinable
    @discardableResult
    public mutating func insert(_ key: some BloomFilterKey) -> Bool {
        self.insert(hash: key.stableHash(seed: self.seed))
    }

    /// Whether a key may have been inserted; `false` is certain.
    ///
    /// - Complexity: O(*k*) in the number of places, O(1) on average for absent keys; allocates nothing.
    @inlinable
    public func contains(_ key: some BloomFilterKey) -> Bool {
        self.contains(hash: key.stableHash(seed: self.seed))
    }

    /// Inserts a key by its hash, for callers that have it already.
    ///
    /// - Parameter hash: 64 evenly spread bits that are the same in every process, made with ``seed``.
    @inlinable
    @discardableResult
    public mutating func insert(hash: UInt64) -> Bool {
        let bits = UInt64(truncatingIfNeeded: self.bitCount)
        let step = Self.step(of: hash)
        let count = self.hashCount
        let added = self.words.withUnsafeMutableBufferPointer { words in
            var added = 0
            var point = hash
            for _ in 0..<count {
                let place = point.multipliedFullWidth(by: bits).high
                let bit = 1 as UInt64 &<< (place & 63)
                // The place is below the number of bits, so the word lies in the array.
                let word = words[Int(truncatingIfNeeded: place &>> 6)]
                if word & bit == 0 {
                    words[Int(truncatingIfNeeded: place &>> 6)] = word | bit
                    added &+= 1
                }
                point &+= step
            }
            return added
        }
        self.setBits &+= added
        return added > 0
    }

    /// Whether a key with this hash may have been inserted; `false` is certain.
    @inlinable
    public func contains(hash: UInt64) -> Bool {
        let bits = UInt64(truncatingIfNeeded: self.bitCount)
        let step = Self.step(of: hash)
        let count = self.hashCount
        return self.words.withUnsafeBufferPointer { words in
            var point = hash
            for _ in 0..<count {
                let place = point.multipliedFullWidth(by: bits).high
                if words[Int(truncatingIfNeeded: place &>> 6)] &>> (place & 63) & 1 == 0 { return false }
                point &+= step
            }
            return true
        }
    }

    /// The distance between the places of a key: never zero, and no multiple of the hash, so that keys whose first
    /// places agree differ in the others.
    @inlinable
    @inline(__always)
    static func step(of hash: UInt64) -> UInt64 {
        (hash &>> 32 | hash &<< 32) &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    /// Forgets every key.
    ///
    /// - Complexity: O(*m*) in the number of bits.
    public mutating func removeAll() {
        for index in self.words.indices { self.words[index] = 0 }
        self.setBits = 0
    }
}

// MARK: What it knows about itself

extension BloomFilter {
    /// How many bits are set.
    public var setBitCount: Int { self.setBits }

    /// The share of bits that are set, from 0 to 1; one half when it holds what it was sized for.
    public var fillRatio: Double { Double(self.setBitCount) / Double(self.bitCount) }

    /// About how many different keys were inserted, from the bits that are set; keys that differ in no bit count once.
    ///
    /// The standard error is below 1 % from 1,000 keys on, up to the count that the filter was sized for.
    ///
    /// - Complexity: O(1).
    /// - SeeAlso: Swamidass and Baldi, 2007, equation 3.
    public var estimatedCount: Int { Self.estimatedCount(ofSetBits: self.setBitCount, in: self) }

    static func estimatedCount(ofSetBits count: Int, in filter: BloomFilter) -> Int {
        // With every bit set the estimate is without bound; the last bit but one gives the greatest that means
        // something.
        let bits = Double(filter.bitCount)
        let unset = max(1, bits - Double(count))
        return Int((-bits / Double(filter.hashCount) * BloomShape.logarithm(unset / bits)).rounded())
    }

    /// The share of absent keys that are called present *now*, which follows from the bits that are set.
    ///
    /// - Complexity: O(*k*).
    public var estimatedErrorRate: Double {
        var rate = 1.0
        for _ in 0..<self.hashCount { rate *= self.fillRatio }
        return rate
    }

    /// The number of keys as a share of what the filter was sized for; above 1 the error is greater than was asked for.
    public var saturation: Double { Double(self.estimatedCount) / Double(self.expectedCount) }

    /// Whether the error has passed what was asked for, by more than three standard deviations of what chance does.
    ///
    /// - Complexity: O(1).
    public var isSaturated: Bool { self.setBits > self.saturatedBits }
}

extension BloomFilter: Equatable {
    /// Filters are equal when they answer every question alike and are sized alike.
    public static func == (first: Self, second: Self) -> Bool {
        first.isCompatible(with: second) && first.expectedCount == second.expectedCount
            && first.errorRate == second.errorRate && first.words == second.words
    }
}
