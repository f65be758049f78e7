internal import Crypto

/// The numbers that Ketama clients take from MD5.
///
/// Ketama, the consistent hashing of memcached clients, places four points of a server on the circle for each digest: the
/// 16 bytes of the MD5 of a label, read as four little-endian words. A key goes to the first of them. MD5 is broken as a
/// cryptographic hash and slow as any other; it is used because clients in other languages use it, and keys must land
/// on the servers on which those look for them.
///
/// # References
/// 1. Richard Jones, *libketama*, 2007: `ketama_md5_digest` and `ketama_create_continuum`.
/// 2. libmemcached, `libmemcached/hosts.cc`: `update_continuum` and `ketama_server_hash`.
/// 3. R. Rivest, *The MD5 Message-Digest Algorithm*, RFC 1321.
package enum KetamaHash {
    /// The four words of the MD5 of the UTF-8 bytes of `label`, in the order of the digest.
    ///
    /// - Complexity: O(*n*) in the number of bytes; some hundreds of nanoseconds for a label.
    package static func words(of label: String) -> SIMD4<UInt32> {
        var label = label
        return label.withUTF8 { Self.words(of: UnsafeRawBufferPointer($0)) }
    }

    /// The four words of the MD5 of `bytes`, in the order of the digest.
    ///
    /// - Complexity: O(*n*) in the number of bytes.
    package static func words(of bytes: UnsafeRawBufferPointer) -> SIMD4<UInt32> {
        var function = Insecure.MD5()
        function.update(bufferPointer: bytes)
        return function.finalize().withUnsafeBytes { digest in
            guard let base = digest.baseAddress, digest.count == 16 else {
                preconditionFailure("an MD5 digest has 16 bytes, not \(digest.count)")
            }
            return SIMD4(base.word32(at: 0), base.word32(at: 4), base.word32(at: 8), base.word32(at: 12))
        }
    }
}
