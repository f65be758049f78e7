/// XXH3, the 64-bit hash of the xxHash family for keys of every length, and the one to take when nothing else decides.
///
/// # Why not XXH64
/// Most keys of a distributed system are short: an id, a user name, a path. ``XXH64`` walks them in a chain of dependent
/// multiplications and branches. XXH3 has a formula of its own for each class of length instead: up to 16 bytes are one or
/// two overlapping words and one wide multiplication without a loop; up to 240 bytes are pairs of words whose products
/// are independent of one another; longer keys go through eight accumulators that a processor's vector unit updates
/// together. The input is first combined with a fixed *secret*, so that zeros in a key do not make zeros of products.
///
/// # The long path in Swift
/// Two lanes to a `SIMD2<UInt64>`, because two words are what every x86-64 and every ARM64 processor has registers for,
/// and because the product of the low and the high half of each word is then one instruction (`pmuludq`, `umull`).
///
/// # Left out
/// Secrets of the caller's own, and the 128-bit variant. Nothing here needs them.
///
/// # References
/// 1. Yann Collet, *xxHash fast digest algorithm*, version 0.2.0, section "XXH3 algorithm description".
///    <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>
/// 2. Austin Appleby, later Reini Urban and others, *SMHasher*. <https://github.com/rurban/smhasher>
///
/// - Important: Not for use against adversaries. The seed is no secret key: keys that collide can be constructed.
public struct XXH3: StreamingByteHash {
    private var accumulators = XXH3Accumulators()

    /// Bytes that wait for more, after the 64 bytes that came before them: the last stripe may begin among those.
    private var buffer: Buffer = (.zero, .zero, .zero, .zero, .zero)
    private var pendingCount = 0

    /// The stripes that were taken in since the accumulators were last scrambled.
    private var stripesInBlock = 0
    private var byteCount: UInt64 = 0

    private let seed: UInt64
    private let secret: XXH3Secret

    private typealias Buffer = (SIMD8<UInt64>, SIMD8<UInt64>, SIMD8<UInt64>, SIMD8<UInt64>, SIMD8<UInt64>)

    /// How many bytes wait at most: no fewer than the longest key that has a formula of its own.
    private static var capacity: Int { 256 }

    /// A hash that has seen no bytes yet.
    ///
    /// - Parameter seed: Which function of the family; zero is the usual choice.
    public init(seed: UInt64 = 0) {
        self.seed = seed
        self.secret = XXH3Secret(seed: seed)
    }

    /// Appends `bytes` to what the hash has seen.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard var next = bytes.baseAddress, !bytes.isEmpty else { return }
        let end = next + bytes.count
        self.byteCount &+= UInt64(truncatingIfNeeded: bytes.count)

        // Stripes are taken in only when it is certain that more bytes follow: the last one has a secret of its own.
        if self.pendingCount > 0, self.pendingCount + bytes.count > Self.capacity {
            let taken = Self.capacity - self.pendingCount
            self.append(next, count: taken)
            next += taken
            withUnsafeBytes(of: self.buffer) { buffer in
                self.consume(stripes: Self.capacity / 64, at: buffer.baseAddress.unsafelyUnwrapped + 64)
            }
        }
        if end - next > Self.capacity {
            let stripes = (end - next - 1) / 64
            self.consume(stripes: stripes, at: next)
            next += stripes * 64
        }
        self.append(next, count: end - next)
    }

    /// The hash of all bytes up to now. More may follow afterwards.
    ///
    /// - Complexity: O(1); allocates nothing.
    public func finalize() -> UInt64 {
        withUnsafeBytes(of: self.buffer) { buffer in
            let start = buffer.baseAddress.unsafelyUnwrapped
            if self.byteCount <= UInt64(Self.longestMiddle) {
                return Self.hash(UnsafeRawBufferPointer(start: start + 64, count: self.pendingCount), seed: self.seed)
            }
            var accumulators = self.accumulators
            var stripesInBlock = self.stripesInBlock
            return self.secret.withWords { secret in
                accumulators.consume(
                    stripes: (self.pendingCount - 1) / 64, at: start + 64, stripesInBlock: &stripesInBlock,
                    secret: secret)
                accumulators.consumeLast(at: start + self.pendingCount, secret: secret)
                return accumulators.merged(byteCount: self.byteCount, secret: secret)
            }
        }
    }

    private mutating func append(_ bytes: UnsafeRawPointer, count: Int) {
        withUnsafeMutableBytes(of: &self.buffer) { buffer in
            (buffer.baseAddress.unsafelyUnwrapped + 64 + self.pendingCount).copyMemory(from: bytes, byteCount: count)
        }
        self.pendingCount += count
    }

    /// Takes in stripes and keeps the last of them in front of an empty `buffer`.
    private mutating func consume(stripes: Int, at bytes: UnsafeRawPointer) {
        self.secret.withWords { secret in
            self.accumulators.consume(
                stripes: stripes, at: bytes, stripesInBlock: &self.stripesInBlock, secret: secret)
        }
        withUnsafeMutableBytes(of: &self.buffer) { buffer in
            buffer.baseAddress.unsafelyUnwrapped.copyMemory(from: bytes + (stripes * 64 - 64), byteCount: 64)
        }
        self.pendingCount = 0
    }
}

