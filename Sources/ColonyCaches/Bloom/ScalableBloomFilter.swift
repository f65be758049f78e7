/// A ``BloomFilter`` that grows: for sets whose size nobody knows beforehand.
///
/// # Why not one filter that is enlarged
/// The keys are not in the filter, so it cannot be copied into a larger one. A new filter must be added beside the old.
///
/// # The idea
/// A series of filters [1]. Keys go into the last one; when that has reached its share of the error, a larger one with
/// a smaller share is added. A key is contained if any of them contains it. The shares fall by ``tightening`` from one
/// to the next, ε(1−r), ε(1−r)r, ε(1−r)r², …, whose sum stays below ε however many there are.
///
/// # Cost
/// Look-ups ask the newest filter first, because it is the largest. With growth 2 there are about log₂ of the final
/// over the initial count of them. A filter that was sized well from the start is smaller, by a third at most, and
/// faster.
///
/// # Deviations
/// A filter is full when as many bits are set as its error allows, not when half of them are ([1], section 2), so that
/// rounding the number of places costs nothing. A key that is contained already is not inserted again.
///
/// # Reference
/// 1. P. S. Almeida, C. Baquero, N. Preguiça, D. Hutchison, *Scalable Bloom Filters*, Information Processing Letters
///    101(6), 2007, sections 3 and 4.
public struct ScalableBloomFilter: Sendable, Equatable {
    /// How many keys the first filter is sized for.
    public let initialCount: Int
    /// The share of absent keys that may be called present, however many keys there are.
    public let errorRate: Double
    /// How much larger each filter is than the one before it.
    public let growth: Int
    /// By how much the share of the error falls from one filter to the next.
    public let tightening: Double
    /// Which hash function of the family.
    public let seed: UInt64
    /// The most bits of all filters together.
    public let maximumBitCount: Int

    /// The filters, the oldest first; never empty.
    private(set) var slices: [BloomFilter]
    /// How many bits may be set in the last one.
    private var limit: Int

