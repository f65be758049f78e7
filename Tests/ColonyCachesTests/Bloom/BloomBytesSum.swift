import ColonyHashing

/// The checksum at the end of the binary form, made as an adversary would make it.
enum BloomBytesSum {
    static func of(_ bytes: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: XXH64.hash(bytes).littleEndian) { Array($0) }
    }
}
