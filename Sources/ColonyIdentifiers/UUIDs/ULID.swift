public import ColonyCore

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A ULID: 48 bits of milliseconds and 80 bits of chance, written as 26 characters that sort as the identifiers do.
///
/// The same 128 bits as a UUID of version 7, but for six that name version and variant, and a text without hyphens.
///
/// - SeeAlso: A. Feerasta, *ULID specification*, https://github.com/ulid/spec
public struct ULID: Hashable, Comparable, Sendable {
    /// The upper 64 bits: the time, and 16 bits of chance.
    public let high: UInt64
    /// The lower 64 bits.
    public let low: UInt64

    /// Puts a ULID together from its bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The same bits in the type that databases and other libraries take. It has no version.
    public var uuid: UUID { UUID(high: self.high, low: self.low) }

    /// Takes the bits of any UUID.
    public init(_ uuid: UUID) {
        (self.high, self.low) = uuid.words
    }

    /// When it was made, by the clock of who made it.
    public var time: WallTime { WallTime(millisecondsSince1970: Int64(self.high >> 16)) }

    public static func < (first: Self, second: Self) -> Bool {
        (first.high, first.low) < (second.high, second.low)
    }
}

extension ULID: LosslessStringConvertible {
    /// 26 characters of Crockford's base 32.
    public var description: String {
        String(unsafeUninitializedCapacity: 26) { buffer in
            var high = self.high
            var low = self.low
            for index in stride(from: 25, through: 0, by: -1) {
                buffer[index] = CrockfordAlphabet.digits[Int(low & 31)]
                low = low >> 5 | high << 59
                high >>= 5
            }
            return 26
        }
    }

    /// Reads a ULID, as ``init(text:)`` does, without saying what is wrong.
    public init?(_ description: String) {
        try? self.init(text: description)
    }

    /// Reads a ULID, in either case, with I and L for 1 and O for 0.
    ///
    /// - Throws: ``IdentifierError/Code/malformedID``, which quotes the text and says what is wrong with it. The largest
    ///   is `7ZZZZZZZZZZZZZZZZZZZZZZZZZ`: 26 characters have room for two bits more than a ULID has.
    public init(text: String) throws(IdentifierError) {
        func refuse(_ reason: String) -> IdentifierError {
            IdentifierError(.malformedID, "\(NameRules.quoted(text)) is no ULID: \(reason)")
        }
        guard text.utf8.count == 26 else { throw refuse("it has \(text.utf8.count) bytes instead of 26") }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (position, byte) in text.utf8.enumerated() {
            guard let digit = CrockfordAlphabet.digit(of: byte) else {
                throw refuse("byte \(position + 1) is not of the alphabet")
            }
            guard position > 0 || digit <= 7 else { throw refuse("it stands for a number beyond 128 bits") }
            high = high << 5 | low >> 59
            low = low << 5 | digit
        }
        self.init(high: high, low: low)
    }
}

extension ULID: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(text: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}
