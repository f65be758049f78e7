/// W-TinyLFU with a fixed window.
///
/// Newcomers enter a *window* of one hundredth of the room, in the order of the last use. Who has to leave it is a candidate
/// for the *main* part and is compared with the entry that this would give up: whoever was asked for more often by the
/// count of a ``FrequencySketch`` stays. The main part is a segmented LRU: an entry is on probation until it is read there, and then
/// protected, as long as the protected are not more than four fifths.
///
/// A candidate that was asked for often and yet is not above its opponent is let in once in 128 times, by a generator with
/// a fixed seed: else somebody who knows the hashes could hold a place for ever with a key that collides with popular ones.
///
/// - SeeAlso: Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM TOS 13(4), 2017,
///   section 4; Caffeine's `BoundedLocalCache`, as of 2.6.
package final class WindowTinyLFUOrder: EvictionOrder {
    private var window = EntryQueue(tag: 1)
    private var probation = EntryQueue(tag: 2)
    private var protected = EntryQueue(tag: 3)
    private var weightless = EntryQueue(tag: EntryQueue.weightlessTag)
    private var sketch: FrequencySketch
    private var windowShare: Int
    private var protectedShare: Int
    private var chance: UInt64 = 0x9E37_79B9_7F4A_7C15
    /// The entries that the sketch is made for.
    private var sketched = 16

    /// - Parameter capacity: The bound of the cache, in units of weight.
    package init(capacity: Int) {
        self.sketch = FrequencySketch(capacity: capacity)
        (self.windowShare, self.protectedShare) = Self.shares(of: capacity)
    }

    private static func shares(of capacity: Int) -> (window: Int, protected: Int) {
        let window = max(1, capacity / 100)
        return (window, (capacity - window) * 4 / 5)
    }

    package let hitRecording = HitRecording(queued: .every)

    /// - Complexity: O(1) amortized.
    package func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        // The newcomer will stand in the window, so the window has to give up to the main part what it pushes out.
        let candidate = self.window.weight + Int(weight) > self.windowShare ? self.window.oldest : 0
        let opponent = self.probation.isEmpty ? self.protected.oldest : self.probation.oldest
        if opponent == 0 { return self.window.removeOldest(nodes) }
        if candidate != 0 {
            self.window.remove(candidate, nodes)
            if !self.admits(nodes[candidate].pointee.hash, over: nodes[opponent].pointee.hash) { return candidate }
            self.probation.append(candidate, nodes)
        }
        self.removed(opponent, nodes)
        return opponent
    }

    private func admits(_ candidate: UInt64, over opponent: UInt64) -> Bool {
        let (challenge, held) = (self.sketch.count(candidate), self.sketch.count(opponent))
        if challenge > held { return true }
        if challenge <= 5 { return false }
        self.chance ^= self.chance << 13
        self.chance ^= self.chance >> 7
        self.chance ^= self.chance << 17
        return self.chance & 127 == 0
    }

    package func inserted(_ entry: EntryIndex, _ nodes: EntryNodes) {
        if nodes[entry].pointee.weight == 0 {
            self.weightless.append(entry, nodes)
            return
        }
        self.window.append(entry, nodes)
        let count = self.window.count + self.probation.count + self.protected.count
        if count > self.sketched {
            self.sketched = count + count / 4
            self.sketch.grow(toFit: self.sketched)
        }
        self.sketch.add(nodes[entry].pointee.hash)
        // Before the cache is full nobody is asked for a victim, and the window passes on what it has no room for.
        self.shrinkWindow(nodes)
    }

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {
        switch nodes[entry].pointee.queue {
        case self.window.tag: self.window.moveToNewest(entry, nodes)
        case self.probation.tag:
            self.probation.remove(entry, nodes)
            self.protected.append(entry, nodes)
            self.demote(nodes)
        case self.protected.tag: self.protected.moveToNewest(entry, nodes)
        default: return
        }
        self.sketch.add(nodes[entry].pointee.hash)
    }

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        switch nodes[entry].pointee.queue {
        case self.window.tag: self.window.remove(entry, nodes)
        case self.probation.tag: self.probation.remove(entry, nodes)
        case self.protected.tag: self.protected.remove(entry, nodes)
        default: self.weightless.remove(entry, nodes)
        }
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        if nodes[old].pointee.weight == 0 || nodes[new].pointee.weight == 0 {
            self.removed(old, nodes)
            self.inserted(new, nodes)
            return
        }
        switch nodes[old].pointee.queue {
        case self.window.tag: self.window.replace(old, by: new, nodes)
        case self.probation.tag: self.probation.replace(old, by: new, nodes)
        default: self.protected.replace(old, by: new, nodes)
        }
        self.hit(new, nodes)
        // The new value may be heavier than the old one, also where it stands among the protected already.
        self.demote(nodes)
        self.shrinkWindow(nodes)
    }

    package func resized(to capacity: Int, _ nodes: EntryNodes) {
        (self.windowShare, self.protectedShare) = Self.shares(of: capacity)
        self.demote(nodes)
        self.shrinkWindow(nodes)
    }

    /// Sends the protected that are too many back on probation, those of the oldest use first.
    private func demote(_ nodes: EntryNodes) {
        while self.protected.weight > self.protectedShare, let demoted = self.protected.removeOldest(nodes) {
            self.probation.append(demoted, nodes)
        }
    }

    /// Passes on what the window has no room for; its newest entry stays, however heavy.
    private func shrinkWindow(_ nodes: EntryNodes) {
        while self.window.weight > self.windowShare, self.window.count > 1,
            let passed = self.window.removeOldest(nodes)
        {
            self.probation.append(passed, nodes)
        }
    }

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        if self.protected.weight > self.protectedShare {
            return "the protected weigh \(self.protected.weight), above their \(self.protectedShare)"
        }
        if self.window.weight > self.windowShare, self.window.count > 1 {
            return
                "the window holds \(self.window.count) entries that weigh \(self.window.weight), above its \(self.windowShare)"
        }
        return QueueAudit.defect(
            of: [self.window, self.probation, self.protected, self.weightless], entries: entries, weight: weight, nodes)
    }
}
