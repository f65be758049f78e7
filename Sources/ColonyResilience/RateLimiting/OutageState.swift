/// Whether the store of a shared limit can be reached, and what was granted without it; the decisions of ``SharedRateLimiter``.
///
/// What was granted during an outage is a debt under the shared rule, which shrinks as the limit itself would have filled up. When the store
/// is back, the debt is taken there before anything else is granted. So a recovery does not find a limit that is full because
/// nobody told it what had passed meanwhile.
struct OutageState: Sendable {
    private enum Phase {
        case healthy
        /// The store is not asked before this moment; the policy answers.
        case out(until: Int64)
        /// The store was reached, and had not enough for the debt. Nothing is granted before this moment.
        case owing(until: Int64)
    }

    /// What a call does.
    enum Directive: Equatable {
        case ask
        /// Ask the store for what was granted without it; then, if that is granted, ask.
        case settle(permits: Int)
        /// Answer by the policy.
        case followPolicy(for: Int64)
        case refuse(for: Int64)
    }

    private let rule: RateLimitRule
    private let probe: Int64
    private var phase = Phase.healthy
    /// Whether a call is finding out how things are; the others do not wait for it.
    private var isProbing = false
    /// The theoretical arrival time of what was granted during an outage.
    private var arrival: Int64 = .min / 2

    init(_ rule: RateLimitRule, probe: Int64) {
        self.rule = rule
        self.probe = probe
    }

    var isOut: Bool { if case .out = self.phase { true } else { false } }

    private func debt(at now: Int64) -> Int64 { max(0, self.arrival - now) }

    /// What a call does that comes now.
    mutating func call(at now: Int64) -> Directive {
        switch self.phase {
        case .healthy: return .ask
        case .out(let until):
            if now < until || self.isProbing { return .followPolicy(for: max(1, until - now)) }
        case .owing(let until):
            if now < until || self.isProbing { return .refuse(for: max(1, until - now)) }
        }
        self.isProbing = true
        let debt = self.debt(at: now)
        if debt == 0 { return .ask }
        return .settle(permits: Int(min(Int64(self.rule.burst), (debt - 1) / self.rule.interval + 1)))
    }

    /// The store has answered.
    mutating func reached() {
        self.phase = .healthy
        self.isProbing = false
        self.arrival = .min / 2
    }

    /// The store has refused to take the debt.
    ///
    /// - Returns: How long nothing is granted.
    mutating func owes(at now: Int64, retryAfter: Int64) -> Int64 {
        let wait = max(1, min(retryAfter, self.debt(at: now), self.probe))
        self.phase = .owing(until: now + wait)
        self.isProbing = false
        return wait
    }

    /// The store could not be reached.
    mutating func missed(at now: Int64) {
        self.phase = .out(until: now + self.probe)
        self.isProbing = false
    }

    /// A call ended without a word about the store, as when it was cancelled.
    mutating func learnedNothing() { self.isProbing = false }

    /// Permits were granted without the store.
    mutating func granted(_ permits: Int, at now: Int64) {
        let arrival = max(self.arrival, now) + Int64(permits) * self.rule.interval
        self.arrival = min(arrival, now + self.rule.tolerance)
    }
}
