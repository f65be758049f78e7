/// XXH64, the 64-bit hash of the xxHash family: four multiply-and-rotate lanes over 32 bytes at a time.
///
/// # Why not something simpler
/// A byte-at-a-time hash (FNV-1a, djb2) waits for one multiplication per byte, about a gigabyte a second at best, and its
/// low bits mix poorly. XXH64 reads 32 bytes per round into four lanes that do not wait for one another, so the
/// processor overlaps their multiplications; a final *avalanche* then lets every bit of the input reach every bit of the
/// result. It passes SMHasher, the usual test of spread and collisions [2].
///
/// # Which one to take
/// XXH64 is older than ``XXH3`` and in wider use: stored hashes of other systems are more often of this kind.
///
/// # References
/// 1. Yann Collet, *xxHash fast digest algorithm*, version 0.2.0, section "XXH64 algorithm description".
///    <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>
/// 2. Austin Appleby, later Reini Urban and others, *SMHasher*. <https://github.com/rurban/smhasher>
///
/// - Important: Not for use against adversaries. The seed is no secret key: collisions for all seeds at once are known.
public struct XXH64: StreamingByteHash {
    /// The lanes, each an accumulator over every fourth word.
    @usableFromInline
    var lanes: Lanes

    /// The bytes since the last full stripe, as they lie in memory.
    @usableFromInline
    var pending: SIMD4<UInt64> = .zero

    /// All bytes seen; its low five bits count those in `pending`.
    @usableFromInline
    var byteCount: UInt64 = 0

    @usableFromInline
    let seed: UInt64

    /// A hash that has seen no bytes yet.
    ///
    /// - Parameter seed: Which function of the family; zero is the usual choice.
    @inlinable
    public init(seed: UInt64 = 0) {
        self.seed = seed
        self.lanes = Lanes(seed: seed)
    }

    /// Appends `bytes` to what the hash has seen.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard var next = bytes.baseAddress, !bytes.isEmpty else { return }
        let end = next + bytes.count
        let held = Int(truncatingIfNeeded: self.byteCount & 31)
        self.byteCount &+= UInt64(truncatingIfNeeded: bytes.count)

        if held > 0 {
            let taken = min(32 - held, bytes.count)
            withUnsafeMutableBytes(of: &self.pending) { pending in
                (pending.baseAddress.unsafelyUnwrapped + held).copyMemory(from: next, byteCount: taken)
            }
            next += taken
            guard held + taken == 32 else { return }
            withUnsafeBytes(of: self.pending) { pending in
                _ = self.lanes.consume(stripes: 1, at: pending.baseAddress.unsafelyUnwrapped)
            }
        }
        next = self.lanes.consume(stripes: (end - next) / 32, at: next)
        if next < end {
            withUnsafeMutableBytes(of: &self.pending) { pending in
                pending.baseAddress.unsafelyUnwrapped.copyMemory(from: next, byteCount: end - next)
            }
        }
    }

    /// The hash of all bytes up to now. More may follow afterwards.
    ///
    /// - Complexity: O(1); allocates nothing.
    public func finalize() -> UInt64 {
        let start = self.byteCount < 32 ? self.seed &+ Self.prime5 : self.lanes.merged
        return withUnsafeBytes(of: self.pending) { pending in
            Self.finish(
                start &+ self.byteCount,
                tail: pending.baseAddress.unsafelyUnwrapped,
                count: Int(truncatingIfNeeded: self.byteCount & 31)
            )
        }
    }
}

// MARK: One shot

extension XXH64 {
    /// The XXH64 of `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: The key, of any length and at any alignment. May be empty.
    ///   - seed: Which function of the family; zero is the usual choice.
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    /// - SeeAlso: The specification, section "XXH64 algorithm description".
    @inlinable
    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        let count = UInt64(truncatingIfNeeded: bytes.count)
        guard let base = bytes.baseAddress else { return Self.avalanche(seed &+ Self.prime5) }
        if bytes.count < 32 {
            return Self.finish(seed &+ Self.prime5 &+ count, tail: base, count: bytes.count)
        }
        return Self.hashStripes(base, count: bytes.count, seed: seed)
    }

    /// Keys of 32 bytes and more. Not inlined into the caller: next to the loop a call costs nothing.
    @usableFromInline
    @inline(never)
    static func hashStripes(_ base: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt64 {
        var lanes = Lanes(seed: seed)
        let tail = lanes.consume(stripes: count / 32, at: base)
        return Self.finish(lanes.merged &+ UInt64(truncatingIfNeeded: count), tail: tail, count: count & 31)
    }
}

