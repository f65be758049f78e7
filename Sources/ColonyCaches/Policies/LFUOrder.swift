/// Least frequently used, in constant time.
///
/// A heap by count of uses costs O(log *n*) at each hit. Here the entries of equal count share a bucket, a queue in the
/// order of the last use, and the buckets form a list by count. A hit moves an entry to the next bucket, which is made if
/// the next one's count is not one more; the victim is the oldest entry of the first bucket.
///
/// Counts never age: what was once read often stays until it is outdone, which is what the policy means and why it is
/// not the default.
///
/// - SeeAlso: Shah, Mitra, Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme", 2010.
package final class LFUOrder: EvictionOrder {
    private struct Bucket {
        var uses: Int
        var queue: EntryQueue
        /// The neighbours by count, or the next free bucket in `higher`; zero for none.
        var lower: UInt32
        var higher: UInt32
    }

    /// The first is none, so that zero can stand for no bucket. `EntryNode.place` says where an entry is.
    private var buckets = [Bucket(uses: 0, queue: EntryQueue(tag: 1), lower: 0, higher: 0)]
    private var lowest: UInt32 = 0
    private var free: UInt32 = 0
    private var weightless = EntryQueue(tag: EntryQueue.weightlessTag)

    package init() {}

    package let hitRecording = HitRecording(queued: .every)

    package func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        if self.lowest == 0 { return nil }
        let entry = self.buckets[Int(self.lowest)].queue.oldest
        self.take(entry, nodes)
        return entry
    }

    package func inserted(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.weight == 0 {
            self.weightless.append(entry, nodes)
        } else {
            self.put(entry, self.bucket(uses: 1, after: 0), nodes)
        }
    }

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {
        guard nodes[entry].pointee.queue == 1 else { return }
        let place = nodes[entry].pointee.place
        let uses = self.buckets[Int(place)].uses
        let target = self.bucket(uses: uses + 1, after: place)
        self.take(entry, nodes)
        self.put(entry, target, nodes)
    }

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.queue == self.weightless.tag {
            self.weightless.remove(entry, nodes)
        } else {
            self.take(entry, nodes)
        }
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        if nodes[old].pointee.weight == 0 || nodes[new].pointee.weight == 0 {
            self.removed(old, nodes)
            self.inserted(new, nodes)
        } else {
            self.buckets[Int(nodes[old].pointee.place)].queue.replace(old, by: new, nodes)
            self.hit(new, nodes)
        }
    }

    package func resized(to capacity: Int, _ nodes: EntryNodes) {}

    // MARK: Buckets

    private func put(_ entry: EntryIndex, _ place: UInt32, _ nodes: EntryNodes) {
        nodes[entry].pointee.place = place
        self.buckets[Int(place)].queue.append(entry, nodes)
    }

    /// Takes an entry out, and its bucket too if it was the last one there.
    private func take(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let place = Int(nodes[entry].pointee.place)
        self.buckets[place].queue.remove(entry, nodes)
        if self.buckets[place].queue.isEmpty {
            let (lower, higher) = (self.buckets[place].lower, self.buckets[place].higher)
            if lower == 0 { self.lowest = higher } else { self.buckets[Int(lower)].higher = higher }
            if higher != 0 { self.buckets[Int(higher)].lower = lower }
            self.buckets[place].higher = self.free
            self.free = UInt32(place)
        }
    }

    /// The bucket of so many uses, made if there is none, given that `lower` is the last one with fewer (zero: none).
    private func bucket(uses: Int, after lower: UInt32) -> UInt32 {
        let higher = lower == 0 ? self.lowest : self.buckets[Int(lower)].higher
        if higher != 0, self.buckets[Int(higher)].uses == uses { return higher }
        let bucket = Bucket(uses: uses, queue: EntryQueue(tag: 1), lower: lower, higher: higher)
        let place: UInt32
        if self.free == 0 {
            place = UInt32(self.buckets.count)
            self.buckets.append(bucket)
        } else {
            place = self.free
            self.free = self.buckets[Int(place)].higher
            self.buckets[Int(place)] = bucket
        }
        if lower == 0 { self.lowest = place } else { self.buckets[Int(lower)].higher = place }
        if higher != 0 { self.buckets[Int(higher)].lower = place }
        return place
    }

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        var queues = [self.weightless]
        var (last, place) = (UInt32(0), self.lowest)
        while place != 0 {
            let bucket = self.buckets[Int(place)]
            if bucket.queue.isEmpty { return "the bucket of \(bucket.uses) uses is empty" }
            if bucket.lower != last { return "the bucket of \(bucket.uses) uses has lost its neighbour" }
            if last != 0, self.buckets[Int(last)].uses >= bucket.uses {
                return "the bucket of \(bucket.uses) uses comes after that of \(self.buckets[Int(last)].uses)"
            }
            var entry = bucket.queue.oldest
            while entry != 0, nodes[entry].pointee.place == place { entry = nodes[entry].pointee.newer }
            if entry != 0 { return "entry \(entry) stands in bucket \(place) and says \(nodes[entry].pointee.place)" }
            queues.append(bucket.queue)
            (last, place) = (place, bucket.higher)
        }
        return QueueAudit.defect(of: queues, entries: entries, weight: weight, nodes)
    }
}
