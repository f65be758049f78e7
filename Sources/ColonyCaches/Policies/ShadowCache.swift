import Synchronization

/// A small cache of hashes without values, on which a rule is tried.
///
/// - Complexity: O(1) amortized per operation; about 64 bytes per entry.
package final class ShadowCache {
    /// The requests that hit since the last comparison.
    package var hits = 0
    /// The hits before that, older ones counting less.
    package var score = 0.0
    private var queues: BlendedQueues
    private let isExact: Bool
    private var capacity: Int
    private var weight = 0
    /// Nodes from 1 to one below `places`.
    private var nodes: EntryNodes
    private var places: Int
    private var used: EntryIndex = 0
    /// Entries given back, linked by `newer`.
    private var free: EntryIndex = 0
    /// Entries by hash: open addressing, the next free slot if one's own is taken; at most half full.
    private var table: UnsafeMutablePointer<EntryIndex>
    private var mask: Int

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - capacity: In units of weight; from 1.
    ///   - isExact: Whether recency is LRU and not CLOCK.
    package init(_ rule: BlendedQueues.Rule, capacity: Int, isExact: Bool) {
        self.queues = BlendedQueues(rule: rule, capacity: capacity)
        self.isExact = isExact && rule == .recency
        self.capacity = capacity
        self.places = 64
        self.nodes = EntryNodes.allocate(self.places)
        self.mask = 127
        self.table = .allocate(capacity: self.mask + 1)
        self.table.initialize(repeating: 0, count: self.mask + 1)
    }

    deinit {
        self.nodes.deallocate()
        self.table.deallocate()
    }

    /// How many entries it has memory for, for tests.
    package var room: Int { self.places - 1 }

    /// Asks for a key, puts it in if it is not there, and says whether it was.
    ///
    /// - Parameter mayGrow: Whether memory may be allocated. If not, a newcomer for which there is none takes the place of another
    ///   entry; the next one that may grow makes up for it.
    package func access(_ hash: UInt64, weight: UInt32, mayGrow: Bool) -> Bool {
        let nodes = self.nodes
        let slot = self.slot(of: hash)
        let found = self.table[slot]
        if found != 0 {
            if self.isExact {
                self.queues.moveToNewest(found, nodes)
            } else {
                self.queues.raiseMark(found, nodes)
            }
            return true
        }
        guard Int(weight) <= self.capacity else { return false }
        while self.weight + Int(weight) > self.capacity || !mayGrow && self.wouldGrow,
            let victim = self.queues.victim(weight: weight, nodes)
        {
            self.forget(victim)
        }
        self.insert(hash, weight: weight)
        return false
    }

    /// Changes the bound, and gives up what is above it.
    package func resize(to capacity: Int) {
        self.capacity = capacity
        self.queues.resize(to: capacity)
        let nodes = self.nodes
        while self.weight > capacity, let victim = self.queues.victim(weight: 0, nodes) { self.forget(victim) }
    }

    /// Forgets a key.
    package func remove(_ hash: UInt64) {
        let found = self.table[self.slot(of: hash)]
        if found == 0 { return }
        self.queues.remove(found, self.nodes)
        self.forget(found)
    }

    /// Whether the next entry needs more memory than there is.
    private var wouldGrow: Bool { self.queues.wouldGrow || self.free == 0 && Int(self.used) + 1 == self.places }

    private func insert(_ hash: UInt64, weight: UInt32) {
        let entry: EntryIndex
        if self.free != 0 {
            entry = self.free
            self.free = self.nodes[entry].pointee.newer
        } else {
            if Int(self.used) + 1 == self.places { self.grow() }
            self.used += 1
            entry = self.used
        }
        self.nodes.begin(entry, hash: hash, weight: weight)
        self.table[self.slot(of: hash)] = entry
        self.weight += Int(weight)
        self.queues.insert(entry, self.nodes)
    }

    /// Doubles the nodes and the table.
    private func grow() {
        let grown = EntryNodes.allocate(self.places * 2)
        (grown.base + 1).moveInitialize(from: self.nodes.base + 1, count: self.places - 1)
        (grown.marks + 1).moveInitialize(from: self.nodes.marks + 1, count: self.places - 1)
        self.nodes.deallocate()
        self.nodes = grown
        self.places *= 2
        let old = self.table
        let slots = self.mask + 1
        self.mask = slots * 2 - 1
        self.table = .allocate(capacity: slots * 2)
        self.table.initialize(repeating: 0, count: slots * 2)
        for place in 0..<slots where old[place] != 0 {
            self.table[self.slot(of: self.nodes[old[place]].pointee.hash)] = old[place]
        }
        old.deallocate()
    }

    @inline(__always)
    private func home(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash ^ (hash >> 31)) &* 0xD6E8_FEB8_6659_FD93 >> 32) & self.mask
    }

    @inline(__always)
    private func slot(of hash: UInt64) -> Int {
        var slot = self.home(hash)
        while self.table[slot] != 0, self.nodes[self.table[slot]].pointee.hash != hash { slot = (slot + 1) & self.mask }
        return slot
    }

    /// Takes an entry that the queues have forgotten out of the table, and closes the gap.
    private func forget(_ entry: EntryIndex) {
        self.weight -= Int(self.nodes[entry].pointee.weight)
        var gap = self.slot(of: self.nodes[entry].pointee.hash)
        var next = (gap + 1) & self.mask
        while self.table[next] != 0 {
            let home = self.home(self.nodes[self.table[next]].pointee.hash)
            if (next &- home) & self.mask >= (next &- gap) & self.mask {
                self.table[gap] = self.table[next]
                gap = next
            }
            next = (next + 1) & self.mask
        }
        self.table[gap] = 0
        self.nodes[entry].pointee.newer = self.free
        self.free = entry
    }
}
