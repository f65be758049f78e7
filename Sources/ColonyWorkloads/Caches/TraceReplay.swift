package import ColonyCaches

/// Drives an eviction policy over a trace, on one thread and without values.
///
/// It is the policy of the real cache that runs, over nodes of its own. Only the table is simpler: keys are
/// numbered from zero, so an array finds their entries. A hit reaches the policy at once, as if no other thread were reading.
package struct TraceReplay: ~Copyable {
    private let order: any EvictionOrder
    private let capacity: Int
    private let nodes: EntryNodes
    private var entries: [EntryIndex]
    private let keys: UnsafeMutablePointer<UInt32>
    private var free: [EntryIndex] = []
    private var count = 0

    /// How many requests there were.
    package private(set) var requests = 0
    /// How many of them found their key.
    package private(set) var hits = 0

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - capacity: How many entries it holds; from 1.
    ///   - distinct: The keys are below this.
    package init(_ policy: EvictionPolicy, capacity: Int, distinct: Int) {
        self.init(policy.makeOrder(capacity: capacity), capacity: capacity, distinct: distinct)
    }

    package init(_ order: any EvictionOrder, capacity: Int, distinct: Int) {
        self.order = order
        self.capacity = capacity
        let places = min(capacity, distinct) + 1
        self.nodes = EntryNodes.allocate(places)
        self.keys = .allocate(capacity: places)
        for place in 0..<places {
            self.nodes.begin(EntryIndex(place), hash: 0, weight: 1)
            self.keys[place] = 0
        }
        self.entries = Array(repeating: 0, count: distinct)
    }

    deinit {
        self.nodes.deallocate()
        self.keys.deallocate()
    }

    /// The hash of a key: a mixed number, the same in every run.
    package static func hash(_ key: UInt32) -> UInt64 {
        var mixed = (UInt64(key) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Asks for each key in turn and puts it in if it is not there.
    package mutating func run(_ trace: some Sequence<UInt32>) {
        let nodes = self.nodes
        var recording = self.order.hitRecording
        for key in trace {
            self.requests += 1
            let found = self.entries[Int(key)]
            if found != 0 {
                self.hits += 1
                let node = nodes[found]
                nodes.raiseMark(found, limit: recording.markLimit)
                if node.pointee.hash & recording.mask == recording.pattern { self.order.hit(found, nodes) }
            } else {
                let hash = Self.hash(key)
                let entry: EntryIndex
                if self.count < self.capacity {
                    self.count += 1
                    entry = EntryIndex(self.count)
                } else if let victim = self.order.victim(for: hash, weight: 1, nodes) {
                    self.entries[Int(self.keys[Int(victim)])] = 0
                    entry = victim
                } else {
                    preconditionFailure("a full cache of \(self.capacity) entries has no victim")
                }
                nodes.begin(entry, hash: hash, weight: 1)
                self.keys[Int(entry)] = key
                self.entries[Int(key)] = entry
                self.order.inserted(entry, nodes)
                recording = self.order.hitRecording
            }
        }
    }

    /// Says what is wrong with the policy's inner structure; `nil` if nothing is.
    package func defect() -> String? {
        self.order.defect(entries: self.count, weight: self.count, self.nodes)
    }
}
