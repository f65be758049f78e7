/// What a meter says to a request.
package struct MeterAnswer: Sendable {
    /// Whether the permits are taken; if so, for the moment ``slot``.
    package let isGranted: Bool
    /// The moment from which the permits may be used; that of a refusal is when they could have been.
    package let slot: Int64
    /// How many permits could be taken at once afterwards.
    let remaining: Int64
    /// How long it takes until all is as if nothing had been taken.
    let reset: Int64

    func decision(at now: Int64) -> RateLimitDecision {
        RateLimitDecision(
            isAllowed: self.isGranted, remaining: Int(self.remaining),
            retryAfter: .nanoseconds(self.isGranted ? 0 : self.slot - now), resetAfter: .nanoseconds(self.reset))
    }
}

/// A turn that has not come yet.
package struct MeterTurn: Sendable {
    package let permits: Int64
    /// The moment from which the permits may be used.
    package var slot: Int64

    package init(permits: Int64, slot: Int64) {
        self.permits = permits
        self.slot = slot
    }
}

/// Counts grants, and turns that have been given for later.
///
/// Grants for now may be asked for by any thread at any time. Turns are given, withdrawn, and moved by one thread at a time, and withdrawn
/// only before they come.
protocol Meter: Sendable {
    /// Takes permits if their turn comes within `limit`; behind all turns that have been given.
    func take(_ permits: Int64, at now: Int64, within limit: Int64) -> MeterAnswer

    /// Withdraws a turn, and moves those that were given later as if it had never been.
    ///
    /// - Parameters:
    ///   - earlier: The last that was given before it and has not come.
    ///   - later: Those that were given later, in their order.
    /// - Returns: Where those are now.
    func withdraw(
        _ turn: MeterTurn, after earlier: MeterTurn?, before later: [MeterTurn], at now: Int64
    ) -> [MeterTurn]

    /// Goes on under another rule, and moves all turns as if they had been asked for now.
    ///
    /// - Parameter turns: Their permits take an eighth of what fits into a number of nanoseconds at most.
    func change(to rule: RateLimitRule, with turns: [MeterTurn], at now: Int64) -> [MeterTurn]
}
