import ColonyHashing
import Testing

@Suite("XXH64")
struct XXH64Tests {
    private static let prime32: UInt64 = 2_654_435_761

    @Test(
        "the vectors of xxHash's own sanity check hold",
        arguments: [
            (0, 0, 0xEF46_DB37_51D8_E999), (0, prime32, 0xAC75_FDA2_929B_17EF), (1, 0, 0xE934_A84A_DB05_2768),
            (1, prime32, 0x5014_6076_43A9_B4C3), (4, 0, 0x9136_A0DC_A574_57EE), (14, 0, 0x8282_DCC4_994E_35C8),
            (14, prime32, 0xC3BD_6BF6_3DEB_6DF0), (222, 0, 0xB641_AE8C_B691_C174),
            (222, prime32, 0x20CB_8AB7_AE10_C14A),
        ] as [(Int, UInt64, UInt64)])
    func sanityVectors(length: Int, seed: UInt64, expected: UInt64) {
        // XSUM_XXH64_testdata in cli/xsum_sanity_check.c.
        #expect(XXH64.hash(sanityBuffer(length), seed: seed) == expected)
    }

    @Test("the published hashes of short texts hold")
    func shortTexts() {
        #expect(XXH64.hash("") == 0xEF46_DB37_51D8_E999)
        #expect(XXH64.hash("a") == 0xD24E_C4F1_A98C_6E5B)
        #expect(XXH64.hash("abc") == 0x44BC_2CF5_AD77_0999)
    }

    @Test("another implementation gives the same at every length, one-shot and streaming")
    func crossCheck() throws {
        for vector in try HashVector.all() {
            let key = sanityBuffer(vector.length)
            #expect(XXH64.hash(key, seed: vector.seed) == vector.xxh64, "length \(vector.length)")
            var stream = XXH64(seed: vector.seed)
            stream.update(key)
            #expect(stream.finalize() == vector.xxh64, "length \(vector.length), streaming")
        }
    }
}
