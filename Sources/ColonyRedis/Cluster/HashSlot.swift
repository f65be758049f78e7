/// Which of the 16,384 slots of a cluster a key belongs to.
///
/// The slot is the CRC-16 of the key modulo 16,384; if the key contains `{…}` with something in between, only that is
/// hashed, so that keys can be put on one server.
///
/// - SeeAlso: *Redis cluster specification*, "Key distribution model" and "Hash tags", and its appendix A for the CRC
///   (XMODEM: polynomial 0x1021, initially 0, not reflected).
enum HashSlot {
    static let count = 16_384

    private static let table: [UInt16] = (0..<256).map { byte in
        var remainder = UInt16(byte) << 8
        for _ in 0..<8 {
            remainder = remainder & 0x8000 == 0 ? remainder << 1 : (remainder << 1) ^ 0x1021
        }
        return remainder
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt16 {
        self.table.withUnsafeBufferPointer { table in
            bytes.reduce(0) { ($0 << 8) ^ table[Int(UInt8($0 >> 8) ^ $1)] }
        }
    }

    /// - Complexity: O(*n*) in the length of the key.
    static func of(_ key: [UInt8]) -> Int {
        if let open = key.firstIndex(of: UInt8(ascii: "{")) {
            let rest = key[(open + 1)...]
            if let close = rest.firstIndex(of: UInt8(ascii: "}")), close > open + 1 {
                return Int(self.checksum(rest[..<close])) % self.count
            }
        }
        return Int(self.checksum(key)) % self.count
    }
}
