/// The policies without parameters, written as their definitions read: arrays, and a walk for everything.
struct NaiveCache {
    enum Rule: CaseIterable {
        case fifo, lru, lfu, sieve
    }

    private struct Entry {
        let key: Int
        var weight: Int
        var uses = 1
        var lastUse: Int
        var isVisited = false
    }

    private let rule: Rule
    private var capacity: Int
    /// In the order of insertion, the oldest first.
    private var entries: [Entry] = []
    private var hand = 0
    private var now = 0

    init(_ rule: Rule, capacity: Int) {
        self.rule = rule
        self.capacity = capacity
    }

    var keys: Set<Int> { Set(self.entries.map(\.key)) }

    private var weight: Int { self.entries.reduce(0) { $0 + $1.weight } }

    mutating func access(_ key: Int, weight: Int) -> Bool {
        self.now += 1
        if let place = self.entries.firstIndex(where: { $0.key == key }) {
            self.use(place)
            return true
        }
        guard weight <= self.capacity else { return false }
        self.makeRoom(weight)
        self.entries.append(Entry(key: key, weight: weight, lastUse: self.now))
        return false
    }

    mutating func remove(_ key: Int) {
        if let place = self.entries.firstIndex(where: { $0.key == key }) { self.drop(place) }
    }

    /// A new value is a use; it keeps the place, but in a change from or to weight 0, where it is a newcomer.
    mutating func replace(_ key: Int, weight: Int) {
        self.now += 1
        guard weight <= self.capacity, let before = self.entries.first(where: { $0.key == key }) else { return }
        self.makeRoom(max(0, weight - before.weight))
        guard let place = self.entries.firstIndex(where: { $0.key == key }) else {
            _ = self.access(key, weight: weight)
            return
        }
        if before.weight == 0 || weight == 0 {
            self.drop(place)
            let entry = Entry(key: key, weight: weight, lastUse: self.now, isVisited: true)
            self.entries.append(entry)
        } else {
            self.entries[place].weight = weight
            self.use(place)
        }
    }

    mutating func resize(to capacity: Int) {
        self.capacity = capacity
        self.makeRoom(0)
    }

    private mutating func use(_ place: Int) {
        self.entries[place].uses += 1
        self.entries[place].lastUse = self.now
        self.entries[place].isVisited = true
    }

    private mutating func makeRoom(_ weight: Int) {
        while self.weight + weight > self.capacity, let place = self.victim() { self.drop(place) }
    }

    private mutating func drop(_ place: Int) {
        self.entries.remove(at: place)
        if self.hand > place { self.hand -= 1 }
        // A hand with nobody newer to look at goes back to the oldest at once, not to whoever comes next.
        if !self.entries.dropFirst(self.hand).contains(where: { $0.weight > 0 }) { self.hand = 0 }
    }

    private mutating func victim() -> Int? {
        let candidates = self.entries.indices.filter { self.entries[$0].weight > 0 }
        switch self.rule {
        case .fifo: return candidates.first
        case .lru: return candidates.min { self.entries[$0].lastUse < self.entries[$1].lastUse }
        case .lfu:
            return candidates.min {
                (self.entries[$0].uses, self.entries[$0].lastUse) < (self.entries[$1].uses, self.entries[$1].lastUse)
            }
        case .sieve:
            if candidates.isEmpty { return nil }
            while true {
                if self.hand >= self.entries.count { self.hand = 0 }
                if self.entries[self.hand].weight > 0 {
                    if !self.entries[self.hand].isVisited { return self.hand }
                    self.entries[self.hand].isVisited = false
                }
                self.hand += 1
            }
        }
    }
}