// MARK: The algorithm

extension XXH64 {
    @inlinable static var prime1: UInt64 { 0x9E37_79B1_85EB_CA87 }
    @inlinable static var prime2: UInt64 { 0xC2B2_AE3D_27D4_EB4F }
    @inlinable static var prime3: UInt64 { 0x1656_67B1_9E37_79F9 }
    @inlinable static var prime4: UInt64 { 0x85EB_CA77_C2B2_AE63 }
    @inlinable static var prime5: UInt64 { 0x27D4_EB2F_1656_67C5 }

    /// The four accumulators of steps 1 to 3 of the specification.
    @usableFromInline
    struct Lanes: Sendable {
        @usableFromInline var first: UInt64
        @usableFromInline var second: UInt64
        @usableFromInline var third: UInt64
        @usableFromInline var fourth: UInt64

        @inlinable
        init(seed: UInt64) {
            self.first = seed &+ XXH64.prime1 &+ XXH64.prime2
            self.second = seed &+ XXH64.prime2
            self.third = seed
            self.fourth = seed &- XXH64.prime1
        }

        /// Takes in `stripes` times 32 bytes and returns the address after them.
        @inline(__always)
        mutating func consume(stripes: Int, at base: UnsafeRawPointer) -> UnsafeRawPointer {
            var next = base
            // Local copies, so that the loop keeps them in registers.
            var (first, second, third, fourth) = (self.first, self.second, self.third, self.fourth)
            for _ in 0..<stripes {
                first = XXH64.round(first, next.word64(at: 0))
                second = XXH64.round(second, next.word64(at: 8))
                third = XXH64.round(third, next.word64(at: 16))
                fourth = XXH64.round(fourth, next.word64(at: 24))
                next += 32
            }
            (self.first, self.second, self.third, self.fourth) = (first, second, third, fourth)
            return next
        }

        /// The four lanes in one word: step 3 of the specification.
        var merged: UInt64 {
            var word = self.first.rotatedLeft(by: 1) &+ self.second.rotatedLeft(by: 7)
            word = word &+ self.third.rotatedLeft(by: 12) &+ self.fourth.rotatedLeft(by: 18)
            word = (word ^ XXH64.round(0, self.first)) &* XXH64.prime1 &+ XXH64.prime4
            word = (word ^ XXH64.round(0, self.second)) &* XXH64.prime1 &+ XXH64.prime4
            word = (word ^ XXH64.round(0, self.third)) &* XXH64.prime1 &+ XXH64.prime4
            return (word ^ XXH64.round(0, self.fourth)) &* XXH64.prime1 &+ XXH64.prime4
        }
    }

    @inlinable
    @inline(__always)
    static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        (lane &+ word &* Self.prime2).rotatedLeft(by: 31) &* Self.prime1
    }

    /// Takes in the last 0 to 31 bytes and mixes: steps 5 and 6 of the specification.
    @inlinable
    static func finish(_ start: UInt64, tail: UnsafeRawPointer, count: Int) -> UInt64 {
        var hash = start
        var next = tail
        var left = count
        while left >= 8 {
            hash = (hash ^ Self.round(0, next.word64(at: 0))).rotatedLeft(by: 27) &* Self.prime1 &+ Self.prime4
            next += 8
            left &-= 8
        }
        if left >= 4 {
            hash = (hash ^ UInt64(next.word32(at: 0)) &* Self.prime1).rotatedLeft(by: 23) &* Self.prime2 &+ Self.prime3
            next += 4
            left &-= 4
        }
        while left > 0 {
            hash = (hash ^ UInt64(next.byte(at: 0)) &* Self.prime5).rotatedLeft(by: 11) &* Self.prime1
            next += 1
            left &-= 1
        }
        return Self.avalanche(hash)
    }

    @inlinable
    @inline(__always)
    static func avalanche(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ (word &>> 33)) &* Self.prime2
        word = (word ^ (word &>> 29)) &* Self.prime3
        return word ^ (word &>> 32)
    }
}
