/// The default: three small caches on the side find out what suits the keys, and the large one does that.
///
/// No fixed rule is good everywhere. LRU scores nothing on a loop just larger than the cache, where keeping any part of it
/// would score that part. W-TinyLFU keeps what was popular and lets newcomers wait, and falls 20 points behind LRU where
/// keys are read in bursts. S3-FIFO lies between them, and loses to either on its own ground. Policies that climb hills by turning one
/// knob, such as the size of a window, need many periods to cross from one ground to the other, get stuck between two hills, and
/// cannot tell a better knob from a kinder hour, since they only ever see one setting at a time.
///
/// So the three rules are all run, at the same time and on the same requests, but in small: one key in 2^*n* is chosen by its
/// hash, and three *shadow caches* of 2^-*n* of the capacity are asked for those keys. Since a key is either always or never chosen,
/// a shadow behaves as the whole would. Every few hundred requests the hits of the three are compared,
/// older ones counting less and less, and if another rule leads by more than the margin, the cache goes over to it.
/// The real queues (``BlendedQueues``) can go on by another rule without moving an entry, so that a change costs nothing but what the
/// new rule itself does. After a change of phase it takes some thousand requests until the new leader has made up for the past.
///
/// *How large.* Shadows have at most 512 entries (``shadowEntries``). Caches up to that size are shadowed whole, and then the comparison is
/// exact; larger ones are sampled, so that what the shadows cost per request, three look-ups in small tables, is divided by 2^*n*: at
/// 100,000 entries about 2 ns. Half or twice as many entries did not change the hit ratios of the traces by more than 0.5 points.
///
/// *Which size exactly.* 2^-*n* of the capacity is right on average, but the choice of keys may by chance hold some per cent more or less
/// of a loop than that, and with room for all of them all shadows hit always and nothing can be learnt. So the shadows are
/// given as much room as chosen keys have in the cache itself, less 2 %.
///
/// *What a hit costs.* A reader raises the mark of the entry, and hits of chosen keys are queued. With every hit known anyway, in caches
/// up to 512 entries, recency is exact LRU; in larger ones it is CLOCK, which the traces place within 0.8 points of LRU.
///
/// Without chance or a clock of its own, the order does the same thing each time for the same requests and hashes.
///
/// - SeeAlso: Qureshi, Lynch, Mutlu, Patt, "A Case for MLP-Aware Cache Replacement", ISCA 2006, section 6 (one part of a cache finds
///   out for the others); Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using Miniature
///   Simulations", USENIX ATC 2017, section 3 (sampling by hash).
package final class AdaptiveOrder: EvictionOrder {
    /// The most entries that a shadow of a cache without weights has.
    package static let shadowEntries = 512
    /// A comparison follows after as many requests as a shadow has entries, but at least this many.
    private static let shortestPeriod = 250
    /// What the past counts at each comparison. Twelve periods then make up for six tenths of a score: long enough for chance to even out,
    /// short enough for a change of phase.
    private static let fading = 0.92
    /// The share of requests by which another rule has to lead. Below, a change would gain less than it disturbs.
    private static let margin = 0.005
    /// All rules, in the order of their shadows. Made once, because each `allCases` is a new array.
    private static let rules = BlendedQueues.Rule.allCases

    private var queues: BlendedQueues
    private var weightless = EntryQueue(tag: EntryQueue.weightlessTag)
    private var capacity: Int
    private let countsEntries: Bool
    /// The entries that the share of chosen keys was set for.
    private var planned: Int
    private var bits: Int
    /// The weight of the entries of chosen keys.
    private var chosenWeight = 0

    private var shadows: [ShadowCache] = []
    private var period = 0
    private var requests = 0
    /// What a shadow would have scored that always hit.
    private var scored = 0.0

    /// - Parameters:
    ///   - capacity: The bound of the cache, in units of weight.
    ///   - countsEntries: Whether each entry weighs 1. If not, the number of entries is not known before they come, and
    ///     ``hitRecording`` changes while the cache grows.
    package init(capacity: Int, countsEntries: Bool = true) {
        self.capacity = capacity
        self.countsEntries = countsEntries
        self.planned = countsEntries ? capacity : 32
        self.bits = Self.bits(entries: self.planned)
        self.queues = BlendedQueues(rule: .filter, capacity: capacity)
    }

    private static func bits(entries: Int) -> Int {
        var bits = 0
        while entries >> bits > Self.shadowEntries { bits += 1 }
        return bits
    }

    package var hitRecording: HitRecording {
        HitRecording(markLimit: BlendedQueues.markLimit, queued: .sample(bits: self.bits))
    }

    /// The rule in force.
    package var rule: BlendedQueues.Rule { self.queues.rule }

    // MARK: Events

    package func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex? {
        guard let victim = self.queues.victim(weight: weight, nodes) else { return nil }
        if self.isChosen(nodes[victim].pointee.hash) { self.chosenWeight -= Int(nodes[victim].pointee.weight) }
        return victim
    }

    package func inserted(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let (hash, weight) = (nodes[entry].pointee.hash, nodes[entry].pointee.weight)
        if weight == 0 {
            self.weightless.append(entry, nodes)
            return
        }
        self.queues.insert(entry, nodes)
        if self.queues.count > self.planned { self.plan(for: self.queues.count * 2, nodes) }
        if self.isChosen(hash) {
            self.chosenWeight += Int(weight)
            self.observe(hash, weight, mayGrow: true)
        }
    }

    package func hit(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let (hash, weight) = (nodes[entry].pointee.hash, nodes[entry].pointee.weight)
        if weight == 0 || nodes[entry].pointee.queue == 0 { return }
        if self.bits == 0, self.queues.rule == .recency { self.queues.moveToNewest(entry, nodes) }
        if self.isChosen(hash), !self.shadows.isEmpty { self.observe(hash, weight, mayGrow: false) }
    }

    package func removed(_ entry: EntryIndex, _ nodes: EntryNodes) {
        let (hash, weight) = (nodes[entry].pointee.hash, nodes[entry].pointee.weight)
        if weight == 0 {
            self.weightless.remove(entry, nodes)
            return
        }
        self.queues.remove(entry, nodes)
        if self.isChosen(hash) {
            self.chosenWeight -= Int(weight)
            for shadow in self.shadows { shadow.remove(hash) }
        }
    }

    package func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes) {
        let (before, after) = (nodes[old].pointee.weight, nodes[new].pointee.weight)
        if before == 0 || after == 0 {
            self.removed(old, nodes)
            self.inserted(new, nodes)
            return
        }
        self.queues.replace(old, by: new, nodes)
        self.queues.raiseMark(new, nodes)
        let hash = nodes[new].pointee.hash
        if self.isChosen(hash), before != after {
            self.chosenWeight += Int(after) - Int(before)
            for shadow in self.shadows { shadow.remove(hash) }
        }
        self.hit(new, nodes)
    }

    /// - Complexity: O(1), or O(*n*) if the cache becomes so much larger that fewer keys are chosen.
    package func resized(to capacity: Int, _ nodes: EntryNodes) {
        self.capacity = capacity
        self.queues.resize(to: capacity)
        if self.countsEntries, capacity > self.planned { self.plan(for: capacity, nodes) }
        for shadow in self.shadows { shadow.resize(to: self.shadowCapacity) }
    }

    // MARK: Shadows

    /// Whether a key is one of those that the shadows are asked for.
    @inline(__always)
    private func isChosen(_ hash: UInt64) -> Bool { hash >> UInt64(64 - self.bits) == 0 }

    /// Sets the share of chosen keys. It only ever falls, because readers may still go by an earlier, larger one.
    private func plan(for entries: Int, _ nodes: EntryNodes) {
        self.planned = entries
        let bits = Self.bits(entries: entries)
        guard bits > self.bits else { return }
        self.bits = bits
        self.shadows = []
        self.chosenWeight = self.queues.all.reduce(0) { sum, queue in
            var (sum, entry) = (sum, queue.oldest)
            while entry != 0 {
                if self.isChosen(nodes[entry].pointee.hash) { sum += Int(nodes[entry].pointee.weight) }
                entry = nodes[entry].pointee.newer
            }
            return sum
        }
    }

    /// The room that a shadow gets.
    private var shadowCapacity: Int {
        let share = max(1, self.capacity >> self.bits)
        // Weights may differ so much that one entry more or less would change the room by a multiple.
        if self.bits == 0 || !self.countsEntries { return share }
        let held = 0.98 * Double(self.chosenWeight) / Double(max(1, self.queues.weight)) * Double(self.capacity)
        return min(max(Int(held), share / 2), share * 2)
    }

    /// Asks the shadows for a chosen key.
    ///
    /// - Parameter mayGrow: Whether memory may be allocated: on a write, but not on a look-up that hits.
    private func observe(_ hash: UInt64, _ weight: UInt32, mayGrow: Bool) {
        if self.shadows.isEmpty {
            // From the first key on: a shadow that began later would take the second use of a key for its first, and some
            // workloads never let a queue recover from that.
            self.shadows = Self.rules.map { rule in
                ShadowCache(rule, capacity: self.shadowCapacity, isExact: self.bits == 0)
            }
            self.period = max(Self.shortestPeriod, (self.countsEntries ? self.capacity : self.planned) >> self.bits)
            (self.requests, self.scored) = (0, 0)
        }
        for shadow in self.shadows where shadow.access(hash, weight: weight, mayGrow: mayGrow) { shadow.hits += 1 }
        self.requests += 1
        if self.requests >= self.period { self.compare() }
    }

    /// Goes over to the rule that leads, if it does so clearly.
    private func compare() {
        for shadow in self.shadows {
            shadow.score = shadow.score * Self.fading + Double(shadow.hits)
            shadow.hits = 0
        }
        self.scored = self.scored * Self.fading + Double(self.requests)
        self.requests = 0
        if self.bits > 0 {
            for shadow in self.shadows { shadow.resize(to: self.shadowCapacity) }
        }
        var leader = self.queues.rule
        var best = self.shadows[Int(leader.rawValue)].score + Self.margin * self.scored
        for rule in Self.rules where self.shadows[Int(rule.rawValue)].score > best {
            (leader, best) = (rule, self.shadows[Int(rule.rawValue)].score)
        }
        self.queues.turn(to: leader)
    }

    package func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String? {
        var chosen = 0
        for queue in self.queues.all {
            var entry = queue.oldest
            while entry != 0 {
                if self.isChosen(nodes[entry].pointee.hash) { chosen += Int(nodes[entry].pointee.weight) }
                entry = nodes[entry].pointee.newer
            }
        }
        if chosen != self.chosenWeight { return "entries of chosen keys weigh \(chosen), not \(self.chosenWeight)" }
        return QueueAudit.defect(of: self.queues.all + [self.weightless], entries: entries, weight: weight, nodes)
    }
}
