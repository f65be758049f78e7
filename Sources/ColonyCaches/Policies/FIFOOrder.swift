/// First in, first out.
package final class FIFOOrder: EvictionOrder {
    private var queue = EntryQueue(tag: 1)
    private var weightless = EntryQueue(tag: EntryQueue.weightlessTag)

    package init() {}

    package let hitRecording = HitRecording(queued: .none)

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

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {}

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.queue == self.weightless.tag {
            self.weightless.remove(entry, nodes)
        } else {
            self.queue.remove(entry, nodes)
        }
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        if nodes[old].pointee.weight == 0 || nodes[new].pointee.weight == 0 {
            self.removed(old, nodes)
            self.inserted(new, nodes)
        } else {
            self.queue.replace(old, by: new, nodes)
        }
    }

    package func resized(to capacity: Int, _ nodes: EntryNodes) {}

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        QueueAudit.defect(of: [self.queue, self.weightless], entries: entries, weight: weight, nodes)
    }
}
