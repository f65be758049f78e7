public import ColonyCore
public import Synchronization

/// Who is reading a cache at this moment, so that nothing is freed or used again under a reader's eyes.
///
/// Readers take no lock, so a writer that unlinks an entry cannot know whether a reader still looks at it. Each reader
/// announces itself in a counter for the time of its look-up. The counters stand on cache lines of their own and a thread
/// always uses the same one, so that readers of different threads do not disturb each other.
///
/// What was unlinked may be used again once **every counter has been seen at zero at some time after the unlinking**, not
/// necessarily all at the same time: a reader that could have found the entry had announced itself before the
/// unlinking, so the first zero of its counter after that proves that it has gone; readers that came later cannot find
/// it. This needs one read-modify-write at each end of a look-up and no per-thread registration, unlike epochs
/// (Fraser, "Practical lock-freedom", 2004) and hazard pointers (Michael 2004). The order that the proof leans on is that
/// of sequentially consistent operations: announce, then load the table; unlink, fence, then look at the counter.
///
/// One registry serves all caches of the process. A look-up takes some ten nanoseconds, so that caches hardly notice
/// each other; a thread that is taken off its processor in the middle of a look-up delays freeing until it runs again.
//
// `@unchecked Sendable`, because the memory holds atomics only and is never freed.
@usableFromInline
package struct ReaderRegistry: @unchecked Sendable {
    /// One counter and the rest of its cache lines; two, because processors fetch lines in pairs.
    @usableFromInline static var stride: Int { 128 }
    @usableFromInline static var count: Int { ThreadStripe.count }

    /// Never freed, so that a copy of the struct is always valid.
    @usableFromInline let base: UnsafeMutableRawPointer

    package static let shared = ReaderRegistry()

    private init() {
        self.base = .allocate(byteCount: Self.stride * Self.count, alignment: Self.stride)
        self.base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.stride * Self.count)
    }

    /// The number of the calling thread's counter.
    @inlinable
    package static var stripe: Int { ThreadStripe.current }

    @inlinable
    func counter(_ stripe: Int) -> UnsafeMutablePointer<Atomic<Int>> {
        (self.base + stripe &* Self.stride).assumingMemoryBound(to: Atomic<Int>.self)
    }

    /// Announces a reader; what it loads afterwards stays valid until it has left.
    @inlinable @inline(__always)
    package func enter(_ stripe: Int) {
        self.counter(stripe).pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    @inlinable @inline(__always)
    package func leave(_ stripe: Int) {
        self.counter(stripe).pointee.wrappingSubtract(1, ordering: .releasing)
    }

    /// Drops from `pending`, a bit for each counter, those that are at zero now.
    package func observe(_ pending: inout UInt64) {
        var rest = pending
        while rest != 0 {
            let stripe = rest.trailingZeroBitCount
            rest &= rest &- 1
            if self.counter(stripe).pointee.load(ordering: .sequentiallyConsistent) == 0 {
                pending &= ~(1 << UInt64(stripe))
            }
        }
    }
}
