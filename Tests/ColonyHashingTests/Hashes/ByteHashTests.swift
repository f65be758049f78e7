import ColonyHashing
import Testing

@Suite("Every hash")
struct ByteHashTests {
    @Test("a stream gives the one-shot hash at every split")
    func everySplit() {
        Self.checkSplits(XXH64.self)
        Self.checkSplits(XXH3.self)
    }

    @Test("a stream of random pieces gives the one-shot hash, and can be asked in between")
    func randomPieces() {
        Self.checkPieces(XXH64.self)
        Self.checkPieces(XXH3.self)
    }

    @Test("the address of the bytes makes no difference")
    func unaligned() {
        Self.checkAddresses(XXH64.self)
        Self.checkAddresses(XXH3.self)
        Self.checkAddresses(Murmur3.X86_32.self)
        Self.checkAddresses(Murmur3.X64_128.self)
    }

    @Test("every kind of key is hashed as its bytes")
    func kindsOfKey() {
        Self.checkKinds(XXH64.self)
        Self.checkKinds(XXH3.self)
        Self.checkKinds(Murmur3.X86_32.self)
        Self.checkKinds(Murmur3.X64_128.self)
    }

    @Test("a stream takes every kind of key, and keys without contiguous storage in chunks")
    func streamedKinds() {
        var whole = XXH3()
        var expected: [UInt8] = []
        whole.update("Köln")
        expected += Array("Köln".utf8)
        whole.update(0x0102_0304_0506_0708 as UInt64)
        expected += [8, 7, 6, 5, 4, 3, 2, 1]
        let bytes = sanityBuffer(3_000)
        whole.update(bytes.lazy.map { $0 ^ 1 })
        expected += bytes.map { $0 ^ 1 }
        whole.update(bytes.span)
        expected += bytes
        #expect(whole.finalize() == XXH3.hash(expected))
        #expect(XXH3.hash(bytes.lazy.map { $0 ^ 1 }) == XXH3.hash(bytes.map { $0 ^ 1 }))
    }

    // MARK: Checks

    private static func checkSplits<Hash: StreamingByteHash>(_ hash: Hash.Type) {
        for length in [0, 1, 16, 31, 32, 33, 64, 240, 241, 256, 257, 319, 320, 321, 513, 1024, 1025, 1100, 2113] {
            let key = sanityBuffer(length)
            let expected = Hash.hash(key, seed: 7)
            for split in 0...length {
                var stream = Hash(seed: 7)
                stream.update(Array(key[..<split]))
                stream.update(key[split...])
                #expect(stream.finalize() == expected, "\(hash), length \(length), split at \(split)")
            }
        }
    }

    private static func checkPieces<Hash: StreamingByteHash>(_ hash: Hash.Type) {
        for seed in 0..<200 as Range<UInt64> {
            var chance = SeededChance(state: seed)
            let key = (0..<Int.random(in: 0...4_000, using: &chance)).map { _ in
                UInt8.random(in: 0...255, using: &chance)
            }
            let limit = [8, 70, 300, 1_500].randomElement(using: &chance) ?? 8
            var stream = Hash(seed: 0)
            var position = 0
            while position < key.count {
                let end = min(key.count, position + Int.random(in: 0...limit, using: &chance))
                stream.update(key[position..<end])
                position = end
                if Bool.random(using: &chance) {
                    #expect(stream.finalize() == Hash.hash(key[..<position]), "\(hash), seed \(seed), at \(position)")
                }
            }
            #expect(stream.finalize() == Hash.hash(key), "\(hash), seed \(seed)")
        }
    }

    private static func checkAddresses<Hash: ByteHash>(_ hash: Hash.Type) {
        for length in [0, 1, 3, 5, 8, 11, 16, 17, 40, 63, 130, 240, 241, 300, 1_100] {
            let key = sanityBuffer(length)
            let expected = Hash.hash(key)
            for shift in 1..<16 {
                // Copied, so that the sanitizer sees a read beyond either end.
                let moved = [UInt8](repeating: 0xAA, count: shift) + key
                #expect(Hash.hash(moved[shift...]) == expected, "\(hash), length \(length), moved by \(shift)")
            }
        }
    }

    private static func checkKinds<Hash: ByteHash>(_ hash: Hash.Type) {
        let text = "placement/é/0123456789 and more than fifteen bytes"
        let bytes = Array(text.utf8)
        let expected = Hash.hash(bytes)
        #expect(Hash.hash(text) == expected)
        #expect(Hash.hash(("x" + text).dropFirst()) == expected)
        #expect(Hash.hash(bytes.span) == expected)
        #expect(Hash.hash(ContiguousArray(bytes)) == expected)
        #expect(Hash.hash(bytes.lazy.map { $0 }) == expected)
        #expect(bytes.withUnsafeBytes { Hash.hash($0, seed: 0) } == expected)
        #expect(Hash.hash(UnsafeRawBufferPointer(start: nil, count: 0), seed: 0) == Hash.hash(""))
        #expect(Hash.hash(0x0102 as UInt64) == Hash.hash([2, 1, 0, 0, 0, 0, 0, 0] as [UInt8]))
        #expect(Hash.hash(-2) == Hash.hash([254, 255, 255, 255, 255, 255, 255, 255] as [UInt8]))
        #expect(Hash.hash(text, seed: 1) != expected)
    }
}
