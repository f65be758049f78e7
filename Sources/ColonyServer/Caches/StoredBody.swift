import ColonyCaches
import ColonyCore
import NIOCore

/// What the shared cache keeps under a key: the bytes of a body as they came, and what is known of them.
struct StoredBody: Sendable {
    /// What an entry counts beside its bytes: the node, the table, and the buffers that hold them.
    static let overheadBytes = 192

    /// The bytes, in a buffer of their own, so that no network buffer is kept alive by a small part of it.
    let bytes: ByteBuffer
    /// How the writer declared the bytes; `nil` if it did not.
    let contentType: String?
    /// Unlike that of every other write, in this run of the daemon and in earlier ones.
    let version: UInt64
    let storedAt: MonotonicInstant
    /// When the entry ends by itself; `nil` if it stays until room is needed.
    let end: MonotonicInstant?

    /// The version as HTTP has it: a strong entity tag.
    var tag: String { Self.tag(of: self.version) }

    static func tag(of version: UInt64) -> String {
        "\"\(String(version, radix: 16))\""
    }

    /// How long the entry still stays, at least a millisecond; `nil` if it has no end.
    func remaining(at now: MonotonicInstant) -> Duration? {
        self.end.map { max(.milliseconds(1), now.duration(to: $0)) }
    }

    func age(at now: MonotonicInstant) -> Duration {
        max(.zero, self.storedAt.duration(to: now))
    }

    /// What an entry counts against the bound of the cache.
    ///
    /// - Parameter bufferBytes: What the buffer of the value takes: the next power of two.
    static func weight(_ keyBytes: Int, _ bufferBytes: Int, _ contentType: String?) -> Int {
        Self.overheadBytes + keyBytes + bufferBytes + (contentType?.utf8.count ?? 0)
    }

    /// The longest value for which a cache of `bytes` has room, with the longest key and content type; 0 if for none.
    static func longestValue(in bytes: Int) -> Int {
        let room = bytes - Self.overheadBytes - CacheKey.maximumBytes - CacheService.contentTypeBytes
        return room < 1 ? 0 : 1 << (Int.bitWidth - 1 - room.leadingZeroBitCount)
    }
}
