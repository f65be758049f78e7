/// The number of grants in each period that a window may cover, of which the earlier one counts in part.
struct WindowCounter: WindowCount {
    private struct Span {
        let number: Int64
        var permits: Int64
    }

    private var limit: Int64
    private var period: Int64
    /// Those with grants, in order: the period of now and the one before, and later ones if somebody waits.
    private var spans: [Span] = []

    init(_ rule: RateLimitRule) {
        self.limit = Int64(rule.permits)
        self.period = rule.nanosecondsOfPeriod
    }

    private func number(at time: Int64) -> Int64 { time / self.period }

    private func permits(in number: Int64) -> Int64 { self.spans.first { $0.number == number }?.permits ?? 0 }

    /// What a window that ends at `time` is taken to hold, multiplied by the period.
    private func estimate(at time: Int64) -> Int128 {
        let number = self.number(at: time)
        let covered = self.period - (time - number * self.period)
        return Int128(self.permits(in: number - 1)) * Int128(covered)
            + Int128(self.permits(in: number)) * Int128(self.period)
    }

    /// - Complexity: O(*w*) in the number of periods for which somebody waits.
    func slot(for permits: Int64, from time: Int64) -> Int64 {
        let permits = min(permits, self.limit)
        var number = self.number(at: time)
        while true {
            let start = number * self.period
            let earlier = self.permits(in: number - 1)
            let room = self.limit - permits - self.permits(in: number)
            if room >= 0 {
                var offset = max(0, time - start)
                if earlier > 0 {
                    // The share of the earlier period that still counts must fit into the room.
                    let covered = Int128(room) * Int128(self.period) / Int128(earlier)
                    offset = max(offset, self.period - Int64(min(covered, Int128(self.period))))
                }
                if offset < self.period { return start + offset }
            }
            number += 1
        }
    }

    mutating func add(_ permits: Int64, at slot: Int64) {
        let number = self.number(at: slot)
        if let index = self.spans.firstIndex(where: { $0.number == number }) {
            self.spans[index].permits += permits
        } else {
            // A turn that was given back may have left a later period.
            let index = self.spans.firstIndex { $0.number > number } ?? self.spans.endIndex
            self.spans.insert(Span(number: number, permits: permits), at: index)
        }
    }

    mutating func remove(_ permits: Int64, at slot: Int64) {
        let number = self.number(at: slot)
        guard let index = self.spans.firstIndex(where: { $0.number == number }) else { return }
        self.spans[index].permits -= permits
        if self.spans[index].permits == 0 { self.spans.remove(at: index) }
    }

    mutating func forget(before now: Int64) {
        let number = self.number(at: now)
        while let first = self.spans.first, first.number < number - 1 { self.spans.removeFirst() }
    }

    func room(at now: Int64) -> Int64 {
        let room = Int128(self.limit) * Int128(self.period) - self.estimate(at: now)
        return room <= 0 ? 0 : Int64(room / Int128(self.period))
    }

    func reset(from now: Int64) -> Int64 {
        guard let last = self.spans.last else { return 0 }
        return (last.number + 2) * self.period - now
    }

    mutating func change(to rule: RateLimitRule, at now: Int64) {
        let counted = (self.estimate(at: now) + Int128(self.period) - 1) / Int128(self.period)
        self.limit = Int64(rule.permits)
        self.period = rule.nanosecondsOfPeriod
        self.spans = []
        if counted > 0 { self.add(Int64(counted), at: now) }
    }
}
