import ColonyCaches
import ColonyClocks
import ColonyCore
import ColonyHashing

/// How a ``StoredState`` lies on a server: two letters, a version, a kind, the state, and a checksum.
///
/// The checksum is XXH64 with the hash of the key as its seed, so that neither damage nor the bytes of another key pass
/// for an entry. Bytes without the letters belong to another program, and are never overwritten.
enum EnvelopeCoding {
    private static let letters: [UInt8] = [0x43, 0x51]
    private static let version: UInt8 = 1
    private enum Kind: UInt8 { case tombstone = 0, value = 1, siblings = 2 }

    /// Where servers that compare ranks find the time of a last write. Siblings have no rank, because of them a server
    /// must keep more than the latest.
    ///
    /// A server compares without looking at the checksum. Damage to the eight bytes of a time is therefore as if the
    /// server had lost what it held.
    static let ranking = EntryRanking(
        prefixes: [Kind.tombstone, .value].map { Self.letters + [Self.version, $0.rawValue] }, mark: QuorumStore.markKey
    )

    static func encode(_ state: StoredState, key: CacheKey) -> [UInt8] {
        var bytes = self.letters
        switch state {
        case .last(let stamp, let value):
            bytes.reserveCapacity(32 + (value?.count ?? 0))
            bytes.append(self.version)
            bytes.append((value == nil ? Kind.tombstone : .value).rawValue)
            bytes.append(stamp: stamp)
            if let value { bytes.append(contentsOf: value) }
        case .siblings(let changed, let set):
            bytes.append(self.version)
            bytes.append(Kind.siblings.rawValue)
            bytes.append(stamp: changed)
            let parts = set.parts
            bytes.append(number: UInt16(clamping: parts.count))
            for part in parts {
                bytes.append(node: part.node)
                bytes.append(number: part.count)
                bytes.append(number: UInt16(clamping: part.values.count))
                for sibling in part.values {
                    bytes.append(stamp: sibling.stamp)
                    bytes.append(number: UInt32(clamping: sibling.value.count))
                    bytes.append(contentsOf: sibling.value)
                }
            }
        }
        bytes.append(number: self.checksum(bytes[...], key))
        return bytes
    }

    /// - Throws: `undecodable`, which says what is wrong.
    static func decode(_ bytes: [UInt8], key: CacheKey) throws(QuorumError) -> StoredState {
        guard bytes.count >= 21, bytes[0] == self.letters[0], bytes[1] == self.letters[1] else {
            throw QuorumError(
                .undecodable, "the \(bytes.count) bytes under \(NameRules.quoted(key.rawValue)) are not of this store")
        }
        guard bytes[2] == self.version else {
            throw QuorumError(
                .undecodable,
                "\(NameRules.quoted(key.rawValue)) was written in version \(bytes[2]), and 1 is known here")
        }
        var reader = EnvelopeReader(bytes, from: bytes.count - 8, to: bytes.count)
        let stored: UInt64 = try reader.number()
        guard stored == self.checksum(bytes[..<(bytes.count - 8)], key) else { throw self.damaged(key) }
        reader = EnvelopeReader(bytes, from: 4, to: bytes.count - 8)
        do {
            switch Kind(rawValue: bytes[3]) {
            case .tombstone: return .last(try reader.stamp(), nil)
            case .value: return .last(try reader.stamp(), reader.rest())
            case .siblings: return try self.siblings(&reader)
            case nil: throw self.damaged(key)
            }
        } catch {
            throw self.damaged(key)
        }
    }

    private static func siblings(_ reader: inout EnvelopeReader) throws(QuorumError) -> StoredState {
        let changed = try reader.stamp()
        let count: UInt16 = try reader.number()
        var parts: [(node: NodeID, count: UInt64, values: [Sibling])] = []
        for _ in 0..<count {
            let node = try reader.node()
            let events: UInt64 = try reader.number()
            let valueCount: UInt16 = try reader.number()
            var values: [Sibling] = []
            for _ in 0..<valueCount {
                let stamp = try reader.stamp()
                let length: UInt32 = try reader.number()
                values.append(Sibling(stamp: stamp, value: try reader.bytes(Int(length))))
            }
            parts.append((node, events, values))
        }
        do {
            return .siblings(changed: changed, try DottedVersionVectorSet(parts: parts))
        } catch {
            throw QuorumError(.undecodable, error.message)
        }
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>, _ key: CacheKey) -> UInt64 {
        var name = key.rawValue
        let seed = name.withUTF8 { XXH64.hash(UnsafeRawBufferPointer($0)) }
        return bytes.withUnsafeBytes { XXH64.hash($0, seed: seed) }
    }

    private static func damaged(_ key: CacheKey) -> QuorumError {
        QuorumError(
            .undecodable, "the entry of \(NameRules.quoted(key.rawValue)) is damaged: its checksum does not fit")
    }
}

extension [UInt8] {
    mutating func append(number: some FixedWidthInteger & UnsignedInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { self.append(contentsOf: $0) }
    }

    mutating func append(node: NodeID) {
        self.append(UInt8(node.rawValue.utf8.count))
        self.append(contentsOf: node.rawValue.utf8)
    }

    fileprivate mutating func append(stamp: WriteStamp) {
        self.append(number: stamp.time.rawValue)
        self.append(node: stamp.node)
    }
}

/// Reads bytes that anybody may have put there.
struct EnvelopeReader {
    private let bytes: [UInt8]
    private var place: Int
    private let end: Int

    init(_ bytes: [UInt8], from start: Int, to end: Int) {
        self.bytes = bytes
        self.place = start
        self.end = end
    }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>() throws(QuorumError) -> Number {
        let width = Number.bitWidth / 8
        try self.demand(width)
        defer { self.place += width }
        return self.bytes.withUnsafeBytes {
            Number(bigEndian: $0.loadUnaligned(fromByteOffset: self.place, as: Number.self))
        }
    }

    mutating func bytes(_ count: Int) throws(QuorumError) -> [UInt8] {
        try self.demand(count)
        defer { self.place += count }
        return Array(self.bytes[self.place..<self.place + count])
    }

    mutating func rest() -> [UInt8] {
        defer { self.place = self.end }
        return Array(self.bytes[self.place..<self.end])
    }

    mutating func node() throws(QuorumError) -> NodeID {
        let length: UInt8 = try self.number()
        try self.demand(Int(length))
        defer { self.place += Int(length) }
        do {
            return try NodeID(utf8: self.bytes[self.place..<self.place + Int(length)])
        } catch {
            throw QuorumError(.undecodable, error.description)
        }
    }

    mutating func stamp() throws(QuorumError) -> WriteStamp {
        let time: UInt64 = try self.number()
        return WriteStamp(time: HybridTimestamp(rawValue: time), node: try self.node())
    }

    private func demand(_ count: Int) throws(QuorumError) {
        guard count >= 0, self.end - self.place >= count else {
            throw QuorumError(.undecodable, "\(count) bytes were expected, and \(self.end - self.place) are left")
        }
    }
}
