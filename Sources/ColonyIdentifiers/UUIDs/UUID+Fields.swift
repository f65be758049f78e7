public import ColonyCore

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension UUID {
    /// The 128 bits, most significant first, as two words.
    public var words: (high: UInt64, low: UInt64) {
        withUnsafeBytes(of: self.uuid) { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// Puts a UUID together from its 128 bits, most significant first. Version and variant are the caller's business.
    public init(high: UInt64, low: UInt64) {
        self.init(uuid: unsafeBitCast((high.bigEndian, low.bigEndian), to: uuid_t.self))
    }

    /// The version, bits 48 to 51: 4 for random ones, 7 for those that begin with the time.
    ///
    /// - SeeAlso: RFC 9562, section 4.2.
    public var version: Int { Int(self.words.high >> 12 & 0xF) }

    /// Whether the variant is that of RFC 9562: bits 64 and 65 are `10`.
    ///
    /// - SeeAlso: RFC 9562, section 4.1.
    public var hasRFCVariant: Bool { self.words.low >> 62 == 0b10 }

    /// When a UUID of version 7 was made, in milliseconds, by the clock of who made it; `nil` for other versions.
    ///
    /// - SeeAlso: RFC 9562, section 5.7.
    public var time: WallTime? {
        guard self.version == 7, self.hasRFCVariant else { return nil }
        return WallTime(millisecondsSince1970: Int64(self.words.high >> 16))
    }
}
