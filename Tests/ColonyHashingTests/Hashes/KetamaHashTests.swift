import ColonyHashing
import Testing

@Suite("The words of Ketama")
struct KetamaHashTests {
    @Test("the words are those of the digests of RFC 1321, from the lowest byte")
    func digests() {
        // RFC 1321, A.5: MD5("") = d41d8cd98f00b204e9800998ecf8427e, MD5("abc") = 900150983cd24fb0d6963f7d28e17f72.
        #expect(KetamaHash.words(of: "") == SIMD4(0xD98C_1DD4, 0x04B2_008F, 0x9809_80E9, 0x7E42_F8EC))
        #expect(KetamaHash.words(of: "abc") == SIMD4(0x9850_0190, 0xB04F_D23C, 0x7D3F_96D6, 0x727F_E128))
        #expect(Array("abc".utf8).withUnsafeBytes { KetamaHash.words(of: $0) } == KetamaHash.words(of: "abc"))
    }
}
