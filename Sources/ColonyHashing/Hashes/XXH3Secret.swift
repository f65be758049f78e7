/// The 192 bytes that XXH3 mixes into its input: three times eight words.
///
/// They were taken from a random source once and are part of the algorithm. Only their being unpredictable by an ordinary
/// input matters: a word of input that equals its word of the secret makes a product of zero.
struct XXH3Secret: Sendable {
    private var low: SIMD8<UInt64>
    private var middle: SIMD8<UInt64>
    private var high: SIMD8<UInt64>

    /// The secret of the specification.
    init() {
        self.low = SIMD8(
            0xBE4B_A423_396C_FEB8, 0x1CAD_21F7_2C81_017C,
            0xDB97_9083_E96D_D4DE, 0x1F67_B3B7_A4A4_4072,
            0x78E5_C0CC_4EE6_79CB, 0x2172_FFCC_7DD0_5A82,
            0x8E24_43F7_7446_08B8, 0x4C26_3A81_E690_35E0
        )
        self.middle = SIMD8(
            0xCB00_C391_BB52_283C, 0xA32E_531B_8B65_D088,
            0x4EF9_0DA2_9748_6471, 0xD8AC_DEA9_46EF_1938,
            0x3F34_9CE3_3F76_FAA8, 0x1D4F_0BC7_C7BB_DCF9,
            0x3159_B4CD_4BE0_518A, 0x6473_78D9_C97E_9FC8
        )
        self.high = SIMD8(
            0xC3EB_D334_83AC_C5EA, 0xEB63_13FA_FFA0_81C5,
            0x49DA_F0B7_51DD_0D17, 0x9E68_D429_2655_16D3,
            0xFCA1_477D_58BE_162B, 0xCE31_D07A_D1B8_F88F,
            0x2804_1695_8F3A_CB45, 0x7E40_4BBB_CAFB_D7AF
        )
    }

    /// The secret for `seed`: the words in turn with the seed added and subtracted, so that seed zero changes nothing.
    init(seed: UInt64) {
        self.init()
        let minus = 0 &- seed
        let change = SIMD8(seed, minus, seed, minus, seed, minus, seed, minus)
        self.low &+= change
        self.middle &+= change
        self.high &+= change
    }

    /// Runs `body` with the address of the 24 words, which lie in the order of the specification.
    @inline(__always)
    func withWords<Result>(_ body: (UnsafePointer<UInt64>) -> Result) -> Result {
        withUnsafeBytes(of: self) { bytes in
            body(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self))
        }
    }
}

extension UnsafePointer<UInt64> {
    /// The little-endian word that starts `offset` bytes after this address, which need not be at a word's start.
    ///
    /// Put together from the two words that it overlaps, so that the order of bytes in memory plays no part.
    @inline(__always)
    func secretWord(atByte offset: Int) -> UInt64 {
        let shift = UInt64(truncatingIfNeeded: (offset & 7) &* 8)
        let word = self[offset &>> 3]
        guard shift > 0 else { return word }
        return (word &>> shift) | (self[(offset &>> 3) &+ 1] &<< (64 &- shift))
    }
}
