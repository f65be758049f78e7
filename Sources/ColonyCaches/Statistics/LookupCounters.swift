public import Synchronization

/// Counts of hits and misses, on a cache line for each of sixteen kinds of thread, so that counting does not make threads
/// wait for each other.
//
// `@unchecked Sendable`, because the memory holds atomics only and is freed with the cache alone.
@usableFromInline
struct LookupCounters: @unchecked Sendable {
    @usableFromInline static var stride: Int { 128 }
    @usableFromInline static var count: Int { 16 }
    @usableFromInline let base: UnsafeMutableRawPointer

    init() {
        self.base = .allocate(byteCount: Self.stride * Self.count, alignment: Self.stride)
        self.base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.stride * Self.count)
    }

    func deallocate() { self.base.deallocate() }

    @inlinable
    func counters(_ stripe: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (self.base + (stripe & (Self.count &- 1)) &* Self.stride).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inlinable
    func recordHit(_ stripe: Int) { self.counters(stripe)[0].wrappingAdd(1, ordering: .relaxed) }

    @inlinable
    func recordMiss(_ stripe: Int) { self.counters(stripe)[1].wrappingAdd(1, ordering: .relaxed) }

    func total() -> (hits: UInt64, misses: UInt64) {
        var total = (hits: UInt64(0), misses: UInt64(0))
        for stripe in 0..<Self.count {
            total.hits += self.counters(stripe)[0].load(ordering: .relaxed)
            total.misses += self.counters(stripe)[1].load(ordering: .relaxed)
        }
        return total
    }
}
