import Synchronization

/// SIEVE: a queue in the order of insertion, and a hand that passes over it from old to new.
///
/// LRU moves an entry at each hit, which needs the lock, and it gives a newcomer that is never read again as long a stay
/// as any other. SIEVE moves nothing: a hit only marks the entry. When room is needed, the hand clears marks until it
/// comes to an entry without one, takes that, and stays there. Entries behind the hand have survived a round;
/// newcomers enter before it and are soon looked at, so those that nobody reads leave early.
///
/// Without ghosts or counts it has no parameter, so two implementations agree to the last hit.
///
/// - SeeAlso: Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is Simpler than LRU", NSDI 2024, algorithm 1.
package final class SIEVEOrder: EvictionOrder {
    private var queue = EntryQueue(tag: 1)
    private var weightless = EntryQueue(tag: EntryQueue.weightlessTag)
    /// The entry to look at next; zero for the oldest.
    private var hand: EntryIndex = 0

    package init() {}

    package let hitRecording = HitRecording(markLimit: 1, queued: .none)

    /// - Complexity: O(1) amortized: each mark that is cleared was paid for by a hit.
    package func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        if self.queue.isEmpty { return nil }
        var entry = self.hand == 0 ? self.queue.oldest : self.hand
        // Readers may mark as fast as the hand clears; after one round the next entry goes, marked or not.
        var looks = self.queue.count
        while looks > 0, nodes.mark(entry).pointee.load(ordering: .relaxed) != 0 {
            nodes.mark(entry).pointee.store(0, ordering: .relaxed)
            entry = nodes[entry].pointee.newer
            if entry == 0 { entry = self.queue.oldest }
            looks -= 1
        }
        self.hand = nodes[entry].pointee.newer
        self.queue.remove(entry, nodes)
        return entry
    }

    package func inserted(_ entry: EntryIndex, _ nodes: EntryNodes) {
        nodes.mark(entry).pointee.store(0, ordering: .relaxed)
        if nodes[entry].pointee.weight == 0 {
            self.weightless.append(entry, nodes)
        } else {
            self.queue.append(entry, nodes)
        }
    }

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {}

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.queue == self.weightless.tag {
            self.weightless.remove(entry, nodes)
        } else {
            if self.hand == entry { self.hand = nodes[entry].pointee.newer }
            self.queue.remove(entry, nodes)
        }
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        if nodes[old].pointee.weight == 0 || nodes[new].pointee.weight == 0 {
            self.removed(old, nodes)
            self.inserted(new, nodes)
        } else {
            self.queue.replace(old, by: new, nodes)
            if self.hand == old { self.hand = new }
        }
        nodes.mark(new).pointee.store(1, ordering: .relaxed)
    }

    package func resized(to capacity: Int, _ nodes: EntryNodes) {}

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        if self.hand != 0, nodes[self.hand].pointee.queue != self.queue.tag {
            return "the hand points at entry \(self.hand), which stands in queue \(nodes[self.hand].pointee.queue)"
        }
        return QueueAudit.defect(of: [self.queue, self.weightless], entries: entries, weight: weight, nodes)
    }
}
