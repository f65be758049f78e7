import ColonyResilience

/// What is known of a limit from what was asked of it so far: the bounds between which its theoretical arrival time lies.
///
/// When the store decided is only known to lie between the moments before and after the call. All that a request changes
/// rises with the arrival time and with the moment of the decision, so bounds of both give bounds of the outcome. On a clock
/// that stands still the bounds meet, and every number of an answer must be exact.
struct WatchedBucket {
    /// Nanoseconds on the clock of the case.
    private var low: Int64 = -1 << 60
    private var high: Int64 = -1 << 60

    /// When and how exactly an answer was observed; nanoseconds on the clock of the case.
    struct Moment {
        let before: Int64
        let after: Int64
        /// By how much the store's reckoning may differ.
        let slack: Int64
    }

    /// Bounds of what is owed at the moment of an answer.
    private func owed(at moment: Moment, upTo tolerance: Int64) -> ClosedRange<Int64> {
        let low = min(max(0, self.low - moment.slack - moment.after), tolerance)
        let high = min(max(0, self.high + moment.slack - moment.before), tolerance)
        return low...high
    }

    /// Compares an answer with what it may be, and learns from it.
    ///
    /// - Throws: ``ConformanceFailure`` if an ideal bucket could not have given the answer.
    mutating func judge(
        _ decision: RateLimitDecision, of request: RateLimitRequest, at moment: Moment
    ) throws {
        let rule = request.rule
        let (tolerance, cost) = (rule.tolerance, Int64(request.permits) * rule.interval)
        var owed = self.owed(at: moment, upTo: tolerance)
        let asked = "\(request.permits) of \(rule) with a debt of \(Self.text(owed))"
        if decision.isAllowed {
            try expect(owed.lowerBound + cost <= tolerance, "\(asked) were granted")
            owed = owed.lowerBound...max(owed.lowerBound, min(owed.upperBound, tolerance - cost))
            try expect(
                decision.retryAfter == .zero, "\(asked) were granted, to be retried after \(decision.retryAfter)")
        } else {
            try expect(owed.upperBound + cost > tolerance, "\(asked) were refused")
            owed = min(owed.upperBound, max(owed.lowerBound, tolerance - cost + 1))...owed.upperBound
            let wait = (owed.lowerBound + cost - tolerance)...(owed.upperBound + cost - tolerance)
            try Self.compare(decision.retryAfter, in: wait, "\(asked) were refused, to be retried", at: moment)
            try expect(
                decision.retryAfter > .zero, "\(asked) were refused, to be retried at once")
        }
        let paid = decision.isAllowed ? cost : 0
        let after = (owed.lowerBound + paid)...(owed.upperBound + paid)
        let remaining = (tolerance - after.upperBound) / rule.interval...(tolerance - after.lowerBound) / rule.interval
        try expect(
            remaining.contains(Int64(decision.remaining)),
            "after \(asked), \(decision.remaining) remain, and \(Self.text(remaining)) had to")
        try Self.compare(decision.resetAfter, in: after, "after \(asked), the limit is full", at: moment)
        if request.permits > 0 { self.apply(decision, paid: paid, tolerance: tolerance, cost: cost, at: moment) }
    }

    private mutating func apply(
        _ decision: RateLimitDecision, paid: Int64, tolerance: Int64, cost: Int64, at moment: Moment
    ) {
        func moved(_ arrival: Int64, _ now: Int64) -> Int64 { max(now, min(arrival, now + tolerance)) + paid }
        let low = moved(self.low - moment.slack, moment.before)
        let high = moved(self.high + moment.slack, moment.after)
        if decision.isAllowed {
            (self.low, self.high) = (low, max(low, min(high, moment.after + tolerance)))
        } else {
            (self.low, self.high) = (min(high, max(low, moment.before + tolerance - cost + 1)), high)
        }
    }

    /// Compares the answer to a reset.
    mutating func judgeReset(_ owedSomething: Bool, at moment: Moment) throws {
        let owed = self.owed(at: moment, upTo: .max)
        if owed.lowerBound > 0 {
            try expect(owedSomething, "\(Self.text(owed)) were owed, and the reset says that nothing was")
        }
        if owed.upperBound == 0 {
            try expect(!owedSomething, "nothing was owed, and the reset says that something was")
        }
        self = Self()
    }

    /// A call failed after which the permits may have been taken.
    mutating func mayHaveTaken(_ request: RateLimitRequest, at moment: Moment) {
        let (tolerance, cost) = (request.rule.tolerance, Int64(request.permits) * request.rule.interval)
        self.low = min(self.low, moment.before + tolerance)
        self.high = min(max(self.high, moment.after) + cost, moment.after + tolerance)
    }

    private static func compare(
        _ duration: Duration, in range: ClosedRange<Int64>, _ what: String, at moment: Moment
    ) throws {
        let bounds =
            Duration.nanoseconds(
                range.lowerBound - moment.slack)...Duration.nanoseconds(range.upperBound + moment.slack)
        try expect(
            bounds.contains(duration), "\(what) after \(duration), and it had to be after \(Self.text(range))")
    }

    private static func text(_ range: ClosedRange<Int64>) -> String {
        range.lowerBound == range.upperBound
            ? "\(range.lowerBound) ns" : "\(range.lowerBound) to \(range.upperBound) ns"
    }
}
