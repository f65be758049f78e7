extension EntryQueue {
    /// The tag of the queue, in every order, of entries without weight: giving one up makes no room, so none is chosen.
    package static let weightlessTag: UInt8 = 255
}

/// Checks of queues that all orders share, for tests.
package enum QueueAudit {
    /// Says what is wrong with queues that together hold so many entries of so much weight; `nil` if nothing is.
    ///
    /// - Complexity: O(*n*).
    package static func defect(of queues: [EntryQueue], entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        for queue in queues {
            if let defect = Self.defect(of: queue, nodes) { return defect }
        }
        let count = queues.reduce(0) { $0 + $1.count }
        let sum = queues.reduce(0) { $0 + $1.weight }
        return count == entries && sum == weight
            ? nil : "the queues hold \(count) entries of weight \(sum), not \(entries) of \(weight)"
    }

    /// Walks a queue from old to new and compares its links, tags, and sums.
    private static func defect(of queue: EntryQueue, _ nodes: EntryNodes) -> String? {
        var (count, weight, last, entry) = (0, 0, EntryIndex(0), queue.oldest)
        while entry != 0 {
            let node = nodes[entry]
            if node.pointee.queue != queue.tag {
                return "entry \(entry) stands in queue \(queue.tag) and says \(node.pointee.queue)"
            }
            if node.pointee.older != last {
                return "entry \(entry) of queue \(queue.tag) comes after \(last) and says \(node.pointee.older)"
            }
            if (node.pointee.weight == 0) != (queue.tag == EntryQueue.weightlessTag) {
                return "entry \(entry) of weight \(node.pointee.weight) stands in queue \(queue.tag)"
            }
            count += 1
            weight += Int(node.pointee.weight)
            if count > queue.count { return "queue \(queue.tag) is longer than its count of \(queue.count)" }
            last = entry
            entry = node.pointee.newer
        }
        if last != queue.newest { return "queue \(queue.tag) ends with \(last), not with \(queue.newest)" }
        return count == queue.count && weight == queue.weight
            ? nil
            : "queue \(queue.tag) has \(count) entries of weight \(weight), and says \(queue.count) of \(queue.weight)"
    }
}
