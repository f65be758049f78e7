public import Synchronization

/// When an entry ends, in nanoseconds of the cache's clock, and where it stands in the ``TimerWheel``.
@usableFromInline
package struct EntryExpiry: ~Copyable {
    @usableFromInline static var never: Int64 { .max }

    /// The end. Readers move it, without a lock, where reading prolongs the stay.
    @usableFromInline let end: Atomic<Int64>
    /// The end that reading cannot pass.
    @usableFromInline var limit: Int64
    var earlier: EntryIndex
    var later: EntryIndex
    /// The bucket of the wheel; ``TimerWheel/none`` for an entry in none.
    var bucket: UInt16

    /// Takes over everything from a record whose end readers may be moving.
    mutating func copy(_ other: UnsafePointer<EntryExpiry>) {
        self.end.store(other.pointee.end.load(ordering: .relaxed), ordering: .relaxed)
        self.limit = other.pointee.limit
        self.earlier = other.pointee.earlier
        self.later = other.pointee.later
        self.bucket = other.pointee.bucket
    }

    /// Makes this the record of an entry without an end.
    mutating func setNever() {
        self.end.store(Self.never, ordering: .relaxed)
        self.limit = Self.never
        self.bucket = TimerWheel.none
    }
}
