// Filters of the same shape are sets of bits, so they can be combined without the keys.
extension BloomFilter {
    /// Whether the two can be combined: same bits, same places, same seed.
    public func isCompatible(with other: BloomFilter) -> Bool {
        self.bitCount == other.bitCount && self.hashCount == other.hashCount && self.seed == other.seed
    }

    /// Takes in the keys of another filter. The result is the filter into which all keys of both were inserted.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest` for a filter of another size, number of places, or seed; nothing
    ///   is changed.
    /// - Complexity: O(*m*) in the number of bits.
    public mutating func formUnion(_ other: BloomFilter) throws(CacheError) {
        try self.requireCompatible(other)
        self.combine(other) { $0 | $1 }
    }

    /// The filter into which all keys of both were inserted.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest`, as ``formUnion(_:)``.
    public func union(_ other: BloomFilter) throws(CacheError) -> BloomFilter {
        var result = self
        try result.formUnion(other)
        return result
    }

    /// Keeps the bits that both have, which is an **approximation** of the filter of the common keys.
    ///
    /// Every key that was inserted into both is contained, so the result never says *no* by mistake. It also contains
    /// keys whose bits stem from different keys of either side: its error is at most the smaller of the two errors, and
    /// greater than that of a filter into which only the common keys were inserted. Therefore ``estimatedCount`` of the
    /// result is too large; ``estimatedCommonCount(with:)`` is the better estimate.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest`, as ``formUnion(_:)``.
    /// - Complexity: O(*m*) in the number of bits.
    public mutating func formApproximateIntersection(_ other: BloomFilter) throws(CacheError) {
        try self.requireCompatible(other)
        self.combine(other) { $0 & $1 }
    }

    /// About how many keys were inserted into both: the counts of the two less that of their union.
    ///
    /// The error is that of three estimates, so a small overlap of large filters drowns in it.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest`, as ``formUnion(_:)``.
    /// - Complexity: O(*m*) in the number of bits.
    public func estimatedCommonCount(with other: BloomFilter) throws(CacheError) -> Int {
        let union = try self.union(other)
        return max(0, self.estimatedCount + other.estimatedCount - union.estimatedCount)
    }

    private mutating func combine(_ other: BloomFilter, _ operation: (UInt64, UInt64) -> UInt64) {
        var count = 0
        for index in self.words.indices {
            let word = operation(self.words[index], other.words[index])
            self.words[index] = word
            count += word.nonzeroBitCount
        }
        self.setBits = count
    }

    private func requireCompatible(_ other: BloomFilter) throws(CacheError) {
        guard self.isCompatible(with: other) else {
            throw CacheError(
                .invalidRequest,
                "Bloom filters of different shape cannot be combined: \(self.shapeText) and \(other.shapeText)")
        }
    }

    private var shapeText: String { "\(self.bitCount) bits, \(self.hashCount) places, seed \(self.seed)" }
}
