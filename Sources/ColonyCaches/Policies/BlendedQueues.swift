import Synchronization

/// Three queues that can be run by any of three rules, and go from one rule to another at any moment without moving an
/// entry: what ``AdaptiveOrder`` evicts with.
///
/// All rules learn of hits by `EntryNodes.mark` alone, so that readers need no lock. Marks are taken up when the entry comes to the
/// old end of its queue. There they are also added to the ``FrequencySketch``, whichever rule is in force, so that counts are there when
/// frequency is asked for. Newcomers stand in `small`, or in `main` under recency; `probation` is used by frequency only.
/// The rules drain what another one has left behind before they go on as usual.
package struct BlendedQueues: Sendable {
    /// The rule by which entries are given up.
    package enum Rule: UInt8, CaseIterable, Sendable {
        /// Everybody stands in the main queue, and who was read since the last look gets another round: CLOCK, which is near
        /// LRU; or LRU itself if every hit is passed to ``moveToNewest(_:_:)``.
        case recency
        /// S3-FIFO, as ``S3FIFOOrder`` says.
        case filter
        /// W-TinyLFU with a window of a hundredth, as ``WindowTinyLFUOrder`` says, with marks in place of moves.
        case frequency
    }

    /// The highest mark. Three would do for the queues; more make the counts of the sketch better.
    package static let markLimit: UInt8 = 7

    /// How many marked entries one call passes over at most, so that no writer has to wait for a whole round.
    private static let longestWalk = 512

    package private(set) var rule: Rule
    private var small = EntryQueue(tag: 1)
    private var main = EntryQueue(tag: 2)
    private var probation = EntryQueue(tag: 3)
    private var ghosts = GhostTable(holding: 16)
    private var sketch: FrequencySketch
    /// The entries that ghosts and sketch are made for.
    private var prepared = 16
    private var capacity: Int
    private var chance: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Makes empty queues.
    ///
    /// - Parameter capacity: The bound of the cache, in units of weight.
    package init(rule: Rule, capacity: Int) {
        self.rule = rule
        self.capacity = capacity
        self.sketch = FrequencySketch(capacity: capacity)
    }

    package var count: Int { self.small.count + self.main.count + self.probation.count }
    package var weight: Int { self.small.weight + self.main.weight + self.probation.weight }
    package var all: [EntryQueue] { [self.small, self.main, self.probation] }

    private var ghostCount: Int { max(1, self.count * 9 / 10) }

    /// Goes on by another rule.
    ///
    /// - Complexity: O(1).
    package mutating func turn(to rule: Rule) {
        // `small` of the filter and `probation` of frequency both hold those who have yet to prove themselves.
        if rule != self.rule, rule != .recency, rule == .frequency || self.rule == .frequency {
            swap(&self.small, &self.probation)
        }
        self.rule = rule
    }

    /// Learns that the bound of the cache has changed.
    package mutating func resize(to capacity: Int) { self.capacity = capacity }

    // MARK: Room

    /// Chooses an entry to give up for a newcomer of that weight, and forgets it.
    ///
    /// - Complexity: O(1) amortized: each step beyond the first was paid for by a hit.
    package mutating func victim(weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        switch self.rule {
        case .recency: self.victimOfRecency(nodes)
        case .filter: self.victimOfFilter(nodes)
        case .frequency: self.victimOfFrequency(weight, nodes)
        }
    }

    private mutating func victimOfRecency(_ nodes: EntryNodes) -> EntryIndex? {
        while let entry = self.small.removeOldest(nodes) {
            if self.takeMark(entry, nodes) == 0 { return entry }
            self.main.append(entry, nodes)
        }
        return self.unprovenOfProbation(nodes) ?? self.unread(nodes)
    }

    private mutating func victimOfFilter(_ nodes: EntryNodes) -> EntryIndex? {
        if let entry = self.unprovenOfProbation(nodes) { return entry }
        let share = self.capacity - max(1, self.capacity / 10)
        while self.main.weight <= share || self.main.isEmpty, let entry = self.small.removeOldest(nodes) {
            if self.takeMark(entry, nodes) <= 1 {
                self.ghosts.note(nodes[entry].pointee.hash, window: self.ghostCount)
                return entry
            }
            self.main.append(entry, nodes)
        }
        var looks = min(4 * self.main.count, Self.longestWalk)
        while let entry = self.main.removeOldest(nodes) {
            let mark = min(3, nodes.mark(entry).pointee.load(ordering: .relaxed))
            if mark == 0 || looks == 0 { return entry }
            nodes.mark(entry).pointee.store(mark - 1, ordering: .relaxed)
            self.sketch.add(nodes[entry].pointee.hash)
            self.main.append(entry, nodes)
            looks -= 1
        }
        return nil
    }

    private mutating func victimOfFrequency(_ weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        let window = self.windowShare
        // A window that the other rules have left too large is emptied two at a time.
        for _ in 0..<2 where self.small.weight > window + Int(weight) && self.small.count > 1 {
            guard let passed = self.small.removeOldest(nodes) else { break }
            _ = self.takeMark(passed, nodes)
            self.main.append(passed, nodes)
        }
        let isAlone = self.main.isEmpty && self.probation.isEmpty
        guard self.small.weight + Int(weight) > window || isAlone, let candidate = self.small.removeOldest(nodes) else {
            return self.opponent(nodes)
        }
        _ = self.takeMark(candidate, nodes)
        guard let opponent = self.opponent(nodes) else { return candidate }
        if self.admits(nodes[candidate].pointee.hash, over: nodes[opponent].pointee.hash) {
            self.probation.append(candidate, nodes)
            return opponent
        }
        // It stays first in line.
        self.probation.prepend(opponent, nodes)
        return candidate
    }

    private var windowShare: Int { max(1, self.capacity / 100) }

    /// Takes the entry that frequency would give up: the oldest on probation that was not read there.
    private mutating func opponent(_ nodes: EntryNodes) -> EntryIndex? {
        let share = (self.capacity - self.windowShare) * 4 / 5
        var looks = min(self.probation.count, Self.longestWalk)
        while let entry = self.probation.removeOldest(nodes) {
            let isUnread = self.takeMark(entry, nodes) == 0 || looks == 0
            if !isUnread { self.main.append(entry, nodes) }
            if self.main.weight > share, let demoted = self.unread(nodes) { self.probation.append(demoted, nodes) }
            if isUnread { return entry }
            looks -= 1
        }
        return self.unread(nodes)
    }

    /// Takes the oldest entry of the main queue that was not read since the last look.
    private mutating func unread(_ nodes: EntryNodes) -> EntryIndex? {
        var looks = min(self.main.count, Self.longestWalk)
        while let entry = self.main.removeOldest(nodes) {
            if self.takeMark(entry, nodes) == 0 || looks == 0 { return entry }
            self.main.append(entry, nodes)
            looks -= 1
        }
        return nil
    }

    /// Takes what frequency has left on probation: gives up who was not read, and lets the others go on.
    private mutating func unprovenOfProbation(_ nodes: EntryNodes) -> EntryIndex? {
        while let entry = self.probation.removeOldest(nodes) {
            if self.takeMark(entry, nodes) == 0 { return entry }
            self.main.append(entry, nodes)
        }
        return nil
    }

    private mutating func admits(_ candidate: UInt64, over opponent: UInt64) -> Bool {
        let (challenge, held) = (self.sketch.count(candidate), self.sketch.count(opponent))
        if challenge > held { return true }
        if challenge <= 5 { return false }
        self.chance ^= self.chance << 13
        self.chance ^= self.chance >> 7
        self.chance ^= self.chance << 17
        return self.chance & 127 == 0
    }

    /// Clears the mark of an entry, counts it, and says what it was.
    private mutating func takeMark(_ entry: EntryIndex, _ nodes: EntryNodes) -> UInt8 {
        let mark = nodes.mark(entry).pointee.load(ordering: .relaxed)
        if mark != 0 {
            nodes.mark(entry).pointee.store(0, ordering: .relaxed)
            self.sketch.add(nodes[entry].pointee.hash, times: UInt64(mark))
        }
        return mark
    }

    // MARK: Entries

    /// Whether ghosts and sketch are made for no more entries than there are, so that the next one makes them grow.
    package var wouldGrow: Bool { self.count >= self.prepared }

    /// Takes up an entry.
    package mutating func insert(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let hash = nodes[entry].pointee.hash
        if self.wouldGrow {
            // As far as the entries can count, no more of them come than the capacity says.
            self.prepared = min(self.count + self.count / 4 + 1, max(self.capacity, self.count + 1))
            self.sketch.grow(toFit: self.prepared < 4096 ? self.prepared * 4 : self.prepared)
            self.ghosts.grow(toHold: self.prepared)
        }
        self.sketch.add(hash)
        switch self.rule {
        case .recency: self.main.append(entry, nodes)
        case .filter:
            if self.ghosts.take(hash, window: self.ghostCount) {
                self.main.append(entry, nodes)
            } else {
                self.small.append(entry, nodes)
            }
        case .frequency:
            self.small.append(entry, nodes)
            // Before the cache is full nobody asks for a victim, and the window passes on what it has no room for.
            while self.small.weight > self.windowShare, self.small.count > 1, self.weight < self.capacity,
                let passed = self.small.removeOldest(nodes)
            {
                self.main.append(passed, nodes)
            }
        }
    }

    /// Raises the mark of an entry, as a reader does.
    package func raiseMark(_ entry: EntryIndex, _ nodes: EntryNodes) {
        nodes.raiseMark(entry, limit: Self.markLimit)
    }

    /// Makes recency exact, where every hit is known: the entry is the last to go, and needs no mark for it.
    package mutating func moveToNewest(_ entry: EntryIndex, _ nodes: EntryNodes) {
        guard nodes[entry].pointee.queue == self.main.tag else { return }
        nodes.mark(entry).pointee.store(0, ordering: .relaxed)
        self.main.moveToNewest(entry, nodes)
    }

    /// Forgets an entry.
    package mutating func remove(_ entry: EntryIndex, _ nodes: EntryNodes) {
        switch nodes[entry].pointee.queue {
        case self.small.tag: self.small.remove(entry, nodes)
        case self.main.tag: self.main.remove(entry, nodes)
        default: self.probation.remove(entry, nodes)
        }
    }

    /// Puts `new` where `old` was.
    package mutating func replace(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        switch nodes[old].pointee.queue {
        case self.small.tag: self.small.replace(old, by: new, nodes)
        case self.main.tag: self.main.replace(old, by: new, nodes)
        default: self.probation.replace(old, by: new, nodes)
        }
    }
}
