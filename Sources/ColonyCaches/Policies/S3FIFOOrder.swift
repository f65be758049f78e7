import Synchronization

/// S3-FIFO: three queues, first in, first out.
///
/// In most traces most keys are asked for once within the time that a cache remembers. A newcomer therefore stands in a *small*
/// queue of a tenth of the room. Who was read more than once while it stood there goes on to the *main* queue; the others
/// leave, and their hashes are remembered as *ghosts*, about as many as the main queue has entries: who comes back as a
/// ghost goes to the main queue at once. The main queue gives those that were read another round, and lowers their mark.
/// A hit only raises the mark, to at most 3.
///
/// - SeeAlso: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023, section 4.
package final class S3FIFOOrder: EvictionOrder {
    private var small = EntryQueue(tag: 1)
    private var main = EntryQueue(tag: 2)
    private var weightless = EntryQueue(tag: EntryQueue.weightlessTag)
    private var ghosts: GhostTable
    private var mainShare: Int
    /// The notes that the ghosts have room for, if the cache may be that large.
    private var remembered = 16

    /// - Parameter capacity: The bound of the cache, in units of weight.
    package init(capacity: Int) {
        self.mainShare = capacity - max(1, capacity / 10)
        self.ghosts = GhostTable(holding: 16)
    }

    package let hitRecording = HitRecording(markLimit: 3, queued: .none)

    /// - Complexity: O(1) amortized: each step beyond the first was paid for by a hit.
    package func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        while !self.small.isEmpty, self.main.weight <= self.mainShare || self.main.isEmpty {
            guard let entry = self.small.removeOldest(nodes) else { break }
            if nodes.mark(entry).pointee.load(ordering: .relaxed) > 1 {
                nodes.mark(entry).pointee.store(0, ordering: .relaxed)
                self.main.append(entry, nodes)
            } else {
                self.ghosts.note(nodes[entry].pointee.hash, window: self.ghostCount)
                return entry
            }
        }
        // Readers may mark as fast as marks are cleared; after the rounds that the highest mark buys, the oldest goes.
        var looks = 4 * self.main.count
        while let entry = self.main.removeOldest(nodes) {
            let mark = nodes.mark(entry).pointee.load(ordering: .relaxed)
            if mark == 0 || looks == 0 { return entry }
            nodes.mark(entry).pointee.store(mark - 1, ordering: .relaxed)
            self.main.append(entry, nodes)
            looks -= 1
        }
        return nil
    }

    /// As many ghosts as the main queue would have entries if it were full.
    private var ghostCount: Int { max(1, (self.small.count + self.main.count) * 9 / 10) }

    package func inserted(_ entry: EntryIndex, _ nodes: EntryNodes) {
        nodes.mark(entry).pointee.store(0, ordering: .relaxed)
        if nodes[entry].pointee.weight == 0 {
            self.weightless.append(entry, nodes)
        } else if self.ghosts.take(nodes[entry].pointee.hash, window: self.ghostCount) {
            self.main.append(entry, nodes)
        } else {
            self.small.append(entry, nodes)
            if self.ghostCount > self.remembered {
                self.remembered = self.ghostCount + self.ghostCount / 4
                self.ghosts.grow(toHold: min(self.remembered, max(16, self.mainShare)))
            }
        }
    }

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {}

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        switch nodes[entry].pointee.queue {
        case self.small.tag: self.small.remove(entry, nodes)
        case self.main.tag: self.main.remove(entry, nodes)
        default: self.weightless.remove(entry, nodes)
        }
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        let mark = nodes.mark(old).pointee.load(ordering: .relaxed)
        if nodes[old].pointee.weight == 0 || nodes[new].pointee.weight == 0 {
            self.removed(old, nodes)
            self.inserted(new, nodes)
        } else if nodes[old].pointee.queue == self.small.tag {
            self.small.replace(old, by: new, nodes)
        } else {
            self.main.replace(old, by: new, nodes)
        }
        nodes.mark(new).pointee.store(min(3, mark + 1), ordering: .relaxed)
    }

    package func resized(to capacity: Int, _ nodes: EntryNodes) {
        self.mainShare = capacity - max(1, capacity / 10)
    }

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        QueueAudit.defect(of: [self.small, self.main, self.weightless], entries: entries, weight: weight, nodes)
    }
}
