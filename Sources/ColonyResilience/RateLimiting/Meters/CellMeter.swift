import Synchronization

/// The generic cell rate algorithm in one atomic number, without a lock; see ``GenericCellRate``.
///
/// A turn for later is the same as a grant, only further ahead: who comes next finds it counted. So the number is the queue, and while
/// somebody waits nobody is granted anything for now.
///
/// To withdraw a turn is to subtract it, and to move all later ones by as much. That is exact because the turn has not come: its cost lies
/// at most one tolerance behind its end, so what remains is still ahead of now, and nothing that was paid meanwhile was paid by an idle
/// bucket. It would be wrong to subtract it and leave the others where they are: the bucket would be idle before them, and what it cannot
/// hold would be given out a second time.
final class CellMeter: Meter {
    private let arrival = Atomic<Int64>(.min / 2)
    /// Odd while the rule is being changed. A reader that sees the same even number before and after has read one rule.
    private let epoch = Atomic<UInt64>(0)
    private let interval: Atomic<Int64>
    private let tolerance: Atomic<Int64>
    private let isEven: Bool

    /// - Parameter isEven: Whether each has to wait until all before it has been paid for, as in a leaky bucket.
    init(_ rule: RateLimitRule, isEven: Bool) {
        self.interval = Atomic(rule.interval)
        self.tolerance = Atomic(rule.tolerance)
        self.isEven = isEven
    }

    private struct Terms {
        let interval: Int64
        let tolerance: Int64
    }

    @inline(__always)
    private func terms() -> Terms {
        while true {
            let before = self.epoch.load(ordering: .acquiring)
            let interval = self.interval.load(ordering: .acquiring)
            let tolerance = self.tolerance.load(ordering: .acquiring)
            if before & 1 == 0, self.epoch.load(ordering: .relaxed) == before {
                return Terms(interval: interval, tolerance: tolerance)
            }
        }
    }

    /// What the longest burst of any rule costs.
    @inline(__always)
    private static var mostCost: Int64 { 366 * 86_400 * 1_000_000_000 }

    /// What permits cost, or nothing if no rule has such a burst: they were asked for under another rule than this, and are refused.
    @inline(__always)
    private func cost(of permits: Int64, _ terms: Terms) -> Int64? {
        let (cost, isTooMuch) = permits.multipliedReportingOverflow(by: terms.interval)
        return isTooMuch || cost > Self.mostCost ? nil : cost
    }

    /// Takes permits for now, and tells nothing more: the shortest way.
    @inline(__always)
    func tryTake(_ permits: Int64, at now: Int64) -> Bool {
        let terms = self.terms()
        guard let cost = self.cost(of: permits, terms) else { return false }
        let room = self.isEven ? 0 : terms.tolerance &- cost
        var arrival = self.arrival.load(ordering: .relaxed)
        while true {
            let base = max(arrival, now)
            guard base &- now <= room else { return false }
            let (isExchanged, original) = self.arrival.weakCompareExchange(
                expected: arrival, desired: base &+ cost, ordering: .relaxed)
            if isExchanged { return true }
            arrival = original
        }
    }

    func take(_ permits: Int64, at now: Int64, within limit: Int64) -> MeterAnswer {
        let terms = self.terms()
        var arrival = self.arrival.load(ordering: .relaxed)
        guard let cost = self.cost(of: permits, terms) else {
            return self.answer(isGranted: false, now + Self.mostCost, owed: max(arrival, now) - now, terms)
        }
        while true {
            let base = max(arrival, now)
            let slot = permits == 0 ? now : max(now, self.slot(of: cost, after: base, terms.tolerance))
            let isGranted = slot - now <= limit
            guard isGranted, permits > 0 else {
                return self.answer(isGranted: isGranted, slot, owed: base - now, terms)
            }
            let (isExchanged, original) = self.arrival.weakCompareExchange(
                expected: arrival, desired: base + cost, ordering: .relaxed)
            if isExchanged { return self.answer(isGranted: true, slot, owed: base + cost - now, terms) }
            arrival = original
        }
    }

    /// When a request may pass, if all before it is paid for at `arrival`.
    private func slot(of cost: Int64, after arrival: Int64, _ tolerance: Int64) -> Int64 {
        self.isEven ? arrival : arrival + cost - tolerance
    }

    private func answer(isGranted: Bool, _ slot: Int64, owed: Int64, _ terms: Terms) -> MeterAnswer {
        let room = max(0, terms.tolerance - owed)
        let remaining = self.isEven ? (owed == 0 ? terms.tolerance / terms.interval : 0) : room / terms.interval
        return MeterAnswer(isGranted: isGranted, slot: slot, remaining: remaining, reset: owed)
    }

    func withdraw(
        _ turn: MeterTurn, after earlier: MeterTurn?, before later: [MeterTurn], at now: Int64
    ) -> [MeterTurn] {
        let cost = turn.permits * self.interval.load(ordering: .relaxed)
        self.arrival.wrappingSubtract(cost, ordering: .relaxed)
        return later.map { MeterTurn(permits: $0.permits, slot: $0.slot - cost) }
    }

    func change(to rule: RateLimitRule, with turns: [MeterTurn], at now: Int64) -> [MeterTurn] {
        let waiting = turns.reduce(0) { $0 + $1.permits } * self.interval.load(ordering: .relaxed)
        self.epoch.wrappingAdd(1, ordering: .acquiringAndReleasing)
        defer { self.epoch.wrappingAdd(1, ordering: .releasing) }
        self.interval.store(rule.interval, ordering: .releasing)
        self.tolerance.store(rule.tolerance, ordering: .releasing)
        var arrival = self.arrival.load(ordering: .relaxed)
        while true {
            // A bucket owes no more than its burst takes to fill up.
            var base = min(max(arrival - waiting, now), now + rule.tolerance)
            var moved = turns
            for index in moved.indices {
                let cost = moved[index].permits * rule.interval
                moved[index].slot = max(now, self.slot(of: cost, after: base, rule.tolerance))
                base += cost
            }
            let (isExchanged, original) = self.arrival.compareExchange(
                expected: arrival, desired: base, ordering: .relaxed)
            if isExchanged { return moved }
            arrival = original
        }
    }
}
