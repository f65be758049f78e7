#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension UUID {
    /// A random UUID, version 4: 122 bits of chance.
    ///
    /// The bits come from ChaCha20 with fast key erasure, seeded by the kernel, one stream for each thread; a forked
    /// child seeds anew. They are fit for tokens that must not be guessed.
    ///
    /// - Complexity: O(1), no lock, no system call but for seeding; nothing is allocated but the first time in a thread.
    /// - SeeAlso: RFC 9562, sections 5.4 and 6.9.
    public static func v4() -> UUID {
        let random = SecureRandom.ofThisThread
        return UUID(
            high: random.pointee.next() & ~0xF000 | 0x4000,
            low: random.pointee.next() & ~(0b11 << 62) | 0b10 << 62)
    }

    /// A UUID that begins with the time, version 7, greater than every other that this process has got from here.
    ///
    /// - Complexity: O(1), no lock. See ``UUIDv7Generator``.
    /// - SeeAlso: RFC 9562, sections 5.7 and 6.2.
    public static func v7() -> UUID {
        UUIDv7Generator.shared.next()
    }
}
