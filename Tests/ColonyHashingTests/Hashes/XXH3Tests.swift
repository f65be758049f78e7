import ColonyHashing
import Testing

@Suite("XXH3")
struct XXH3Tests {
    private static let prime64: UInt64 = 11_400_714_785_074_694_797

    @Test(
        "the vectors of xxHash's own sanity check hold, two for every class of length",
        arguments: [
            (0, 0, 0x2D06_8005_38D3_94C2), (0, prime64, 0xA8A6_B918_B2F0_364A), (1, 0, 0xC44B_DFF4_074E_ECDB),
            (1, prime64, 0x032B_E332_DD76_6EF8), (6, 0, 0x27B5_6A84_CD2D_7325), (6, prime64, 0x8458_9C11_6AB5_9AB9),
            (12, 0, 0xA713_DAF0_DFBB_77E7), (12, prime64, 0xE730_3E1B_2336_DE0E), (24, 0, 0xA3FE_70BF_9D35_10EB),
            (24, prime64, 0x850E_80FC_35BD_D690), (48, 0, 0x397D_A259_ECBA_1F11), (48, prime64, 0xADC2_CBAA_44AC_C616),
            (80, 0, 0xBCDE_FBBB_2C47_C90A), (80, prime64, 0xC6DD_0CB6_9953_2E73), (195, 0, 0xCD94_217E_E362_EC3A),
            (195, prime64, 0xBA68_003D_370C_B3D9), (403, 0, 0xCDEB_804D_65C6_DEA4),
            (403, prime64, 0x6259_F6EC_FD64_43FD), (512, 0, 0x617E_4959_9013_CB6B),
            (512, prime64, 0x3CE4_57DE_14C2_7708), (2048, 0, 0xDD59_E2C3_A5F0_38E0),
            (2048, prime64, 0x66F8_1670_669A_BABC), (2240, 0, 0x6E73_A905_39CF_2948),
            (2240, prime64, 0x757B_A848_7D1B_5247), (2367, 0, 0xCB37_AEB9_E5D3_61ED),
            (2367, prime64, 0xD2DB_3415_B942_B42A),
        ] as [(Int, UInt64, UInt64)])
    func sanityVectors(length: Int, seed: UInt64, expected: UInt64) {
        // XSUM_XXH3_testdata in cli/xsum_sanity_check.c.
        let key = sanityBuffer(length)
        #expect(XXH3.hash(key, seed: seed) == expected)
        var stream = XXH3(seed: seed)
        for byte in key { stream.update(CollectionOfOne(byte)) }
        #expect(stream.finalize() == expected)
    }

    @Test("another implementation gives the same at every length, one-shot and streaming")
    func crossCheck() throws {
        for vector in try HashVector.all() {
            let key = sanityBuffer(vector.length)
            #expect(XXH3.hash(key, seed: vector.seed) == vector.xxh3, "length \(vector.length)")
            var stream = XXH3(seed: vector.seed)
            stream.update(key)
            #expect(stream.finalize() == vector.xxh3, "length \(vector.length), streaming")
        }
    }

    @Test("the short way for integers agrees with the bytes of the integer")
    func integers() {
        var chance = SeededChance(state: 5)
        for _ in 0..<1_000 {
            let integer = chance.next()
            let seed = chance.next()
            let bytes = withUnsafeBytes(of: integer.littleEndian) { Array($0) }
            #expect(XXH3.hash(integer, seed: seed) == XXH3.hash(bytes, seed: seed))
        }
    }
}
