/// SipHash-2-4 with a result of 128 bits: a keyed hash whose key cannot be found from its results, also for inputs that are easy to guess.
///
/// J.-P. Aumasson, D. J. Bernstein, *SipHash: a fast short-input PRF*, INDOCRYPT 2012; the variant of 128 bits is that of the authors'
/// reference implementation, <https://github.com/veorq/SipHash>.
struct SipHash: Hashable, Sendable {
    private let key: (UInt64, UInt64)

    init(key first: UInt64, _ second: UInt64) { self.key = (first, second) }

    static func == (left: SipHash, right: SipHash) -> Bool { left.key == right.key }

    func hash(into hasher: inout Hasher) {
        hasher.combine(self.key.0)
        hasher.combine(self.key.1)
    }

    private struct State {
        var a: UInt64
        var b: UInt64
        var c: UInt64
        var d: UInt64

        mutating func round() {
            self.a &+= self.b
            self.b = self.b << 13 | self.b >> 51
            self.b ^= self.a
            self.a = self.a << 32 | self.a >> 32
            self.c &+= self.d
            self.d = self.d << 16 | self.d >> 48
            self.d ^= self.c
            self.a &+= self.d
            self.d = self.d << 21 | self.d >> 43
            self.d ^= self.a
            self.c &+= self.b
            self.b = self.b << 17 | self.b >> 47
            self.b ^= self.c
            self.c = self.c << 32 | self.c >> 32
        }

        mutating func take(_ word: UInt64) {
            self.d ^= word
            self.round()
            self.round()
            self.a ^= word
        }

        mutating func finish() -> UInt64 {
            for _ in 0..<4 { self.round() }
            return self.a ^ self.b ^ self.c ^ self.d
        }
    }

    /// The two halves of the result, the first one first.
    func hash(_ bytes: some Sequence<UInt8>) -> (UInt64, UInt64) {
        var state = State(
            a: self.key.0 ^ 0x736F_6D65_7073_6575, b: self.key.1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE,
            c: self.key.0 ^ 0x6C79_6765_6E65_7261, d: self.key.1 ^ 0x7465_6462_7974_6573)
        var word: UInt64 = 0
        var count: UInt64 = 0
        for byte in bytes {
            word |= UInt64(byte) << (8 * (count & 7))
            count &+= 1
            if count & 7 == 0 {
                state.take(word)
                word = 0
            }
        }
        state.take(word | count << 56)
        state.c ^= 0xEE
        let first = state.finish()
        state.b ^= 0xDD
        return (first, state.finish())
    }
}
