import ColonyHashing
import Testing

@Suite("Murmur3")
struct Murmur3Tests {
    @Test("another implementation gives the same at every length")
    func crossCheck() throws {
        for vector in try HashVector.all() {
            let key = sanityBuffer(vector.length)
            let seed = UInt32(vector.seed)
            #expect(Murmur3.X86_32.hash(key, seed: seed) == vector.murmur32, "length \(vector.length)")
            #expect(Murmur3.X64_128.hash(key, seed: seed) == vector.murmur128, "length \(vector.length)")
        }
    }

    @Test("the verification values of SMHasher hold")
    func verificationValues() {
        // SMHasher's VerificationTest: keys {}, {0}, {0, 1}, … with seeds 256, 255, …; the hash of all hashes; its first word.
        var hashes32: [UInt8] = []
        var hashes128: [UInt8] = []
        for length in 0..<256 {
            let key = (0..<length).map { UInt8($0) }
            let seed = UInt32(256 - length)
            withUnsafeBytes(of: Murmur3.X86_32.hash(key, seed: seed).littleEndian) { hashes32 += $0 }
            withUnsafeBytes(of: Murmur3.X64_128.hash(key, seed: seed).littleEndian) { hashes128 += $0 }
        }
        #expect(Murmur3.X86_32.hash(hashes32) == 0xB0F5_7EE3)
        #expect(UInt32(truncatingIfNeeded: Murmur3.X64_128.hash(hashes128)) == 0x6384_BA69)
    }

    @Test("the low half of 128 bits is the original's first word")
    func orderOfHalves() {
        // mmh3.hash64("foo"), whose words are (h1, h2) as signed numbers.
        let hash = Murmur3.X64_128.hash("foo")
        #expect(Int64(truncatingIfNeeded: hash) == -2_129_773_440_516_405_919)
        #expect(Int64(truncatingIfNeeded: hash >> 64) == 9_128_664_383_759_220_103)
    }
}
