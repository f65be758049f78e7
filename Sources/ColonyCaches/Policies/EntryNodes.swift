public import Synchronization

/// The number of an entry's place in the tables of its cache, from 1. Zero stands for no entry.
@usableFromInline
package typealias EntryIndex = UInt32

/// What a cache and its eviction policy keep for each entry beside key and value: 32 bytes, two entries to a cache line.
///
/// Only `chain` is touched by readers, without a lock; everything else belongs to whoever holds the lock of the cache.
@usableFromInline
package struct EntryNode: ~Copyable {
    /// The hash of the key.
    @usableFromInline package var hash: UInt64
    /// The next entry of the same bucket.
    @usableFromInline package let chain: Atomic<UInt32>
    /// Which of its policy's queues the entry stands in, from 1; zero for an entry that stands in none.
    @usableFromInline package var queue: UInt8
    /// For the policy's own use, such as a count of uses.
    @usableFromInline package var tally: UInt16
    /// The neighbour towards the older end of the queue.
    @usableFromInline package var older: EntryIndex
    /// The neighbour towards the newer end of the queue.
    @usableFromInline package var newer: EntryIndex
    /// What the entry counts against the bound of the cache.
    @usableFromInline package var weight: UInt32
    /// For the policy's own use, such as the place of a bucket.
    @usableFromInline package var place: UInt32

    @inlinable
    package init(hash: UInt64, weight: UInt32) {
        self.hash = hash
        self.chain = Atomic(0)
        self.queue = 0
        self.tally = 0
        self.older = 0
        self.newer = 0
        self.weight = weight
        self.place = 0
    }

    /// Takes over everything from a node that readers may be walking over.
    mutating func copy(_ other: UnsafePointer<EntryNode>) {
        self.hash = other.pointee.hash
        self.chain.store(other.pointee.chain.load(ordering: .relaxed), ordering: .relaxed)
        self.queue = other.pointee.queue
        self.tally = other.pointee.tally
        self.older = other.pointee.older
        self.newer = other.pointee.newer
        self.weight = other.pointee.weight
        self.place = other.pointee.place
    }
}

/// The nodes and marks of a cache, by index. A copy is valid until the cache grows, so none is kept beyond a call.
///
/// Marks stand in an array of their own, a byte each. A hit marks its entry and needs nothing else of the node, whose table is the
/// largest of all: this way a hit touches a table that a processor's second-level cache holds.
//
// `@unchecked Sendable`, because a copy is used where the table it points to is known to live: under the lock of the cache,
// or by a reader that has announced itself.
@frozen
@usableFromInline
package struct EntryNodes: @unchecked Sendable {
    @usableFromInline package let base: UnsafeMutablePointer<EntryNode>
    @usableFromInline package let marks: UnsafeMutablePointer<Atomic<UInt8>>

    @inlinable
    package init(base: UnsafeMutablePointer<EntryNode>, marks: UnsafeMutablePointer<Atomic<UInt8>>) {
        self.base = base
        self.marks = marks
    }

    /// Makes room for so many entries, each of which is to be begun; for those who keep tables of their own.
    package static func allocate(_ count: Int) -> EntryNodes {
        EntryNodes(base: .allocate(capacity: count), marks: .allocate(capacity: count))
    }

    /// Frees what ``allocate(_:)`` gave.
    package func deallocate() {
        self.base.deallocate()
        self.marks.deallocate()
    }

    /// How often an entry was read since the policy last looked; it stays at the limit that the policy names.
    @inlinable @inline(__always)
    package func mark(_ index: EntryIndex) -> UnsafeMutablePointer<Atomic<UInt8>> { self.marks + Int(index) }

    /// Begins an entry, unmarked and in no queue.
    @inlinable
    package func begin(_ index: EntryIndex, hash: UInt64, weight: UInt32) {
        (self.base + Int(index)).initialize(to: EntryNode(hash: hash, weight: weight))
        self.mark(index).initialize(to: Atomic(0))
    }

    /// Notes a use of an entry, up to a limit; readers do it without a lock.
    ///
    /// Two readers may raise it to the same number; that costs a fraction of a use and saves a locked instruction.
    @inlinable @inline(__always)
    package func raiseMark(_ index: EntryIndex, limit: UInt8) {
        let mark = self.mark(index)
        let count = mark.pointee.load(ordering: .relaxed)
        if count < limit { mark.pointee.store(count &+ 1, ordering: .relaxed) }
    }

    @inlinable
    package subscript(_ index: EntryIndex) -> UnsafeMutablePointer<EntryNode> {
        @inline(__always) get { self.base + Int(index) }
    }
}

