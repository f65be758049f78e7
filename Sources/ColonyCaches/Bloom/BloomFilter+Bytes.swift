#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension BloomFilter {
    /// The filter as bytes that any machine and any later version reads: a header with a version, the bits, a checksum.
    ///
    /// - Complexity: O(*m*) in the number of bits; one copy.
    public var bytes: [UInt8] {
        var writer = BloomWriter(kind: 0, capacity: self.words.count * 8 + 64)
        writer.append(self)
        return writer.finish()
    }

    /// Reads what ``bytes`` gave.
    ///
    /// - Parameter bytes: May come from anywhere: memory is taken only for bits that are there.
    /// - Throws: ``CacheError`` with `undecodable`, which says what is wrong.
    /// - Complexity: O(*m*) in the number of bits; two copies.
    public init(bytes: some Sequence<UInt8>) throws(CacheError) {
        var reader = try BloomReader(Array(bytes), kind: 0)
        self = try reader.filter()
        try reader.finish()
    }
}

extension ScalableBloomFilter {
    /// The filter as bytes that any machine and any later version reads: a header with a version, the bits, a checksum.
    ///
    /// - Complexity: O(*m*) in the number of bits; one copy.
    public var bytes: [UInt8] {
        var writer = BloomWriter(kind: 1, capacity: self.bitCount / 8 + 64 * (self.sliceCount + 1))
        writer.append(UInt64(self.initialCount))
        writer.append(self.errorRate)
        writer.append(self.seed)
        writer.append(UInt64(self.maximumBitCount))
        writer.append(UInt32(self.growth))
        writer.append(self.tightening)
        writer.append(UInt32(self.slices.count))
        for slice in self.slices { writer.append(slice) }
        return writer.finish()
    }

    /// Reads what ``bytes`` gave; the filter then grows on.
    ///
    /// - Parameter bytes: May come from anywhere: memory is taken only for bits that are there.
    /// - Throws: ``CacheError`` with `undecodable`, which says what is wrong.
    /// - Complexity: O(*m*) in the number of bits; two copies.
    public init(bytes: some Sequence<UInt8>) throws(CacheError) {
        var reader = try BloomReader(Array(bytes), kind: 1)
        let initialCount = try reader.count("initial count", upTo: .max)
        let errorRate = try reader.fraction("error rate", in: 1e-15...0.5)
        let seed = try reader.number(UInt64.self)
        let maximumBitCount = try reader.count("limit of bits", upTo: BloomFilter.maximumBitCount)
        let growth = try reader.number(UInt32.self)
        guard (2...16).contains(growth) else {
            throw BloomReader.refusal("the growth is from 2 to 16, and not \(growth)")
        }
        let tightening = try reader.fraction("tightening", in: 0.5...0.9)
        let count = Int(try reader.number(UInt32.self))
        guard (1...Self.maximumSliceCount).contains(count) else {
            throw BloomReader.refusal("a series has 1 to \(Self.maximumSliceCount) filters, and not \(count)")
        }
        var slices: [BloomFilter] = []
        for _ in 0..<count {
            let slice = try reader.filter()
            guard slice.seed == seed else {
                throw BloomReader.refusal("a filter of the seed \(slice.seed) stands in a series of the seed \(seed)")
            }
            slices.append(slice)
        }
        try reader.finish()
        self.init(
            slices: slices, initialCount: initialCount, errorRate: errorRate, growth: Int(growth),
            tightening: tightening, seed: seed, maximumBitCount: maximumBitCount)
    }
}

// One value of bytes, which JSON carries as Base64 and property lists as they are.

extension BloomFilter: Codable {
    /// Reads the binary form; what it throws of bytes that are none says what is wrong.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(bytes: container.decode(Data.self))
        } catch let error as CacheError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Writes the binary form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Data(self.bytes))
    }
}

extension ScalableBloomFilter: Codable {
    /// Reads the binary form; what it throws of bytes that are none says what is wrong.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(bytes: container.decode(Data.self))
        } catch let error as CacheError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Writes the binary form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Data(self.bytes))
    }
}
