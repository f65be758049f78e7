/// Least recently used: one queue in the order of the last use.
///
/// Every hit has to reach the order, which is its price: a hit that is lost leaves the entry where it was.
package final class LRUOrder: EvictionOrder {
    private var queue = EntryQueue(tag: 1)
    private var weightless = EntryQueue(tag: EntryQueue.weightlessTag)

    package init() {}

    package let hitRecording = HitRecording(queued: .every)

    package func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        self.queue.removeOldest(nodes)
    }

    package func inserted(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.weight == 0 {
            self.weightless.append(entry, nodes)
        } else {
            self.queue.append(entry, nodes)
        }
    }

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.queue == self.queue.tag { self.queue.moveToNewest(entry, nodes) }
    }

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.queue == self.weightless.tag {
            self.weightless.remove(entry, nodes)
        } else {
            self.queue.remove(entry, nodes)
        }
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        self.removed(old, nodes)
        self.inserted(new, nodes)
    }

    package func resized(to capacity: Int, _ nodes: EntryNodes) {}

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        QueueAudit.defect(of: [self.queue, self.weightless], entries: entries, weight: weight, nodes)
    }
}