// MARK: One shot

extension XXH3 {
    /// The XXH3 of `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: The key, of any length and at any alignment. May be empty.
    ///   - seed: Which function of the family; zero is the usual choice.
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    /// - SeeAlso: The specification, section "XXH3 algorithm description".
    @inlinable
    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        guard let base = bytes.baseAddress else { return Self.hashEmpty(seed: seed) }
        let count = bytes.count
        if count > 16 { return Self.hashBeyondShort(base, count: count, seed: seed) }
        if count > 8 { return Self.hash9To16(base, count: count, seed: seed) }
        if count >= 4 { return Self.hash4To8(base, count: count, seed: seed) }
        return count > 0 ? Self.hash1To3(base, count: count, seed: seed) : Self.hashEmpty(seed: seed)
    }

    /// The XXH3 of the eight bytes of `integer`, lowest first, on every machine.
    ///
    /// - Complexity: O(1); about three nanoseconds.
    @inlinable
    public static func hash(_ integer: UInt64, seed: UInt64 = 0) -> UInt64 {
        Self.mix4To8(
            first: UInt32(truncatingIfNeeded: integer), last: UInt32(truncatingIfNeeded: integer &>> 32), count: 8,
            seed: seed)
    }
}

// MARK: Up to 16 bytes

// The constants are combinations of words of the secret that no input changes; a test derives them from it again.
extension XXH3 {
    @inlinable
    static func hashEmpty(seed: UInt64) -> UInt64 {
        XXH64.avalanche(seed ^ 0x8726_F910_5DC2_1DDC)
    }

    @inlinable
    static func hash1To3(_ base: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        let first = UInt32(base.byte(at: 0)) &<< 16
        let middle = UInt32(base.byte(at: count &>> 1)) &<< 24
        let last = UInt32(base.byte(at: count &- 1))
        let combined = first | middle | last | UInt32(truncatingIfNeeded: count) &<< 8
        return XXH64.avalanche(UInt64(combined) ^ (0x8727_5A9B &+ seed))
    }

    @inlinable
    static func hash4To8(_ base: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        Self.mix4To8(first: base.word32(at: 0), last: base.word32(at: count &- 4), count: count, seed: seed)
    }

    @inlinable
    @inline(__always)
    static func mix4To8(first: UInt32, last: UInt32, count: Int, seed: UInt64) -> UInt64 {
        let seed = seed ^ UInt64(UInt32(truncatingIfNeeded: seed).byteSwapped) &<< 32
        var hash = (UInt64(last) &+ UInt64(first) &<< 32) ^ (0xC73A_B174_C5EC_D5A2 &- seed)
        hash ^= hash.rotatedLeft(by: 49) ^ hash.rotatedLeft(by: 24)
        hash &*= 0x9FB2_1C65_1E98_DF25
        hash ^= (hash &>> 35) &+ UInt64(truncatingIfNeeded: count)
        hash &*= 0x9FB2_1C65_1E98_DF25
        return hash ^ (hash &>> 28)
    }

