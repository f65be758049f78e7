/// MurmurHash3, kept for the systems that already place data with it: Cassandra's partitioner, Elasticsearch's routing,
/// Guava, many Bloom filters. For new data, ``XXH3`` is faster at every length.
///
/// Of the three functions with this name the two in use are here: ``X86_32`` with a result of 32 bits, and ``X64_128``
/// with one of 128. (`x86_128` gives other numbers than `x64_128`; "Murmur3-128" nearly always means the latter.)
///
/// # References
/// 1. Austin Appleby, *MurmurHash3.cpp*, in SMHasher. <https://github.com/aappleby/smhasher>
///
/// - Important: Not for use against adversaries: keys that collide under every seed have been published
///   (Aumasson and Bernstein, 2012).
public enum Murmur3 {
    /// MurmurHash3_x86_32: a result of 32 bits, over words of four bytes.
    ///
    /// A hash of 32 bits repeats after some 77,000 keys with an even chance. It is good for choosing among places, and not
    /// for telling keys apart.
    public enum X86_32: ByteHash {
        /// The MurmurHash3_x86_32 of `bytes`.
        ///
        /// - Parameters:
        ///   - bytes: The key, of any length and at any alignment. May be empty. Of a length above 2³² only the low 32
        ///     bits enter the result, as in the original.
        ///   - seed: Which function of the family; zero is the usual choice.
        /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
        /// - SeeAlso: `MurmurHash3_x86_32` in the original.
        public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
            guard let base = bytes.baseAddress else { return Self.finish(seed) }
            var hash = seed
            let whole = bytes.count & ~3
            var offset = 0
            while offset < whole {
                hash = (hash ^ Self.mixed(base.word32(at: offset))).rotatedLeft(by: 13) &* 5 &+ 0xE654_6B64
                offset &+= 4
            }
            var tail: UInt32 = 0
            var shift: UInt32 = 0
            while offset < bytes.count {
                tail |= UInt32(base.byte(at: offset)) &<< shift
                shift &+= 8
                offset &+= 1
            }
            // An empty tail is zero, and zero mixes to zero.
            hash ^= Self.mixed(tail)
            return Self.finish(hash ^ UInt32(truncatingIfNeeded: bytes.count))
        }

        @inline(__always)
        private static func mixed(_ word: UInt32) -> UInt32 {
            (word &* 0xCC9E_2D51).rotatedLeft(by: 15) &* 0x1B87_3593
        }

        @inline(__always)
        private static func finish(_ word: UInt32) -> UInt32 {
            var hash = word
            hash = (hash ^ (hash &>> 16)) &* 0x85EB_CA6B
            hash = (hash ^ (hash &>> 13)) &* 0xC2B2_AE35
            return hash ^ (hash &>> 16)
        }
    }

    /// MurmurHash3_x64_128: a result of 128 bits, over pairs of words of eight bytes.
    ///
    /// The low half of the result is the original's first word (`h1`), the high half its second. A system that keeps 64
    /// bits of it takes the first word: `UInt64(truncatingIfNeeded: Murmur3.X64_128.hash(key))`.
    public enum X64_128: ByteHash {
        /// The MurmurHash3_x64_128 of `bytes`.
        ///
        /// - Parameters:
        ///   - bytes: The key, of any length and at any alignment. May be empty.
        ///   - seed: Which function of the family; zero is the usual choice. Both halves start from it.
        /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
        /// - SeeAlso: `MurmurHash3_x64_128` in the original. Cassandra's own version treats the bytes of an unfinished
        ///   word as signed, and so differs for keys outside ASCII.
        public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt128 {
            var first = UInt64(seed)
            var second = UInt64(seed)
            guard let base = bytes.baseAddress else { return Self.finish(first, second) }
            let whole = bytes.count & ~15
            var offset = 0
            while offset < whole {
                first ^= Self.mixedFirst(base.word64(at: offset))
                first = (first.rotatedLeft(by: 27) &+ second) &* 5 &+ 0x52DC_E729
                second ^= Self.mixedSecond(base.word64(at: offset &+ 8))
                second = (second.rotatedLeft(by: 31) &+ first) &* 5 &+ 0x3849_5AB5
                offset &+= 16
            }
            var low: UInt64 = 0
            var high: UInt64 = 0
            for index in 0..<(bytes.count &- whole) {
                let byte = UInt64(base.byte(at: whole &+ index))
                if index < 8 {
                    low |= byte &<< UInt64(truncatingIfNeeded: index &* 8)
                } else {
                    high |= byte &<< UInt64(truncatingIfNeeded: (index &- 8) &* 8)
                }
            }
            // An empty tail is zero, and zero mixes to zero.
            first ^= Self.mixedFirst(low)
            second ^= Self.mixedSecond(high)
            let count = UInt64(truncatingIfNeeded: bytes.count)
            return Self.finish(first ^ count, second ^ count)
        }

        @inline(__always)
        private static func mixedFirst(_ word: UInt64) -> UInt64 {
            (word &* 0x87C3_7B91_1142_53D5).rotatedLeft(by: 31) &* 0x4CF5_AD43_2745_937F
        }

        @inline(__always)
        private static func mixedSecond(_ word: UInt64) -> UInt64 {
            (word &* 0x4CF5_AD43_2745_937F).rotatedLeft(by: 33) &* 0x87C3_7B91_1142_53D5
        }

        @inline(__always)
        private static func finish(_ first: UInt64, _ second: UInt64) -> UInt128 {
            var first = first &+ second
            var second = second &+ first
            first = Self.avalanche(first)
            second = Self.avalanche(second)
            first &+= second
            second &+= first
            return UInt128(second) &<< 64 | UInt128(first)
        }

        @inline(__always)
        private static func avalanche(_ word: UInt64) -> UInt64 {
            var hash = word
            hash = (hash ^ (hash &>> 33)) &* 0xFF51_AFD7_ED55_8CCD
            hash = (hash ^ (hash &>> 33)) &* 0xC4CE_B9FE_1A85_EC53
            return hash ^ (hash &>> 33)
        }
    }
}
