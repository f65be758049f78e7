import ColonyCaches

/// An eviction order under test, driven as a cache drives it: room first, then the newcomer; every hit reaches it.
///
/// Each step audits: the bound holds, what the order gave up was there and had weight, and its inner structure is whole.
final class DrivenOrder {
    private let order: any EvictionOrder
    private(set) var capacity: Int
    private let nodes: EntryNodes
    private var free: [EntryIndex]
    private var keys: [EntryIndex: Int] = [:]
    private(set) var entries: [Int: EntryIndex] = [:]
    private(set) var weight = 0
    private(set) var hits = 0
    /// What went wrong first.
    private(set) var complaint: String?

    init(_ order: any EvictionOrder, capacity: Int, places: Int) {
        self.order = order
        self.capacity = capacity
        self.nodes = .allocate(places + 1)
        for place in 0...places { self.nodes.begin(EntryIndex(place), hash: 0, weight: 0) }
        self.free = (1...EntryIndex(places)).reversed()
    }

    convenience init(_ policy: EvictionPolicy, capacity: Int, countsEntries: Bool = true, places: Int = 2000) {
        self.init(
            policy.makeOrder(capacity: capacity, countsEntries: countsEntries), capacity: capacity, places: places)
    }

    deinit { self.nodes.deallocate() }

    static func hash(_ key: Int) -> UInt64 {
        var mixed = (UInt64(truncatingIfNeeded: key) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        return mixed ^ (mixed >> 31)
    }

    /// Asks for a key and puts it in if it is not there; says whether it was.
    @discardableResult
    func access(_ key: Int, weight: Int = 1) -> Bool {
        if let entry = self.entries[key] {
            self.hits += 1
            let (node, recording) = (self.nodes[entry], self.order.hitRecording)
            self.nodes.raiseMark(entry, limit: recording.markLimit)
            if node.pointee.hash & recording.mask == recording.pattern { self.order.hit(entry, self.nodes) }
            return true
        }
        guard weight <= self.capacity else { return false }
        self.makeRoom(weight, for: Self.hash(key))
        let entry = self.place(key, weight)
        self.entries[key] = entry
        self.weight += weight
        self.order.inserted(entry, self.nodes)
        if self.weight > self.capacity { self.complain("the weight is \(self.weight), above \(self.capacity)") }
        return false
    }

    func remove(_ key: Int) {
        guard let entry = self.entries[key] else { return }
        self.order.removed(entry, self.nodes)
        self.forget(entry)
    }

    /// Stores another value under a key that is there; room for what is heavier is made first.
    func replace(_ key: Int, weight: Int) {
        guard weight <= self.capacity, let before = self.entries[key] else { return }
        let more = weight - Int(self.nodes[before].pointee.weight)
        if more > 0 { self.makeRoom(more, for: Self.hash(key)) }
        // The entry itself may have had to go.
        guard let old = self.entries[key] else {
            self.access(key, weight: weight)
            return
        }
        let new = self.place(key, weight)
        self.order.replaced(old, by: new, self.nodes)
        self.forget(old)
        self.keys[new] = key
        self.entries[key] = new
        self.weight += weight
    }

    func resize(to capacity: Int) {
        self.capacity = capacity
        self.order.resized(to: capacity, self.nodes)
        self.makeRoom(0, for: 0)
    }

    /// Walks the whole structure.
    func audit() -> String? {
        self.complaint ?? self.order.defect(entries: self.entries.count, weight: self.weight, self.nodes)
    }

    private func place(_ key: Int, _ weight: Int) -> EntryIndex {
        let entry = self.free.removeLast()
        self.nodes.begin(entry, hash: Self.hash(key), weight: UInt32(weight))
        self.keys[entry] = key
        return entry
    }

    private func makeRoom(_ weight: Int, for hash: UInt64) {
        while self.weight + weight > self.capacity {
            guard let victim = self.order.victim(for: hash, weight: UInt32(weight), self.nodes) else {
                return self.complain("\(self.entries.count) entries of weight \(self.weight) have no victim")
            }
            if self.keys[victim] == nil { return self.complain("entry \(victim) was given up and is not there") }
            if self.nodes[victim].pointee.weight == 0 { self.complain("an entry without weight was given up") }
            self.forget(victim)
        }
    }

    private func forget(_ entry: EntryIndex) {
        guard let key = self.keys.removeValue(forKey: entry) else { return self.complain("entry \(entry) is unknown") }
        if self.nodes[entry].pointee.queue != 0 { self.complain("entry \(entry) still stands in a queue") }
        if self.entries[key] == entry { self.entries[key] = nil }
        self.weight -= Int(self.nodes[entry].pointee.weight)
        self.free.append(entry)
    }

    private func complain(_ words: String) {
        if self.complaint == nil { self.complaint = words }
    }
}
