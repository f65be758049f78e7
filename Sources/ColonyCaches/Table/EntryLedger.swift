public import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the writer of a cache keeps by entry number: which are linked, in which order they go, when they end, and which
/// numbers are free. It knows neither keys nor values, so that it is compiled once for all caches.
///
/// All members are used under the lock of the cache only.
@usableFromInline
package final class EntryLedger {
    @usableFromInline let capacity: Int
    let order: any EvictionOrder

    // The same memory that EntryTables publishes.
    @usableFromInline private(set) var heads: UnsafeMutablePointer<Atomic<BucketHead>>
    @usableFromInline private(set) var bucketMask: Int
    @usableFromInline private(set) var nodes: EntryNodes
    @usableFromInline private(set) var expiries: UnsafeMutablePointer<EntryExpiry>?
    /// Odd while the number is taken by an entry that is linked; one more each time this changes.
    @usableFromInline private(set) var generations: UnsafeMutablePointer<UInt32>
    /// How many entry numbers the tables have room for, the unused zero included.
    @usableFromInline private(set) var slots: Int

    private var wheel: TimerWheel
    /// The lowest number that was never used.
    private var unused: UInt32 = 1
    /// Numbers that may be used again, linked by `newer`.
    private var free: EntryIndex = 0
    /// Unlinked entries that readers may still see, linked by `newer`: those that came since the last look at the readers
    /// began, and those that the look is for.
    private var retired: EntryIndex = 0
    private var retiredCount = 0
    private var waiting: EntryIndex = 0
    private var waitingCount = 0
    /// The counters of the registry that were not yet seen at zero since `waiting` was filled.
    private var pending: UInt64 = 0
    /// Old tables that readers may still see; they go with the entries of `retired` and `waiting`.
    private var retiredTables: [RetiredTables] = []
    private var waitingTables: [RetiredTables] = []
    /// How many entries are collected before the readers are looked at.
    private let batch: Int

    @usableFromInline private(set) var count = 0
    @usableFromInline private(set) var weight = 0
    /// How many entries left, by the position of the cause among all.
    private var departures = [UInt64](repeating: 0, count: CacheRemovalCause.allCases.count)

    /// Memory that is no longer published, and how to free it.
    @usableFromInline
    struct RetiredTables {
        let free: () -> Void
    }

    /// - Parameter batch: How many entries may wait before the readers are looked at: more is cheaper, less frees values
    ///   sooner.
    @usableFromInline
    init(capacity: Int, order: any EvictionOrder, slots: Int, hasExpiry: Bool, now: Int64, batch: Int) {
        self.capacity = capacity
        self.order = order
        self.slots = slots
        self.batch = batch
        self.wheel = TimerWheel(now: now)
        (self.heads, self.bucketMask) = Self.buckets(for: slots)
        self.nodes = EntryNodes(base: TableMemory.allocate(slots), marks: TableMemory.allocate(slots))
        self.generations = TableMemory.allocate(slots)
        self.expiries = hasExpiry ? TableMemory.allocate(slots) : nil
    }

    deinit {
        self.memory.free()
        for tables in self.retiredTables + self.waitingTables { tables.free() }
    }

    // MARK: Memory

    private static func buckets(for slots: Int) -> (UnsafeMutablePointer<Atomic<BucketHead>>, mask: Int) {
        // At most half full, so that a chain rarely has a second entry.
        let count = 1 << (Int.bitWidth - (max(slots, 8) * 3 / 2 - 1).leadingZeroBitCount)
        return (TableMemory.allocate(count), count - 1)
    }

    /// The memory that is published now, to be freed when no reader can see it.
    private var memory: Memory {
        Memory(
            heads: self.heads, buckets: self.bucketMask + 1, nodes: self.nodes, generations: self.generations,
            expiries: self.expiries, slots: self.slots)
    }

    private struct Memory {
        let heads: UnsafeMutablePointer<Atomic<BucketHead>>
        let buckets: Int
        let nodes: EntryNodes
        let generations: UnsafeMutablePointer<UInt32>
        let expiries: UnsafeMutablePointer<EntryExpiry>?
        let slots: Int

        func free() {
            TableMemory.free(self.heads, count: self.buckets)
            TableMemory.free(self.nodes.base, count: self.slots)
            TableMemory.free(self.nodes.marks, count: self.slots)
            TableMemory.free(self.generations, count: self.slots)
            if let expiries = self.expiries { TableMemory.free(expiries, count: self.slots) }
        }
    }

    /// Whether ``takeSlot()`` would find a number.
    @usableFromInline
    var hasFreeSlot: Bool { self.free != 0 || Int(self.unused) < self.slots }

    /// How large the tables should become when no number is free.
    @usableFromInline
    var grownSlots: Int { min(self.slots * 2, Int(UInt32.max)) }

    /// Copies everything into larger tables. The caller publishes them and then calls ``retireTables(_:)`` with the old.
    ///
    /// - Returns: What frees the old memory.
    @usableFromInline
    func grow(to slots: Int, hasExpiry: Bool) -> () -> Void {
        let old = self.memory
        self.slots = slots
        (self.heads, self.bucketMask) = Self.buckets(for: slots)
        self.nodes = EntryNodes(base: TableMemory.allocate(slots), marks: TableMemory.allocate(slots))
        self.generations = TableMemory.allocate(slots)
        memcpy(self.generations, old.generations, Int(self.unused) * MemoryLayout<UInt32>.stride)
        // Readers may be writing marks and ends of the old tables; a hit that falls between is lost.
        for entry in 1..<self.unused {
            self.nodes[entry].pointee.copy(old.nodes[entry])
            self.nodes.mark(entry).pointee.store(
                old.nodes.mark(entry).pointee.load(ordering: .relaxed), ordering: .relaxed)
        }
        self.expiries = hasExpiry ? TableMemory.allocate(slots) : nil
        if let present = self.expiries {
            for entry in 1..<Int(self.unused) {
                if let expiries = old.expiries {
                    present[entry].copy(expiries + entry)
                } else {
                    present[entry].setNever()
                }
            }
        }
        for entry in 1..<self.unused where self.isLive(entry) {
            self.link(entry)
        }
        return { old.free() }
    }

    /// Keeps old memory until no reader can see it.
    @usableFromInline
    func retireTables(_ free: @escaping () -> Void) {
        self.retiredTables.append(RetiredTables(free: free))
    }

    // MARK: Entries

    @usableFromInline
    func isLive(_ entry: EntryIndex) -> Bool { self.generations[Int(entry)] & 1 == 1 }

    /// One above the highest entry number that was ever used.
    @usableFromInline
    var end: EntryIndex { self.unused }

    /// A free entry number. Its payload is to be written before it is linked.
    @usableFromInline
    func takeSlot() -> EntryIndex {
        if self.free != 0 {
            let entry = self.free
            self.free = self.nodes[entry].pointee.newer
            return entry
        }
        let entry = self.unused
        precondition(Int(entry) < self.slots, "the tables have no free slot")
        self.unused += 1
        return entry
    }

    private func link(_ entry: EntryIndex) {
        let node = self.nodes[entry]
        let head = self.head(of: node.pointee.hash)
        node.pointee.chain.store(head.pointee.load(ordering: .relaxed).entry, ordering: .relaxed)
        head.pointee.store(BucketHead(entry, hash: node.pointee.hash), ordering: .sequentiallyConsistent)
    }

    private func head(of hash: UInt64) -> UnsafeMutablePointer<Atomic<BucketHead>> {
        self.heads + (Int(truncatingIfNeeded: hash) & self.bucketMask)
    }

    /// Makes whatever points to `entry` point to `other`, which may be zero.
    private func redirect(from entry: EntryIndex, to other: EntryIndex) {
        let head = self.head(of: self.nodes[entry].pointee.hash)
        var next = head.pointee.load(ordering: .relaxed).entry
        if next == entry {
            let hash = other == 0 ? 0 : self.nodes[other].pointee.hash
            head.pointee.store(BucketHead(other, hash: hash), ordering: .sequentiallyConsistent)
            return
        }
        while next != 0 {
            let node = self.nodes[next]
            next = node.pointee.chain.load(ordering: .relaxed)
            if next == entry {
                node.pointee.chain.store(other, ordering: .sequentiallyConsistent)
                return
            }
        }
        preconditionFailure("entry \(entry) is not in its chain")
    }

    private func setUp(_ entry: EntryIndex, hash: UInt64, weight: UInt32, end: Int64, limit: Int64) {
        self.nodes.begin(entry, hash: hash, weight: weight)
        self.generations[Int(entry)] &+= 1
        guard let expiries = self.expiries else { return }
        let expiry = expiries + Int(entry)
        expiry.pointee.end.store(end, ordering: .relaxed)
        expiry.pointee.limit = limit
        self.wheel.insert(entry, expiries)
    }

    /// Links a new entry.
    @usableFromInline
    func insert(_ entry: EntryIndex, hash: UInt64, weight: UInt32, end: Int64, limit: Int64) {
        self.setUp(entry, hash: hash, weight: weight, end: end, limit: limit)
        self.count += 1
        self.weight += Int(weight)
        self.order.inserted(entry, self.nodes)
        self.link(entry)
    }

    /// Links `new` where `old` was: the same key with another value.
    @usableFromInline
    func replace(_ old: EntryIndex, by new: EntryIndex, weight: UInt32, end: Int64, limit: Int64) {
        let node = self.nodes[old]
        self.setUp(new, hash: node.pointee.hash, weight: weight, end: end, limit: limit)
        self.weight += Int(weight) - Int(node.pointee.weight)
        self.order.replaced(old, by: new, self.nodes)
        self.nodes[new].pointee.chain.store(node.pointee.chain.load(ordering: .relaxed), ordering: .relaxed)
        self.redirect(from: old, to: new)
        self.retire(old)
    }

    /// Unlinks an entry that the order still knows.
    @usableFromInline
    func remove(_ entry: EntryIndex) {
        self.order.removed(entry, self.nodes)
        self.unlink(entry)
    }

    private func unlink(_ entry: EntryIndex) {
        let node = self.nodes[entry]
        self.count -= 1
        self.weight -= Int(node.pointee.weight)
        let next = node.pointee.chain.load(ordering: .relaxed)
        self.redirect(from: entry, to: next)
        self.retire(entry)
    }

    private func retire(_ entry: EntryIndex) {
        if let expiries = self.expiries { self.wheel.remove(entry, expiries) }
        self.generations[Int(entry)] &+= 1
        let node = self.nodes[entry]
        node.pointee.queue = 0
        node.pointee.newer = self.retired
        self.retired = entry
        self.retiredCount += 1
    }

    /// Counts an entry that left.
    @usableFromInline
    func countRemoval(_ cause: CacheRemovalCause) { self.departures[cause.position] &+= 1 }

    /// How many entries left, by cause; causes that never came up are left out.
    var removals: [CacheRemovalCause: UInt64] {
        var removals: [CacheRemovalCause: UInt64] = [:]
        for cause in CacheRemovalCause.allCases where self.departures[cause.position] > 0 {
            removals[cause] = self.departures[cause.position]
        }
        return removals
    }

    /// Numbers whose payload exists: of live entries and of those that readers may still see.
    func occupiedSlots() -> [EntryIndex] {
        var slots = (1..<self.unused).filter { self.isLive($0) }
        for first in [self.retired, self.waiting] {
            var entry = first
            while entry != 0 {
                slots.append(entry)
                entry = self.nodes[entry].pointee.newer
            }
        }
        return slots
    }

    // MARK: Room and time

    /// Whether an entry of this weight needs room that is not there.
    @usableFromInline
    func needsRoom(for weight: UInt32) -> Bool { self.weight + Int(weight) > self.capacity }

    /// Unlinks the entry that the policy gives up; zero if it gives up none.
    @usableFromInline
    func evict(for hash: UInt64, weight: UInt32) -> EntryIndex {
        guard let entry = self.order.victim(for: hash, weight: weight, self.nodes) else { return 0 }
        self.unlink(entry)
        return entry
    }

    /// Unlinks an entry whose time is over; zero if there is none.
    @usableFromInline
    func expire(at now: Int64) -> EntryIndex {
        guard let expiries = self.expiries, let entry = self.wheel.popExpired(at: now, expiries) else { return 0 }
        self.remove(entry)
        return entry
    }

    /// When the next entry may end; `nil` if none does.
    @usableFromInline
    var nextWake: Int64? { self.wheel.nextWake }

    /// Tells the order of hits that were queued.
    @usableFromInline
    func replay(_ hits: HitQueue) {
        hits.drain { entry in
            // Between the hit and now the entry may have gone, and its number may be another's.
            if entry < self.unused, self.isLive(entry) { self.order.hit(entry, self.nodes) }
        }
    }

    // MARK: Readers

    /// Whether it is time to look at the readers.
    @usableFromInline
    var shouldReclaim: Bool {
        self.retiredCount >= self.batch || self.waitingCount > 0 && self.batch == 1
            || !self.retiredTables.isEmpty || !self.waitingTables.isEmpty
    }

    @usableFromInline
    var hasRetired: Bool { self.retired != 0 || self.waiting != 0 }

    /// Looks at the readers once.
    ///
    /// - Returns: The first of the entries that nobody sees any longer, linked by `newer`; zero if readers are still
    ///   there or nothing waits. Their payloads are to be destroyed and the list given to ``release(_:)``.
    @usableFromInline
    func reclaim(_ tables: inout [RetiredTables]) -> EntryIndex {
        if self.waiting == 0, self.waitingTables.isEmpty {
            self.waiting = self.retired
            self.waitingCount = self.retiredCount
            swap(&self.waitingTables, &self.retiredTables)
            self.retired = 0
            self.retiredCount = 0
            self.pending = ~0
            // Orders the unlinking before the look; the counterpart is in ReaderRegistry.enter.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        }
        ReaderRegistry.shared.observe(&self.pending)
        if self.pending != 0 { return 0 }
        let first = self.waiting
        self.waiting = 0
        self.waitingCount = 0
        if !self.waitingTables.isEmpty {
            tables += self.waitingTables
            self.waitingTables = []
        }
        return first
    }

    /// Makes a list of entries free, whose payloads are destroyed.
    @usableFromInline
    func release(_ first: EntryIndex) {
        var entry = first
        while entry != 0 {
            let next = self.nodes[entry].pointee.newer
            self.nodes[entry].pointee.newer = self.free
            self.free = entry
            entry = next
        }
    }

    /// Entries that wait for readers to go.
    @usableFromInline
    var limbo: Int { self.retiredCount + self.waitingCount }

    // MARK: Audit

    /// How many entries the fullest bucket has.
    var longestChain: Int {
        (0...self.bucketMask).reduce(0) { longest, bucket in
            var (length, entry) = (0, self.heads[bucket].load(ordering: .relaxed).entry)
            while entry != 0 {
                length += 1
                entry = self.nodes[entry].pointee.chain.load(ordering: .relaxed)
            }
            return max(longest, length)
        }
    }

    /// What is wrong with the structure, for tests; `nil` if nothing is.
    ///
    /// - Complexity: O(*n*).
    package func defect() -> String? {
        if self.weight > self.capacity { return "weight \(self.weight) is above the capacity \(self.capacity)" }
        var live = 0
        var weight = 0
        for entry in 1..<self.unused where self.isLive(entry) {
            live += 1
            weight += Int(self.nodes[entry].pointee.weight)
        }
        if live != self.count { return "\(live) entries are live, \(self.count) are counted" }
        if weight != self.weight { return "live entries weigh \(weight), \(self.weight) is counted" }
        var linked = 0
        for bucket in 0...self.bucketMask {
            var entry = self.heads[bucket].load(ordering: .relaxed).entry
            while entry != 0 {
                linked += 1
                if linked > live { return "chains hold more than the \(live) live entries" }
                if !self.isLive(entry) { return "entry \(entry) is linked and not live" }
                entry = self.nodes[entry].pointee.chain.load(ordering: .relaxed)
            }
        }
        if linked != live { return "\(linked) entries are linked, \(live) are live" }
        var unused = 0
        for first in [self.free, self.retired, self.waiting] {
            var entry = first
            while entry != 0 {
                if self.isLive(entry) { return "entry \(entry) is live and on a list of the dead" }
                unused += 1
                entry = self.nodes[entry].pointee.newer
            }
        }
        if unused + live != Int(self.unused) - 1 {
            return "\(live) live and \(unused) free entries do not make \(self.unused - 1)"
        }
        return self.order.defect(entries: live, weight: weight, self.nodes)
    }
}
