/// A running fingerprint of what happened: FNV-1a with 64 bits, the same on every platform and in every process.
///
/// Two runs with the same fingerprint took the same steps in the same order, as far as 64 bits can tell. It is no
/// protection against somebody who wants two runs to look alike.
///
/// - SeeAlso: G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, *The FNV Non-Cryptographic Hash Algorithm*, RFC 9923.
public struct TraceHash: Hashable, Sendable {
    /// The fingerprint of all that was combined so far.
    public private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// The fingerprint of nothing.
    public init() {}

    /// Adds a text; where one text ends and the next begins counts.
    ///
    /// - Complexity: O(*n*) in the length of the text.
    public mutating func combine(_ text: String) {
        for byte in text.utf8 {
            self.combine(byte: byte)
        }
        // A byte that is in no UTF-8 text, so that "ab" + "c" and "a" + "bc" differ.
        self.combine(byte: 0xFF)
    }

    /// Adds a number.
    public mutating func combine(_ number: UInt64) {
        var rest = number
        for _ in 0..<8 {
            self.combine(byte: UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private mutating func combine(byte: UInt8) {
        self.value = (self.value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
}
