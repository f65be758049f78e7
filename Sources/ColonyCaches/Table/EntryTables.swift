public import Synchronization

/// The memory of a cache: everything that readers need, published as one pointer.
///
/// A bucket is a chain of entries, linked through their nodes. A reader walks it without a lock. A writer links an entry
/// with one store after it is complete, and takes one out without touching the entry's own link, so that a reader who
/// stands on it finds on. Entries are never moved or changed in place: another value of a key is another entry that takes
/// its predecessor's place in the chain. When the tables grow, they are copied, and readers of the old ones see the state at
/// that moment, in which their look-up took place.
@usableFromInline
struct EntryTables<Key, Value> {
    /// The first entry of each bucket.
    @usableFromInline let heads: UnsafeMutablePointer<Atomic<BucketHead>>
    /// The number of buckets less one; a power of two less one.
    @usableFromInline let bucketMask: Int
    @usableFromInline let nodes: EntryNodes
    @usableFromInline let payloads: UnsafeMutablePointer<EntryPayload<Key, Value>>
    /// Ends of entries; `nil` in a cache where nothing ends.
    @usableFromInline let expiries: UnsafeMutablePointer<EntryExpiry>?
    /// What reading adds to an entry's stay, in nanoseconds; 0 for nothing.
    @usableFromInline let idle: Int64
    @usableFromInline let hitRecording: HitRecording

    @inlinable
    init(
        heads: UnsafeMutablePointer<Atomic<BucketHead>>, bucketMask: Int, nodes: EntryNodes,
        payloads: UnsafeMutablePointer<EntryPayload<Key, Value>>, expiries: UnsafeMutablePointer<EntryExpiry>?,
        idle: Int64, hitRecording: HitRecording
    ) {
        self.heads = heads
        self.bucketMask = bucketMask
        self.nodes = nodes
        self.payloads = payloads
        self.expiries = expiries
        self.idle = idle
        self.hitRecording = hitRecording
    }

    /// The entry of a key; zero if there is none.
    ///
    /// - Complexity: O(1) on average; keys that share a hash are told apart by comparing them.
    @inlinable @inline(__always)
    func find(_ key: Key, _ hash: UInt64) -> EntryIndex where Key: Equatable {
        let head = self.heads[Int(truncatingIfNeeded: hash) & self.bucketMask].load(ordering: .acquiring)
        var entry = head.entry
        // The tag spares the look at the node of the first entry, which most look-ups are for.
        if entry == 0 || head.tag == BucketHead.tag(of: hash) && self.payloads[Int(entry)].key == key { return entry }
        while true {
            entry = self.nodes[entry].pointee.chain.load(ordering: .acquiring)
            if entry == 0 || self.nodes[entry].pointee.hash == hash && self.payloads[Int(entry)].key == key { break }
        }
        return entry
    }
}

/// The first entry of a bucket, and the upper half of its hash.
@frozen
@usableFromInline
struct BucketHead: AtomicRepresentable, BitwiseCopyable {
    @usableFromInline let bits: UInt64

    @inlinable @inline(__always)
    init(_ entry: EntryIndex, hash: UInt64) { self.bits = hash & 0xFFFF_FFFF_0000_0000 | UInt64(entry) }

    @inlinable @inline(__always)
    init(bits: UInt64) { self.bits = bits }

    @inlinable @inline(__always)
    var entry: EntryIndex { EntryIndex(truncatingIfNeeded: self.bits) }

    @inlinable @inline(__always)
    var tag: UInt32 { UInt32(truncatingIfNeeded: self.bits >> 32) }

    @inlinable @inline(__always)
    static func tag(of hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

    @usableFromInline typealias AtomicRepresentation = UInt64.AtomicRepresentation

    @inlinable @inline(__always)
    static func encodeAtomicRepresentation(_ value: consuming Self) -> AtomicRepresentation {
        UInt64.encodeAtomicRepresentation(value.bits)
    }

    @inlinable @inline(__always)
    static func decodeAtomicRepresentation(_ representation: consuming AtomicRepresentation) -> Self {
        Self(bits: UInt64.decodeAtomicRepresentation(representation))
    }
}

/// Key and value of an entry; never changed while anybody may read it.
@usableFromInline
struct EntryPayload<Key, Value> {
    @usableFromInline let key: Key
    @usableFromInline let value: Value

    @inlinable
    init(key: Key, value: Value) {
        self.key = key
        self.value = value
    }
}
