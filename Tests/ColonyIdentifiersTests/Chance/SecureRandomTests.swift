import ColonyIdentifiers
import Testing

@Suite struct SecureRandomTests {
    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).map { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return UInt8(digits[start...].prefix(2), radix: 16) ?? 0
        }
    }

    private static func stream(key: ChaCha20.Key, counter: UInt32, nonce: (UInt32, UInt32, UInt32)) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: ChaCha20.byteCount)
        output.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            ChaCha20.write(key: key, counter: counter, nonce: nonce, to: start)
        }
        return output
    }

    /// RFC 8439, section 2.3.2: key 00 01 … 1f, nonce 000000090000004a00000000, block 1.
    @Test func theBlockOfTheStandardComesOut() {
        let key = ChaCha20.Key(
            0x0302_0100, 0x0706_0504, 0x0B0A_0908, 0x0F0E_0D0C, 0x1312_1110, 0x1716_1514, 0x1B1A_1918, 0x1F1E_1D1C)
        let stream = Self.stream(key: key, counter: 1, nonce: (0x0900_0000, 0x4A00_0000, 0))
        let expected = Self.bytes(
            """
            10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e
            d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e
            """)
        #expect(Array(stream.prefix(64)) == expected)
    }

    /// RFC 8439, appendix A.1, vectors 1 and 2: a key of zeros, blocks 0 and 1.
    @Test func theFourBlocksFollowEachOther() {
        let stream = Self.stream(key: ChaCha20.Key(repeating: 0), counter: 0, nonce: (0, 0, 0))
        #expect(
            Array(stream[0..<32])
                == Self.bytes("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"))
        #expect(
            Array(stream[64..<96])
                == Self.bytes("9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"))
        let later = Self.stream(key: ChaCha20.Key(repeating: 0), counter: 3, nonce: (0, 0, 0))
        #expect(Array(stream[192..<256]) == Array(later[0..<64]))
    }

    @Test func bitsAreBalancedAndNothingRepeats() {
        var seen: Set<UInt64> = []
        var ones = 0
        for _ in 0..<200_000 {
            let value = SecureRandom.ofThisThread.pointee.next()
            ones += value.nonzeroBitCount
            seen.insert(value)
        }
        // Two of 200,000 equal 64-bit numbers have a chance of about one in a thousand million.
        #expect(seen.count == 200_000)
        // 12.8 million bits have a standard deviation of 1,789; this is eight of them.
        #expect(abs(ones - 6_400_000) < 14_300, "\(ones)")
    }
}
