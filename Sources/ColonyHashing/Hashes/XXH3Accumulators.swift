/// The eight accumulators that take in the long keys of ``XXH3``, 64 bytes (a *stripe*) at a time.
///
/// A word of input, combined with its word of the secret, is multiplied half by half into its own accumulator, and is
/// added as it is to its neighbour's: a half that happens to be zero after the combination then loses nothing. After each
/// block of 16 stripes the accumulators are scrambled, because sums of products leave their low bits weak.
struct XXH3Accumulators: Sendable {
    private var first = SIMD2<UInt64>(0xC2B2_AE3D, 0x9E37_79B1_85EB_CA87)
    private var second = SIMD2<UInt64>(0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9)
    private var third = SIMD2<UInt64>(0x85EB_CA77_C2B2_AE63, 0x85EB_CA77)
    private var fourth = SIMD2<UInt64>(0x27D4_EB2F_1656_67C5, 0x9E37_79B1)

    private static var stripesPerBlock: Int { 16 }

    /// Takes in `stripes` times 64 bytes, none of which is the last stripe of the key.
    ///
    /// - Parameter stripesInBlock: How many stripes of the present block came before; is kept up to date.
    @inline(__always)
    mutating func consume(
        stripes: Int, at base: UnsafeRawPointer, stripesInBlock: inout Int, secret: UnsafePointer<UInt64>
    ) {
        var next = base
        var left = stripes
        var inBlock = stripesInBlock
        // A local copy, so that the loop keeps it in registers.
        var accumulators = self
        while left > 0 {
            let run = min(left, Self.stripesPerBlock &- inBlock)
            for stripe in inBlock..<(inBlock &+ run) {
                let words = secret + stripe
                accumulators.consume(
                    at: next, Self.pair(words), Self.pair(words + 2), Self.pair(words + 4), Self.pair(words + 6))
                next += 64
            }
            left &-= run
            inBlock &+= run
            if inBlock == Self.stripesPerBlock {
                accumulators.scramble(secret + 16)
                inBlock = 0
            }
        }
        self = accumulators
        stripesInBlock = inBlock
    }

    /// Takes in the last 64 bytes of the key, which may overlap those before.
    @inline(__always)
    mutating func consumeLast(at base: UnsafeRawPointer, secret: UnsafePointer<UInt64>) {
        self.consume(
            at: base, Self.pair(secret, atByte: 121), Self.pair(secret, atByte: 137), Self.pair(secret, atByte: 153),
            Self.pair(secret, atByte: 169))
    }

    /// All accumulators in one word.
    @inline(__always)
    func merged(byteCount: UInt64, secret: UnsafePointer<UInt64>) -> UInt64 {
        var sum = byteCount &* XXH64.prime1
        sum &+= Self.folded(self.first, Self.pair(secret, atByte: 11))
        sum &+= Self.folded(self.second, Self.pair(secret, atByte: 27))
        sum &+= Self.folded(self.third, Self.pair(secret, atByte: 43))
        sum &+= Self.folded(self.fourth, Self.pair(secret, atByte: 59))
        return XXH3.avalanche(sum)
    }

    // MARK: Steps

    @inline(__always)
    private mutating func consume(
        at base: UnsafeRawPointer, _ first: SIMD2<UInt64>, _ second: SIMD2<UInt64>, _ third: SIMD2<UInt64>,
        _ fourth: SIMD2<UInt64>
    ) {
        Self.consume(base, first, into: &self.first)
        Self.consume(base + 16, second, into: &self.second)
        Self.consume(base + 32, third, into: &self.third)
        Self.consume(base + 48, fourth, into: &self.fourth)
    }

    @inline(__always)
    private static func consume(_ base: UnsafeRawPointer, _ secret: SIMD2<UInt64>, into sum: inout SIMD2<UInt64>) {
        let data = SIMD2(base.word64(at: 0), base.word64(at: 8))
        let keyed = data ^ secret
        let product = (keyed & SIMD2(repeating: 0xFFFF_FFFF)) &* (keyed &>> SIMD2(repeating: 32))
        sum = sum &+ product &+ SIMD2(data.y, data.x)
    }

    @inline(__always)
    private mutating func scramble(_ secret: UnsafePointer<UInt64>) {
        Self.scramble(&self.first, Self.pair(secret))
        Self.scramble(&self.second, Self.pair(secret + 2))
        Self.scramble(&self.third, Self.pair(secret + 4))
        Self.scramble(&self.fourth, Self.pair(secret + 6))
    }

    @inline(__always)
    private static func scramble(_ sum: inout SIMD2<UInt64>, _ secret: SIMD2<UInt64>) {
        sum = (sum ^ (sum &>> SIMD2(repeating: 47)) ^ secret) &* SIMD2(repeating: 0x9E37_79B1)
    }

    @inline(__always)
    private static func folded(_ sum: SIMD2<UInt64>, _ secret: SIMD2<UInt64>) -> UInt64 {
        let keyed = sum ^ secret
        return XXH3.foldedProduct(keyed.x, keyed.y)
    }

    @inline(__always)
    private static func pair(_ words: UnsafePointer<UInt64>) -> SIMD2<UInt64> {
        SIMD2(words[0], words[1])
    }

    @inline(__always)
    private static func pair(_ words: UnsafePointer<UInt64>, atByte offset: Int) -> SIMD2<UInt64> {
        SIMD2(words.secretWord(atByte: offset), words.secretWord(atByte: offset + 8))
    }
}
