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
    @usableFromInline let heads: UnsafeMutablePointer<Atomic<UInt32>>
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
        heads: UnsafeMutablePointer<Atomic<UInt32>>, bucketMask: Int, nodes: EntryNodes,
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
        var entry = self.heads[Int(truncatingIfNeeded: hash) & self.bucketMask].load(ordering: .acquiring)
        while entry != 0 {
            let node = self.nodes[entry]
            if node.pointee.hash == hash, self.payloads[Int(entry)].key == key { break }
            entry = node.pointee.chain.load(ordering: .acquiring)
        }
        return entry
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
