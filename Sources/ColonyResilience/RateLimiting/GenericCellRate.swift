/// The decision of the generic cell rate algorithm, as a function of one number.
///
/// A bucket of tokens would need two numbers, its content and the time of the last refill. Virtual scheduling keeps one, the
/// *theoretical arrival time*: the moment at which all that was taken has been paid for at the steady rate. A request of *n* permits
/// moves it by *n* intervals, and is granted if that leaves it at most one burst ahead of now. In real numbers both are the same
/// bucket; in whole nanoseconds this one does not drift, and one compare-and-exchange is a decision.
///
/// 1. ITU-T Recommendation I.371 (03/2004), annex A: the virtual scheduling algorithm.
package enum GenericCellRate {
    /// What a request changes.
    package struct Outcome {
        /// The theoretical arrival time afterwards. Of a request for no permits it is as before; so it is after a refusal, unless
        /// more was owed than the rule allows: then what is beyond has been forgiven, or its `retryAfter` would not be true.
        package let arrival: Int64
        package let decision: RateLimitDecision
    }

    /// Decides about `permits` at `now`.
    ///
    /// - Parameters:
    ///   - arrival: The theoretical arrival time, on the clock of `now`; any number up to `now` if nothing is owed.
    ///   - now: At least zero.
    ///   - permits: From 0 to the burst of the rule.
    package static func decide(
        _ permits: Int, under rule: RateLimitRule, arrival: Int64, at now: Int64
    ) -> Outcome {
        // A rule that has become narrower, and a clock that was set back, must not lock a limit for longer than it takes to fill.
        let owed = arrival > now ? min(arrival - now, rule.tolerance) : 0
        let cost = Int64(permits) * rule.interval
        let isAllowed = owed <= rule.tolerance - cost
        let after = isAllowed ? owed + cost : owed
        let decision = RateLimitDecision(
            isAllowed: isAllowed, remaining: Int((rule.tolerance - after) / rule.interval),
            retryAfter: .nanoseconds(isAllowed ? 0 : owed + cost - rule.tolerance), resetAfter: .nanoseconds(after))
        return Outcome(arrival: permits == 0 ? arrival : now + after, decision: decision)
    }
}
