/// CRC-32C, which finds every error in up to 32 bits in a row, and what else is torn with all but one chance in 2³².
///
/// - SeeAlso: G. Castagnoli, S. Bräuer, M. Herrmann, *Optimization of Cyclic Redundancy-Check Codes with 24 and 32 Parity Bits*, IEEE
///   Transactions on Communications 41(6), 1993; RFC 3720, appendix B.4, for values to test with.
enum Checksum {
    private static let table: [UInt32] = (0..<256).map { byte in
        var value = UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
        return value
    }

    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value = UInt32.max
        for byte in bytes { value = value >> 8 ^ self.table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] }
        return ~value
    }
}
