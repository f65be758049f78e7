/// The block function of ChaCha20, four blocks at a time.
///
/// Each of the sixteen words of the state is a vector of four lanes, one for each block, so that a quarter round is the
/// same twelve vector operations for all four and nothing is shuffled. Baseline vector units of 128 bits suffice.
///
/// - SeeAlso: RFC 8439, section 2.3; D. J. Bernstein, *ChaCha, a variant of Salsa20*, 2008.
package struct ChaCha20 {
    package typealias Lane = SIMD4<UInt32>
    /// 32 bytes, as eight little-endian words.
    package typealias Key = SIMD8<UInt32>

    /// Bytes of one call of ``write(key:counter:nonce:to:)``.
    package static let byteCount = 256

    /// The halves have no bit in common, so their sum is their union. Written as a union the compiler sees a rotation,
    /// for which the baseline has no vector instruction, and takes the vector apart.
    @inline(__always)
    private static func rotated(_ lane: Lane, by count: UInt32) -> Lane {
        (lane &<< Lane(repeating: count)) &+ (lane &>> Lane(repeating: 32 - count))
    }

    @inline(__always)
    private static func quarterRound(_ a: inout Lane, _ b: inout Lane, _ c: inout Lane, _ d: inout Lane) {
        a = a &+ b
        d = Self.rotated(d ^ a, by: 16)
        c = c &+ d
        b = Self.rotated(b ^ c, by: 12)
        a = a &+ b
        d = Self.rotated(d ^ a, by: 8)
        c = c &+ d
        b = Self.rotated(b ^ c, by: 7)
    }

    /// Writes the key stream of the blocks `counter` to `counter + 3`, 256 bytes.
    ///
    /// - Parameters:
    ///   - nonce: 12 bytes, as three little-endian words.
    ///   - output: Room for ``byteCount`` bytes.
    package static func write(
        key: Key, counter: UInt32, nonce: (UInt32, UInt32, UInt32), to output: UnsafeMutableRawPointer
    ) {
        let s0 = Lane(repeating: 0x6170_7865), s1 = Lane(repeating: 0x3320_646E)
        let s2 = Lane(repeating: 0x7962_2D32), s3 = Lane(repeating: 0x6B20_6574)
        let s4 = Lane(repeating: key[0]), s5 = Lane(repeating: key[1])
        let s6 = Lane(repeating: key[2]), s7 = Lane(repeating: key[3])
        let s8 = Lane(repeating: key[4]), s9 = Lane(repeating: key[5])
        let s10 = Lane(repeating: key[6]), s11 = Lane(repeating: key[7])
        let s12 = Lane(repeating: counter) &+ Lane(0, 1, 2, 3)
        let s13 = Lane(repeating: nonce.0), s14 = Lane(repeating: nonce.1), s15 = Lane(repeating: nonce.2)

        var x0 = s0, x1 = s1, x2 = s2, x3 = s3, x4 = s4, x5 = s5, x6 = s6, x7 = s7
        var x8 = s8, x9 = s9, x10 = s10, x11 = s11, x12 = s12, x13 = s13, x14 = s14, x15 = s15
        for _ in 0..<10 {
            Self.quarterRound(&x0, &x4, &x8, &x12)
            Self.quarterRound(&x1, &x5, &x9, &x13)
            Self.quarterRound(&x2, &x6, &x10, &x14)
            Self.quarterRound(&x3, &x7, &x11, &x15)
            Self.quarterRound(&x0, &x5, &x10, &x15)
            Self.quarterRound(&x1, &x6, &x11, &x12)
            Self.quarterRound(&x2, &x7, &x8, &x13)
            Self.quarterRound(&x3, &x4, &x9, &x14)
        }
        Self.store(x0 &+ s0, x1 &+ s1, x2 &+ s2, x3 &+ s3, at: 0, of: output)
        Self.store(x4 &+ s4, x5 &+ s5, x6 &+ s6, x7 &+ s7, at: 1, of: output)
        Self.store(x8 &+ s8, x9 &+ s9, x10 &+ s10, x11 &+ s11, at: 2, of: output)
        Self.store(x12 &+ s12, x13 &+ s13, x14 &+ s14, x15 &+ s15, at: 3, of: output)
    }

    /// Writes four words of each of the four blocks: a transposition of lanes to rows.
    @inline(__always)
    private static func store(
        _ a: Lane, _ b: Lane, _ c: Lane, _ d: Lane, at row: Int, of output: UnsafeMutableRawPointer
    ) {
        for block in 0..<4 {
            let words = Lane(
                a[block].littleEndian, b[block].littleEndian, c[block].littleEndian, d[block].littleEndian)
            output.storeBytes(of: words, toByteOffset: block * 64 + row * 16, as: Lane.self)
        }
    }
}
