import Foundation

/// What other implementations give, as `Reference/make-hash-vectors.py` wrote it down.
struct HashVector {
    let length: Int
    let seed: UInt64
    let xxh64: UInt64
    let xxh3: UInt64
    let murmur32: UInt32
    let murmur128: UInt128

    /// All lines of the file.
    static func all() throws -> [HashVector] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(components: "Reference", "hash-vectors.csv")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").dropFirst().map { line in
            let fields = line.split(separator: ",")
            guard fields.count == 6, let length = Int(fields[0]), let seed = UInt64(fields[1], radix: 16),
                let xxh64 = UInt64(fields[2], radix: 16), let xxh3 = UInt64(fields[3], radix: 16),
                let murmur32 = UInt32(fields[4], radix: 16), let murmur128 = UInt128(fields[5], radix: 16)
            else { throw BadLine(line: String(line)) }
            return HashVector(
                length: length, seed: seed, xxh64: xxh64, xxh3: xxh3, murmur32: murmur32, murmur128: murmur128)
        }
    }

    struct BadLine: Error {
        let line: String
    }
}

/// The input of xxHash's sanity check (`XSUM_fillTestBuffer` in cli/xsum_sanity_check.c).
func sanityBuffer(_ length: Int) -> [UInt8] {
    var state: UInt64 = 2_654_435_761
    return (0..<length).map { _ in
        defer { state &*= 11_400_714_785_074_694_797 }
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

/// Chance that a seed repeats: SplitMix64.
struct SeededChance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var word = self.state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
