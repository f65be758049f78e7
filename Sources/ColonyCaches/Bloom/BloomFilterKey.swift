public import ColonyHashing

/// What a ``BloomFilter`` takes as a key: something whose hash is the same in every process, on every machine, for
/// ever.
///
/// Swift's `Hashable` is seeded afresh in each process, so a filter that was made with it would answer *no* by mistake
/// as soon as it is loaded elsewhere. A type of one's own conforms by hashing what identifies it:
///
/// ```swift
/// extension UserID: BloomFilterKey {
///     func stableHash(seed: UInt64) -> UInt64 { XXH3.hash(self.number, seed: seed) }
/// }
/// ```
public protocol BloomFilterKey: Sendable {
    /// 64 evenly spread bits that follow from the key and the seed alone.
    func stableHash(seed: UInt64) -> UInt64
}

extension String: BloomFilterKey {
    /// The XXH3 of the UTF-8 bytes.
    @inlinable
    public func stableHash(seed: UInt64) -> UInt64 { XXH3.hash(self, seed: seed) }
}

extension Substring: BloomFilterKey {
    /// The XXH3 of the UTF-8 bytes.
    @inlinable
    public func stableHash(seed: UInt64) -> UInt64 { XXH3.hash(self, seed: seed) }
}

extension UInt64: BloomFilterKey {
    /// The XXH3 of the eight bytes, lowest first.
    @inlinable
    public func stableHash(seed: UInt64) -> UInt64 { XXH3.hash(self, seed: seed) }
}

extension Int: BloomFilterKey {
    /// The XXH3 of the eight bytes of two's complement, lowest first.
    @inlinable
    public func stableHash(seed: UInt64) -> UInt64 { XXH3.hash(UInt64(bitPattern: Int64(self)), seed: seed) }
}

extension [UInt8]: BloomFilterKey {
    /// The XXH3 of the bytes.
    @inlinable
    public func stableHash(seed: UInt64) -> UInt64 { XXH3.hash(self, seed: seed) }
}

extension CacheKey: BloomFilterKey {
    /// The XXH3 of the UTF-8 bytes, as that of the same text.
    public func stableHash(seed: UInt64) -> UInt64 { XXH3.hash(self.rawValue, seed: seed) }
}
