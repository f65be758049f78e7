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
        /// Ask the store. A probe finds out how things are, and there is one at a time, until it tells how it ended.
        case ask(isProbe: Bool)
        /// A probe: ask the store for what was granted without it; then, if that is granted, ask.
        case settle(permits: Int)
        /// Answer by the policy.
        case followPolicy(for: Int64)
        case refuse(for: Int64)
    }

    private let rule: RateLimitRule
    private let probe: Int64
    private var phase = Phase.healthy
    /// Whether a probe is under way; the others do not wait for it.
    private var isProbing = false
    /// The theoretical arrival time of what was granted during an outage.
    private var arrival: Int64 = .min / 2
    /// The same of what was granted since the probe was sent, and so is not in what it takes.
    private var unsettled: Int64 = .min / 2

    /// How long the others are told to wait for a probe whose end nobody knows, unless probes are more frequent.
    private static let longestPause: Int64 = 10_000_000

    init(_ rule: RateLimitRule, probe: Int64) {
        self.rule = rule
        self.probe = probe
    }

    var isOut: Bool { if case .out = self.phase { true } else { false } }

    private func debt(at now: Int64) -> Int64 { max(0, self.arrival - now) }

    /// The debt in permits, rounded up.
    private func permitsOwed(at now: Int64) -> Int {
        Int(min(Int64(self.rule.burst), (self.debt(at: now) + self.rule.interval - 1) / self.rule.interval))
    }

    /// What a call does that comes now.
    mutating func call(at now: Int64) -> Directive {
        switch self.phase {
        case .healthy: return .ask(isProbe: false)
        case .out(let until):
            if let wait = self.wait(until: until, at: now) { return .followPolicy(for: wait) }
        case .owing(let until):
            if let wait = self.wait(until: until, at: now) { return .refuse(for: wait) }
        }
        self.isProbing = true
        self.unsettled = .min / 2
        let permits = self.permitsOwed(at: now)
        return permits > 0 ? .settle(permits: permits) : .ask(isProbe: true)
    }

    /// How long a call that comes now does not ask, if it does not.
    private func wait(until: Int64, at now: Int64) -> Int64? {
        if self.isProbing { return max(until - now, min(self.probe, Self.longestPause)) }
        return now < until ? until - now : nil
    }

    /// The store has answered a request.
    mutating func reached(isProbe: Bool, at now: Int64) {
        if isProbe { self.isProbing = false }
        guard self.debt(at: now) > 0 else {
            self.phase = .healthy
            return
        }
        if isProbe {
            self.phase = .owing(until: now)
        } else if case .out = self.phase {
            // It was asked before the outage or in it, so this is a reason to look again, and no more.
            self.phase = .out(until: now)
        }
    }

    /// The store has taken the debt.
    ///
    /// - Returns: How many permits were granted without it meanwhile and have to be taken by the same probe; if none, it has ended.
    mutating func settled(at now: Int64) -> Int {
        self.arrival = self.unsettled
        self.unsettled = .min / 2
        let permits = self.permitsOwed(at: now)
        self.isProbing = permits > 0
        self.phase = permits > 0 ? .owing(until: now) : .healthy
        return permits
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
    mutating func missed(isProbe: Bool, at now: Int64) {
        self.phase = .out(until: now + self.probe)
        if isProbe { self.isProbing = false }
    }

    /// A call ended without a word about the store, as when it was cancelled.
    mutating func learnedNothing(isProbe: Bool) {
        if isProbe { self.isProbing = false }
    }

    /// Permits were granted without the store.
    mutating func granted(_ permits: Int, at now: Int64) {
        self.arrival = self.later(self.arrival, by: permits, at: now)
        self.unsettled = self.later(self.unsettled, by: permits, at: now)
        // The call may have seen an outage that has ended since.
        if case .healthy = self.phase, self.debt(at: now) > 0 { self.phase = .owing(until: now) }
    }

    private func later(_ arrival: Int64, by permits: Int, at now: Int64) -> Int64 {
        min(max(arrival, now) + Int64(permits) * self.rule.interval, now + self.rule.tolerance)
    }
}
