/// The limits of one stripe: an open-addressing table of keys and their theoretical arrival times.
///
/// What is full needs no entry, so entries whose time has passed are dropped when the table would grow, and when it may not.
@usableFromInline
struct KeyedLimitTable<Key: Hashable & Sendable>: Sendable {
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var key: Key?
        @usableFromInline var arrival: Int64

        @inlinable
        init(key: Key?, arrival: Int64) {
            self.key = key
            self.arrival = arrival
        }
    }

    @usableFromInline var rule: RateLimitRule
    @usableFromInline var entries: [Entry]
    @usableFromInline var count = 0
    @usableFromInline let capacity: Int
    /// What a new limit owes at least: as much as one that was forgotten before it was full.
    @usableFromInline var floor: Int64 = .min / 2
    /// The latest moment that was seen: threads read the clock before they get here, and not in the same order. At an earlier one
    /// less could be owed than is, and the rest would be forgiven.
    @usableFromInline var latest = Int64.min
    /// Where the search for one to forget goes on.
    @usableFromInline var hand = 0

    @usableFromInline static var smallest: Int { 16 }
    /// How many entries are looked at to find one to forget.
    @usableFromInline static var sample: Int { 16 }

    @inlinable
    init(rule: RateLimitRule, capacity: Int) {
        self.rule = rule
        self.capacity = capacity
        self.entries = Array(repeating: Entry(key: nil, arrival: 0), count: Self.smallest)
    }

    /// The place of a key, or the empty place where it would be.
    @inlinable
    func place(of key: Key, hash: Int) -> Int {
        let mask = self.entries.count &- 1
        var index = hash & mask
        while let present = self.entries[index].key, present != key { index = (index &+ 1) & mask }
        return index
    }

    @inlinable
    mutating func take(_ permits: Int, of key: Key, hash: Int, at time: Int64) -> RateLimitDecision {
        let now = max(time, self.latest)
        self.latest = now
        let index = self.place(of: key, hash: hash)
        if self.entries[index].key != nil {
            let outcome = KeyedLimitRules.decide(
                permits, under: self.rule, arrival: self.entries[index].arrival, at: now)
            self.entries[index].arrival = outcome.arrival
            return outcome.decision
        }
        let outcome = KeyedLimitRules.decide(permits, under: self.rule, arrival: self.floor, at: now)
        guard outcome.decision.isAllowed, permits > 0 else { return outcome.decision }
        guard self.makeRoom(at: now) else {
            self.insert(key, outcome.arrival, at: index)
            return outcome.decision
        }
        // To make room may have cost the newcomer what another owed.
        let second = KeyedLimitRules.decide(permits, under: self.rule, arrival: self.floor, at: now)
        if second.decision.isAllowed { self.insert(key, second.arrival, at: self.place(of: key, hash: hash)) }
        return second.decision
    }

    @inlinable
    mutating func insert(_ key: Key, _ arrival: Int64, at index: Int) {
        self.entries[index] = Entry(key: key, arrival: arrival)
        self.count &+= 1
    }

    /// Sees to it that one more fits.
    ///
    /// - Returns: Whether entries have moved.
    @inlinable
    mutating func makeRoom(at now: Int64) -> Bool {
        if self.count >= self.capacity {
            self.forgetOne(at: now)
            return true
        }
        guard (self.count &+ 1) &* 4 > self.entries.count &* 3 else { return false }
        self.rebuild(at: now)
        return true
    }

    /// Forgets all that is full, and takes as much room as the others need.
    @inlinable
    mutating func rebuild(at now: Int64) {
        let live = self.entries.filter { $0.key != nil && $0.arrival > now }
        var size = Self.smallest
        while size < (live.count &+ 1) &* 2 { size &*= 2 }
        self.entries = Array(repeating: Entry(key: nil, arrival: 0), count: size)
        self.count = live.count
        self.hand = 0
        for entry in live {
            guard let key = entry.key else { continue }
            self.entries[self.place(of: key, hash: key.hashValue)] = entry
        }
    }

    /// Forgets what is full among the next few entries, or the one of them that is nearest to it.
    @inlinable
    mutating func forgetOne(at now: Int64) {
        let mask = self.entries.count &- 1
        var nearest: Int?
        var seen = 0
        while seen < Self.sample || nearest == nil {
            self.hand = (self.hand &+ 1) & mask
            seen &+= 1
            guard self.entries[self.hand].key != nil else { continue }
            if let best = nearest, self.entries[best].arrival <= self.entries[self.hand].arrival { continue }
            nearest = self.hand
            if self.entries[self.hand].arrival <= now { break }
        }
        guard let nearest else { return }
        if self.entries[nearest].arrival > now { self.floor = max(self.floor, self.entries[nearest].arrival) }
        self.remove(at: nearest)
    }

    /// Empties a place, and moves up those behind it that it kept from theirs.
    @inlinable
    mutating func remove(at start: Int) {
        let mask = self.entries.count &- 1
        var hole = start
        var index = start
        while true {
            index = (index &+ 1) & mask
            guard let key = self.entries[index].key else { break }
            let home = key.hashValue & mask
            // It may move if its home is not between the hole and where it is.
            if (index &- home) & mask >= (index &- hole) & mask {
                self.entries[hole] = self.entries[index]
                hole = index
            }
        }
        self.entries[hole] = Entry(key: nil, arrival: 0)
        self.count &-= 1
    }

    @inlinable
    mutating func reset(_ key: Key, hash: Int, at now: Int64) -> Bool {
        let index = self.place(of: key, hash: hash)
        guard self.entries[index].key != nil else { return false }
        let owed = self.entries[index].arrival > max(now, self.latest)
        self.remove(at: index)
        return owed
    }
}

/// What is the same for keys of every type, and so compiled once.
@usableFromInline
enum KeyedLimitRules {
    @usableFromInline
    static func decide(
        _ permits: Int, under rule: RateLimitRule, arrival: Int64, at now: Int64
    ) -> (arrival: Int64, decision: RateLimitDecision) {
        let outcome = GenericCellRate.decide(permits, under: rule, arrival: arrival, at: now)
        return (outcome.arrival, outcome.decision)
    }
}
