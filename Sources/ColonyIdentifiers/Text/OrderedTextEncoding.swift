import ColonyCore

/// A way to write a 64-bit number as text of one length, so that the order of the texts, byte by byte, is that of the
/// numbers.
public enum OrderedTextEncoding: String, Hashable, Sendable, CaseIterable {
    /// 13 characters of Crockford's base 32: without I, L, O, and U, read in either case, fit for reading aloud.
    case crockford32
    /// 11 characters of digits, capitals, and small letters: the shortest, and told apart by case.
    case base62

    /// How many characters every number has.
    public var length: Int {
        switch self {
        case .crockford32: 13
        case .base62: 11
        }
    }

    /// The text of a number.
    ///
    /// - Complexity: O(1).
    public func text(of number: UInt64) -> String {
        let alphabet = self.alphabet
        let radix = UInt64(alphabet.count)
        return String(unsafeUninitializedCapacity: self.length) { buffer in
            var rest = number
            for index in stride(from: self.length - 1, through: 0, by: -1) {
                let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: radix)
                buffer[index] = alphabet[Int(remainder)]
                rest = quotient
            }
            return self.length
        }
    }

    /// The number of a text.
    ///
    /// Crockford's alphabet is read in either case, with I and L for 1 and O for 0, as its author asks.
    ///
    /// - Throws: ``IdentifierError/Code/malformedID``, which quotes the text and says what is wrong with it.
    /// - Complexity: O(1).
    public func number(from text: String) throws(IdentifierError) -> UInt64 {
        func refuse(_ reason: String) -> IdentifierError {
            IdentifierError(.malformedID, "\(NameRules.quoted(text)) is no \(self.name) identifier: \(reason)")
        }
        guard text.utf8.count == self.length else {
            throw refuse("it has \(text.utf8.count) bytes instead of \(self.length)")
        }
        let radix = UInt64(self.alphabet.count)
        var number: UInt64 = 0
        for (position, byte) in text.utf8.enumerated() {
            guard let digit = self.digit(of: byte) else {
                throw refuse("byte \(position + 1) is not of the alphabet")
            }
            let (product, overflow) = number.multipliedReportingOverflow(by: radix)
            let (sum, carried) = product.addingReportingOverflow(digit)
            guard !overflow, !carried else { throw refuse("it stands for a number beyond 64 bits") }
            number = sum
        }
        return number
    }

    private var name: String {
        switch self {
        case .crockford32: "Crockford base 32"
        case .base62: "base 62"
        }
    }

    private var alphabet: [UInt8] {
        switch self {
        case .crockford32: CrockfordAlphabet.digits
        case .base62: Self.base62Digits
        }
    }

    private func digit(of byte: UInt8) -> UInt64? {
        switch self {
        case .crockford32: CrockfordAlphabet.digit(of: byte)
        case .base62:
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt64(byte - UInt8(ascii: "A")) + 10
            case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt64(byte - UInt8(ascii: "a")) + 36
            default: nil
            }
        }
    }

    /// In the order of ASCII, which is what makes the texts sort as the numbers do.
    private static let base62Digits = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
}

/// Crockford's alphabet, shared by Snowflake texts and ULIDs.
///
/// - SeeAlso: D. Crockford, *Base 32*, https://www.crockford.com/base32.html
enum CrockfordAlphabet {
    static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    static func digit(of byte: UInt8) -> UInt64? {
        let value = Self.values[Int(byte)]
        return value == 0xFF ? nil : UInt64(value)
    }

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, byte) in Self.digits.enumerated() {
            values[Int(byte)] = UInt8(value)
            if byte >= UInt8(ascii: "A") { values[Int(byte | 0x20)] = UInt8(value) }
        }
        for (aliases, value) in [("Oo", 0 as UInt8), ("IiLl", 1)] {
            for byte in aliases.utf8 { values[Int(byte)] = value }
        }
        return values
    }()
}
