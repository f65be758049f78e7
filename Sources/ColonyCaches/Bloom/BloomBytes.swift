import ColonyHashing

// The binary form of Bloom filters, version 1. All numbers are little-endian on every machine.
//
//     4 bytes   "CBLM"
//     1 byte    version, 1
//     1 byte    kind: 0 a filter, 1 a series of filters
//     2 bytes   zero
//     …         the body
//     8 bytes   XXH64, seed 0, of everything before
//
//     body of a filter:  expected count u64 · error rate f64 · seed u64 · bit count u64 · places u32 · words u64 …
//     body of a series:  initial count u64 · error rate f64 · seed u64 · maximum bit count u64 · growth u32 ·
//                        tightening f64 · number of filters u32 · the bodies of the filters
//
// The checksum finds damage and not malice; therefore every number is looked at as if there were none, and memory is
// taken only for words that are there.

/// Writes the binary form.
struct BloomWriter {
    private(set) var bytes: [UInt8] = []

    static let magic: [UInt8] = [0x43, 0x42, 0x4C, 0x4D]
    static let version: UInt8 = 1
    static let headerCount = 8
    static let checksumCount = 8

    init(kind: UInt8, capacity: Int) {
        self.bytes.reserveCapacity(capacity)
        self.bytes += Self.magic
        self.bytes += [Self.version, kind, 0, 0]
    }

    mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { self.bytes.append(contentsOf: $0) }
    }

    mutating func append(_ number: Double) { self.append(number.bitPattern) }

    mutating func append(_ filter: BloomFilter) {
        self.append(UInt64(filter.expectedCount))
        self.append(filter.errorRate)
        self.append(filter.seed)
        self.append(UInt64(filter.bitCount))
        self.append(UInt32(filter.hashCount))
        #if _endian(little)
        filter.words.withUnsafeBytes { self.bytes.append(contentsOf: $0) }
        #else
        for word in filter.words { self.append(word) }
        #endif
    }

    /// The bytes with their checksum.
    consuming func finish() -> [UInt8] {
        self.append(XXH64.hash(self.bytes))
        return self.bytes
    }
}

/// Reads the binary form, and believes nothing.
struct BloomReader {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    /// Looks at header and checksum.
    init(_ bytes: [UInt8], kind: UInt8) throws(CacheError) {
        let least = BloomWriter.headerCount + BloomWriter.checksumCount
        guard bytes.count >= least else {
            throw Self.refusal("\(bytes.count) bytes are too few: there are \(least) or more")
        }
        guard bytes.starts(with: BloomWriter.magic) else {
            throw Self.refusal("the first bytes are \(bytes.prefix(4)), and not \(BloomWriter.magic)")
        }
        guard bytes[4] == BloomWriter.version else {
            throw Self.refusal("version \(bytes[4]) is not known; version \(BloomWriter.version) is")
        }
        guard bytes[5] == kind else {
            throw Self.refusal(
                kind == 0
                    ? "kind \(bytes[5]) is not that of a filter, 0" : "kind \(bytes[5]) is not that of a series, 1")
        }
        guard bytes[6] == 0, bytes[7] == 0 else {
            throw Self.refusal("bytes 6 and 7 are \(bytes[6]) and \(bytes[7]), and not 0")
        }
        self.bytes = bytes
        self.position = BloomWriter.headerCount
        self.end = bytes.count - BloomWriter.checksumCount
        let sum = XXH64.hash(bytes[..<self.end])
        let stored = bytes[self.end...].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard sum == stored else {
            throw Self.refusal("the checksum is \(stored), and that of the bytes is \(sum)")
        }
    }

    static func refusal(_ what: String) -> CacheError {
        CacheError(.undecodable, "these bytes are no Bloom filter: \(what)")
    }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ type: Number.Type = Number.self
    ) throws(CacheError) -> Number {
        let size = Number.bitWidth / 8
        guard self.end - self.position >= size else {
            throw Self.refusal("they end at byte \(self.end), in the middle of a number")
        }
        var number: Number = 0
        for index in (0..<size).reversed() { number = number << 8 | Number(self.bytes[self.position + index]) }
        self.position += size
        return number
    }

    /// A number of 64 bits from 1 to `most`.
    mutating func count(_ name: String, upTo most: Int) throws(CacheError) -> Int {
        let number = try self.number(UInt64.self)
        guard number >= 1, number <= UInt64(most) else {
            throw Self.refusal("the \(name) is from 1 to \(most), and not \(number)")
        }
        return Int(number)
    }

    mutating func fraction(_ name: String, in range: ClosedRange<Double>) throws(CacheError) -> Double {
        let number = Double(bitPattern: try self.number())
        guard range.contains(number) else {
            throw Self.refusal("the \(name) is from \(range.lowerBound) to \(range.upperBound), and not \(number)")
        }
        return number
    }

    mutating func filter() throws(CacheError) -> BloomFilter {
        let expectedCount = try self.count("expected count", upTo: .max)
        let errorRate = try self.fraction("error rate", in: 1e-15...0.5)
        let seed = try self.number(UInt64.self)
        let bitCount = try self.count("number of bits", upTo: BloomFilter.maximumBitCount)
        let hashCount = Int(try self.number(UInt32.self))
        guard (1...BloomShape.maximumHashCount).contains(hashCount) else {
            throw Self.refusal("the number of places is from 1 to \(BloomShape.maximumHashCount), and not \(hashCount)")
        }
        let shape = BloomShape(bitCount: bitCount, hashCount: hashCount)
        guard self.end - self.position >= shape.wordCount * 8 else {
            throw Self.refusal(
                "\(bitCount) bits need \(shape.wordCount * 8) bytes, and \(self.end - self.position) are there")
        }
        var filter = BloomFilter(shape, expectedCount: expectedCount, errorRate: errorRate, seed: seed)
        filter.fill(from: self.bytes[self.position..<(self.position + shape.wordCount * 8)])
        self.position += shape.wordCount * 8
        guard !filter.hasStrayBits else { throw Self.refusal("bits behind bit \(bitCount) are set") }
        return filter
    }

    func finish() throws(CacheError) {
        guard self.position == self.end else {
            throw Self.refusal("\(self.end - self.position) bytes are left over")
        }
    }
}

extension BloomFilter {
    /// Takes the words over from little-endian bytes, of which there are eight for each.
    fileprivate mutating func fill(from bytes: ArraySlice<UInt8>) {
        var count = 0
        bytes.withUnsafeBytes { bytes in
            for index in self.words.indices {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
                self.words[index] = word
                count += word.nonzeroBitCount
            }
        }
        self.setBits = count
    }

    fileprivate var hasStrayBits: Bool {
        let used = self.bitCount % 64
        return used != 0 && self.words[self.words.count - 1] >> UInt64(used) != 0
    }
}