    /// Makes an empty filter.
    ///
    /// - Parameters:
    ///   - initialCount: How many keys the first filter is sized for, from 1. 1,000 costs 2 KB at 1 %.
    ///   - errorRate: The share of absent keys that may be called present, above 0 and up to 0.5.
    ///   - growth: From 2 to 16; 2 wastes least memory, 4 asks fewer filters ([1], section 4).
    ///   - tightening: From 0.5 to 0.9; 0.85 is in the middle of what the paper recommends for a growth of 2.
    ///   - maximumBitCount: Where growing ends. Then the last filter takes in what comes, and ``isSaturated`` turns
    ///     true. The default is a gibibyte.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        initialCount: Int = 1_000, errorRate: Double, growth: Int = 2, tightening: Double = 0.85, seed: UInt64 = 0,
        maximumBitCount: Int = 1 << 33
    ) throws(CacheError) {
        guard (2...16).contains(growth) else {
            throw CacheError(.invalidConfiguration, "a filter grows by a factor from 2 to 16, and not by \(growth)")
        }
        guard (0.5...0.9).contains(tightening) else {
            throw CacheError(.invalidConfiguration, "the tightening is from 0.5 to 0.9, and not \(tightening)")
        }
        guard errorRate <= 0.5 else {
            throw CacheError(
                .invalidConfiguration, "the error rate of a Bloom filter is from 1e-15 to 0.5, and not \(errorRate)")
        }
        let first = try BloomFilter(expectedCount: initialCount, errorRate: errorRate * (1 - tightening), seed: seed)
        guard maximumBitCount >= first.bitCount, maximumBitCount <= BloomFilter.maximumBitCount else {
            throw CacheError(
                .invalidConfiguration,
                "\(maximumBitCount) bits are not between the \(first.bitCount) of the first filter and "
                    + "\(BloomFilter.maximumBitCount)")
        }
        self.init(
            slices: [first], initialCount: initialCount, errorRate: errorRate, growth: growth, tightening: tightening,
            seed: seed, maximumBitCount: maximumBitCount)
    }

    init(
        slices: [BloomFilter], initialCount: Int, errorRate: Double, growth: Int, tightening: Double, seed: UInt64,
        maximumBitCount: Int
    ) {
        self.slices = slices
        self.initialCount = initialCount
        self.errorRate = errorRate
        self.growth = growth
        self.tightening = tightening
        self.seed = seed
        self.maximumBitCount = maximumBitCount
        self.limit = Self.limit(of: slices[slices.count - 1])
    }

    private static func limit(of filter: BloomFilter) -> Int {
        BloomShape(of: filter).setBits(atErrorRate: filter.errorRate)
    }

    // MARK: Keys

    /// Inserts a key.
    ///
    /// - Returns: Whether it is certain that the key was not there.
    /// - Complexity: O(*k* · *s*) in the number of places and of filters; amortised over the filters that are added.
    @discardableResult
    public mutating func insert(_ key: some BloomFilterKey) -> Bool {
        self.insert(hash: key.stableHash(seed: self.seed))
    }

    /// Whether a key may have been inserted; `false` is certain.
    ///
    /// - Complexity: O(*s*) in the number of filters for absent keys, O(*k* + *s*) for present ones; allocates nothing.
    public func contains(_ key: some BloomFilterKey) -> Bool {
        self.contains(hash: key.stableHash(seed: self.seed))
    }

    /// Inserts a key by its hash, made with ``seed``.
    @discardableResult
    public mutating func insert(hash: UInt64) -> Bool {
        if self.contains(hash: hash) { return false }
        if self.slices[self.slices.count - 1].setBitCount >= self.limit { self.grow() }
        self.slices[self.slices.count - 1].insert(hash: hash)
        return true
    }

    /// Whether a key with this hash may have been inserted; `false` is certain.
    public func contains(hash: UInt64) -> Bool {
        var index = self.slices.count
        while index > 0 {
            index -= 1
            if self.slices[index].contains(hash: hash) { return true }
        }
        return false
    }

    private mutating func grow() {
        let last = self.slices[self.slices.count - 1]
        let (count, overflow) = last.expectedCount.multipliedReportingOverflow(by: self.growth)
        let errorRate = last.errorRate * self.tightening
        guard !overflow,
            let shape = try? BloomShape(expectedCount: count, errorRate: errorRate),
            self.bitCount + shape.bitCount <= self.maximumBitCount
        else {
            // No room: the last filter takes in what comes, and is asked about growing only once.
            self.limit = .max
            return
        }
        self.slices.append(BloomFilter(shape, expectedCount: count, errorRate: errorRate, seed: self.seed))
        self.limit = Self.limit(of: self.slices[self.slices.count - 1])
    }

    // MARK: What it knows about itself

    /// How many filters there are.
    public var sliceCount: Int { self.slices.count }

    /// How many bits all filters have together.
    public var bitCount: Int { self.slices.reduce(0) { $0 + $1.bitCount } }

    /// About how many different keys were inserted.
    public var estimatedCount: Int { self.slices.reduce(0) { $0 + $1.estimatedCount } }

    /// The share of absent keys that are called present now.
    public var estimatedErrorRate: Double {
        1 - self.slices.reduce(1.0) { $0 * (1 - $1.estimatedErrorRate) }
    }

    /// Whether the error has passed what was asked for, which happens only after growing has ended.
    public var isSaturated: Bool { self.estimatedErrorRate > self.errorRate }

    /// Takes in the keys of another filter by adding its filters to these; both keep growing from the larger last one.
    ///
    /// The errors add up: two filters of 1 % make one of at most 2 %, which ``estimatedErrorRate`` tells.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest` for a filter of another seed, or without room for the bits of
    ///   both; nothing is changed.
    /// - Complexity: O(*m*) in the number of bits of `other`.
    public mutating func formUnion(_ other: ScalableBloomFilter) throws(CacheError) {
        guard self.seed == other.seed else {
            throw CacheError(
                .invalidRequest, "filters of the seeds \(self.seed) and \(other.seed) hash differently")
        }
        var merged = self.slices
        for slice in other.slices {
            if let index = merged.firstIndex(where: { $0.isCompatible(with: slice) && $0.fits(slice) }) {
                try merged[index].formUnion(slice)
            } else {
                merged.append(slice)
            }
        }
        let bits = merged.reduce(0) { $0 + $1.bitCount }
        guard bits <= self.maximumBitCount, merged.count <= Self.maximumSliceCount else {
            throw CacheError(
                .invalidRequest,
                "the union has \(bits) bits in \(merged.count) filters, and \(self.maximumBitCount) bits in "
                    + "\(Self.maximumSliceCount) filters are the most")
        }
        merged.sort { $0.bitCount < $1.bitCount }
        self.slices = merged
        self.limit = Self.limit(of: merged[merged.count - 1])
    }

    /// The most filters of a series.
    static var maximumSliceCount: Int { 256 }

    public static func == (first: Self, second: Self) -> Bool {
        first.initialCount == second.initialCount && first.errorRate == second.errorRate
            && first.growth == second.growth && first.tightening == second.tightening && first.seed == second.seed
            && first.maximumBitCount == second.maximumBitCount && first.slices == second.slices
    }
}

extension BloomFilter {
    /// Whether the keys of both leave the error where it was asked for.
    fileprivate func fits(_ other: BloomFilter) -> Bool {
        self.errorRate == other.errorRate
            && self.setBitCount + other.setBitCount <= BloomShape(of: self).setBits(atErrorRate: self.errorRate)
    }
}