/// A queue of entries, linked through their nodes, from the oldest to the newest.
///
/// - Complexity: Every operation O(1).
@frozen
@usableFromInline
package struct EntryQueue: Sendable {
    /// What `EntryNode.queue` holds for entries of this queue.
    @usableFromInline package let tag: UInt8
    @usableFromInline package private(set) var oldest: EntryIndex = 0
    @usableFromInline package private(set) var newest: EntryIndex = 0
    @usableFromInline package private(set) var count = 0
    /// The sum of the weights.
    @usableFromInline package private(set) var weight = 0

    @usableFromInline
    package init(tag: UInt8) { self.tag = tag }

    @usableFromInline package var isEmpty: Bool { self.oldest == 0 }

    /// Puts an entry that stands in no queue at the newest end.
    @usableFromInline
    package mutating func append(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let node = nodes[entry]
        node.pointee.queue = self.tag
        node.pointee.older = self.newest
        node.pointee.newer = 0
        if self.newest == 0 { self.oldest = entry } else { nodes[self.newest].pointee.newer = entry }
        self.newest = entry
        self.count += 1
        self.weight += Int(node.pointee.weight)
    }

    /// Puts an entry that stands in no queue at the oldest end.
    @usableFromInline
    package mutating func prepend(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let node = nodes[entry]
        node.pointee.queue = self.tag
        node.pointee.older = 0
        node.pointee.newer = self.oldest
        if self.oldest == 0 { self.newest = entry } else { nodes[self.oldest].pointee.older = entry }
        self.oldest = entry
        self.count += 1
        self.weight += Int(node.pointee.weight)
    }

    /// Takes an entry of this queue out of it.
    @usableFromInline
    package mutating func remove(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let node = nodes[entry]
        let (older, newer) = (node.pointee.older, node.pointee.newer)
        if older == 0 { self.oldest = newer } else { nodes[older].pointee.newer = newer }
        if newer == 0 { self.newest = older } else { nodes[newer].pointee.older = older }
        node.pointee.older = 0
        node.pointee.newer = 0
        node.pointee.queue = 0
        self.count -= 1
        self.weight -= Int(node.pointee.weight)
    }

    /// Takes the oldest entry out.
    @usableFromInline
    package mutating func removeOldest(_ nodes: EntryNodes) -> EntryIndex? {
        let entry = self.oldest
        if entry == 0 { return nil }
        self.remove(entry, nodes)
        return entry
    }

    /// Makes an entry of this queue its newest.
    @usableFromInline
    package mutating func moveToNewest(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if self.newest == entry { return }
        self.remove(entry, nodes)
        self.append(entry, nodes)
    }

    /// Gives the place of `old` to `new`, which stands in no queue. The policy's own fields are copied, not the weight.
    @usableFromInline
    package mutating func replace(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        let (from, to) = (nodes[old], nodes[new])
        to.pointee.queue = self.tag
        to.pointee.tally = from.pointee.tally
        to.pointee.place = from.pointee.place
        nodes.mark(new).pointee.store(nodes.mark(old).pointee.load(ordering: .relaxed), ordering: .relaxed)
        to.pointee.older = from.pointee.older
        to.pointee.newer = from.pointee.newer
        if to.pointee.older == 0 { self.oldest = new } else { nodes[to.pointee.older].pointee.newer = new }
        if to.pointee.newer == 0 { self.newest = new } else { nodes[to.pointee.newer].pointee.older = new }
        from.pointee.older = 0
        from.pointee.newer = 0
        from.pointee.queue = 0
        self.weight += Int(to.pointee.weight) - Int(from.pointee.weight)
    }
}
