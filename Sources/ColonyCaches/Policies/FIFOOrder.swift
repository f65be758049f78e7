/// First in, first out.
package final class FIFOOrder: EvictionOrder {
    private var queue = EntryQueue(tag: 1)

    package init() {}

    package let hitRecording = HitRecording(queued: .none)

    package func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        self.queue.removeOldest(nodes)
    }

    package func inserted(_ entry: EntryIndex, _ nodes: EntryNodes) {
        self.queue.append(entry, nodes)
    }

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {}

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        self.queue.remove(entry, nodes)
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        self.queue.replace(old, by: new, nodes)
    }

    package func resized(to capacity: Int, _ nodes: EntryNodes) {}

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        self.queue.count == entries && self.queue.weight == weight
            ? nil : "the queue has \(self.queue.count) entries of weight \(self.queue.weight), not \(entries) of \(weight)"
    }
}
