public import Synchronization

/// Hits that wait until somebody holds the lock and tells the eviction order of them.
///
/// Each thread appends to a buffer of its own kind, chosen by its number; a full buffer that nobody drains loses hits,
/// which costs a little of the hit ratio and never a value. A single thread loses none, because its own writes and its
/// own full buffers drain before anything is decided. (Caffeine's read buffer, Manes; BP-Wrapper, Ding, Jiang, Zhang, ICDE
/// 2009.)
//
// `@unchecked Sendable`, because the memory holds atomics only and is freed with the cache alone.
@usableFromInline
package struct HitQueue: @unchecked Sendable {
    @usableFromInline static var capacity: Int { 63 }
    @usableFromInline static var stride: Int { 256 }
    @usableFromInline static var count: Int { 16 }

    /// For each stripe: how many were appended since the last drain, and the entries themselves. 64 words of 32 bits.
    @usableFromInline let base: UnsafeMutableRawPointer

    package init() {
        let bytes = Self.stride * Self.count + Self.stride
        self.base = .allocate(byteCount: bytes, alignment: 128)
        self.base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }

    package func deallocate() { self.base.deallocate() }

    @inlinable
    func words(_ stripe: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        (self.base + stripe &* Self.stride).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// A bit for each stripe that has something.
    @inlinable
    var filled: UnsafeMutablePointer<Atomic<UInt32>> { self.words(Self.count) }

    /// Appends a hit.
    ///
    /// - Returns: Whether the buffer is full now, so that the caller should try to drain.
    @inlinable @inline(__always)
    package func append(_ entry: EntryIndex, _ thread: Int) -> Bool {
        let stripe = thread & (Self.count &- 1)
        let words = self.words(stripe)
        let position = words[0].wrappingAdd(1, ordering: .relaxed).oldValue
        if position >= UInt32(Self.capacity) { return position & 63 == 0 }
        words[Int(position) &+ 1].store(entry, ordering: .releasing)
        if position == 0 {
            self.filled.pointee.bitwiseOr(1 << UInt32(stripe), ordering: .releasing)
        }
        return position == UInt32(Self.capacity) &- 1
    }

    /// Whether a drain would find anything.
    @inlinable
    package var hasHits: Bool { self.filled.pointee.load(ordering: .relaxed) != 0 }

    /// Hands every hit to `body`, those of one thread in their order.
    package func drain(_ body: (EntryIndex) -> Void) {
        var rest = self.filled.pointee.exchange(0, ordering: .acquiring)
        while rest != 0 {
            let stripe = rest.trailingZeroBitCount
            rest &= rest &- 1
            let words = self.words(stripe)
            let count = min(Int(words[0].load(ordering: .acquiring)), Self.capacity)
            for position in 1..<(count + 1) {
                // A reader that has taken its position and not yet stored leaves a zero; its hit is lost.
                let entry = words[position].exchange(0, ordering: .acquiring)
                if entry != 0 { body(entry) }
            }
            words[0].store(0, ordering: .releasing)
        }
    }
}
