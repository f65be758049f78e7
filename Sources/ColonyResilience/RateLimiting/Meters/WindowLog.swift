/// The time of each grant within one period.
struct WindowLog: WindowCount {
    private struct Grant {
        let time: Int64
        var permits: Int64
    }

    private var limit: Int64
    private var period: Int64
    /// In the order of their times; those before `first` are forgotten.
    private var grants: [Grant] = []
    private var first = 0
    /// The permits of all grants that are not forgotten.
    private var total: Int64 = 0

    init(_ rule: RateLimitRule) {
        self.limit = Int64(rule.permits)
        self.period = rule.nanosecondsOfPeriod
    }

    /// - Complexity: O(1) for one permit in the common case; O(*n*) in the number of grants that have to leave the window first.
    func slot(for permits: Int64, from time: Int64) -> Int64 {
        var lacking = self.total + permits - self.limit
        var slot = time
        for grant in self.grants[self.first...] {
            if lacking <= 0 { break }
            lacking -= grant.permits
            slot = max(slot, grant.time + self.period)
        }
        return slot
    }

    mutating func add(_ permits: Int64, at slot: Int64) {
        self.grants.append(Grant(time: slot, permits: permits))
        self.total += permits
    }

    mutating func remove(_ permits: Int64, at slot: Int64) {
        guard
            let index = self.grants[self.first...].lastIndex(where: { $0.time == slot && $0.permits == permits })
        else { return }
        self.grants.remove(at: index)
        self.total -= permits
    }

    mutating func forget(before now: Int64) {
        while self.first < self.grants.count, self.grants[self.first].time + self.period <= now {
            self.total -= self.grants[self.first].permits
            self.first += 1
        }
        // Half of it at a time, so that each grant is moved once on average.
        if self.first > 32, self.first * 2 > self.grants.count {
            self.grants.removeSubrange(..<self.first)
            self.first = 0
        }
    }

    func room(at now: Int64) -> Int64 { self.limit - self.total }

    func reset(from now: Int64) -> Int64 {
        guard self.first < self.grants.count, let last = self.grants.last else { return 0 }
        return last.time + self.period - now
    }

    mutating func change(to rule: RateLimitRule, at now: Int64) {
        self.limit = Int64(rule.permits)
        self.period = rule.nanosecondsOfPeriod
    }
}