    @inlinable
    static func hash9To16(_ base: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        let low = base.word64(at: 0) ^ (0x6782_737B_EA42_39B9 &+ seed)
        let high = base.word64(at: count &- 8) ^ (0xAF56_BC3B_0996_523A &- seed)
        let sum = UInt64(truncatingIfNeeded: count) &+ low.byteSwapped &+ high
        return Self.avalanche(sum &+ Self.foldedProduct(low, high))
    }

    /// The two halves of the product of 128 bits, combined: one multiplication that every bit of both factors moves.
    @inlinable
    @inline(__always)
    static func foldedProduct(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.low ^ product.high
    }

    @inlinable
    @inline(__always)
    static func avalanche(_ word: UInt64) -> UInt64 {
        let hash = (word ^ (word &>> 37)) &* 0x1656_6791_9E37_79F9
        return hash ^ (hash &>> 32)
    }
}

// MARK: 17 bytes and more

extension XXH3 {
    /// The longest key with a formula of its own; longer ones go through the accumulators.
    static var longestMiddle: Int { 240 }

    /// Not inlined into the caller: beside the work on more than 16 bytes a call costs little.
    @usableFromInline
    @inline(never)
    static func hashBeyondShort(_ base: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        if count <= 128 { return Self.hash17To128(base, count: count, seed: seed) }
        if count <= Self.longestMiddle { return Self.hash129To240(base, count: count, seed: seed) }
        return Self.hashLong(base, count: count, secret: seed == 0 ? XXH3Secret() : XXH3Secret(seed: seed))
    }

    private static func hash17To128(_ base: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        XXH3Secret().withWords { secret in
            var sum = UInt64(truncatingIfNeeded: count) &* XXH64.prime1
            // Pairs from both ends towards the middle; they overlap unless the length is a multiple of 32.
            for pair in 0...((count &- 1) &>> 5) {
                let word = pair &* 4
                sum &+= Self.mix16(base + pair &* 16, secret[word], secret[word &+ 1], seed: seed)
                sum &+= Self.mix16(
                    base + (count &- pair &* 16 &- 16), secret[word &+ 2], secret[word &+ 3], seed: seed)
            }
            return Self.avalanche(sum)
        }
    }

    private static func hash129To240(_ base: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        XXH3Secret().withWords { secret in
            var sum = UInt64(truncatingIfNeeded: count) &* XXH64.prime1
            for round in 0..<8 {
                sum &+= Self.mix16(base + round &* 16, secret[round &* 2], secret[round &* 2 &+ 1], seed: seed)
            }
            sum = Self.avalanche(sum)
            for round in 8..<(count &>> 4) {
                let byte = (round &- 8) &* 16 &+ 3
                sum &+= Self.mix16(
                    base + round &* 16, secret.secretWord(atByte: byte), secret.secretWord(atByte: byte &+ 8),
                    seed: seed)
            }
            sum &+= Self.mix16(
                base + (count &- 16), secret.secretWord(atByte: 119), secret.secretWord(atByte: 127), seed: seed)
            return Self.avalanche(sum)
        }
    }

    @inline(__always)
    private static func mix16(_ base: UnsafeRawPointer, _ low: UInt64, _ high: UInt64, seed: UInt64) -> UInt64 {
        Self.foldedProduct(base.word64(at: 0) ^ (low &+ seed), base.word64(at: 8) ^ (high &- seed))
    }

    private static func hashLong(_ base: UnsafeRawPointer, count: Int, secret: XXH3Secret) -> UInt64 {
        secret.withWords { secret in
            var accumulators = XXH3Accumulators()
            var stripesInBlock = 0
            accumulators.consume(
                stripes: (count &- 1) / 64, at: base, stripesInBlock: &stripesInBlock, secret: secret)
            accumulators.consumeLast(at: base + (count &- 64), secret: secret)
            return accumulators.merged(byteCount: UInt64(truncatingIfNeeded: count), secret: secret)
        }
    }
}
