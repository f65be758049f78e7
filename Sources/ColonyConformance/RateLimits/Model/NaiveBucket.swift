import ColonyResilience

/// The naive form of a limit: a debt that shrinks by a nanosecond in each, and grows by what is taken.
///
/// Whole numbers of any size that a rule may have; nothing is rounded.
struct NaiveBucket {
    private var debt: Int64 = 0
    private var time: Int64

    init(at time: Int64) {
        self.time = time
    }

    private mutating func wait(until now: Int64) {
        self.debt = max(0, self.debt - (now - self.time))
        self.time = now
    }

    mutating func take(_ permits: Int, _ rule: RateLimitRule, at now: Int64) -> RateLimitDecision {
        self.wait(until: now)
        var debt = min(self.debt, rule.tolerance)
        // Permit by permit, as if they were coins.
        let room = rule.tolerance - debt
        let isAllowed = room / rule.interval >= Int64(permits)
        var lacking: Int64 = 0
        if isAllowed {
            debt += rule.interval * Int64(permits)
        } else {
            lacking = rule.interval * Int64(permits) - room
        }
        if permits > 0 { self.debt = debt }
        return RateLimitDecision(
            isAllowed: isAllowed, remaining: Int((rule.tolerance - debt) / rule.interval),
            retryAfter: .nanoseconds(lacking), resetAfter: .nanoseconds(debt))
    }

    mutating func reset(at now: Int64) -> Bool {
        self.wait(until: now)
        defer { self.debt = 0 }
        return self.debt > 0
    }
}
