import Synchronization

/// What a sliding window remembers of the grants; grants may lie in the future, as turns do that have not come.
protocol WindowCount: Sendable {
    init(_ rule: RateLimitRule)
    /// The first moment, from `time` on, at which a request fits into the window; one for more than fits as soon as it is empty.
    func slot(for permits: Int64, from time: Int64) -> Int64
    /// Counts permits at a moment that is no earlier than any that is counted.
    mutating func add(_ permits: Int64, at slot: Int64)
    /// Counts permits no longer that were added at this moment.
    mutating func remove(_ permits: Int64, at slot: Int64)
    /// Forgets what no window from `now` on covers.
    mutating func forget(before now: Int64)
    /// How many permits fit at `now`, which is no earlier than any that is counted.
    func room(at now: Int64) -> Int64
    /// How long it takes until no window covers a grant.
    func reset(from now: Int64) -> Int64
    /// Goes on under another rule with what is remembered at `now`.
    mutating func change(to rule: RateLimitRule, at now: Int64)
}

/// A sliding window under a mutex.
final class WindowMeter<Count: WindowCount>: Meter {
    private struct State {
        var count: Count
        /// The moment of the latest turn.
        var lastTurn = Int64.min
        /// The latest moment that was seen: threads read the clock before they get here, and not in the same order.
        var latest = Int64.min

        mutating func advance(to now: Int64) -> Int64 {
            self.latest = max(self.latest, now)
            self.count.forget(before: self.latest)
            return self.latest
        }

        mutating func move(_ turns: [MeterTurn], at now: Int64) -> [MeterTurn] {
            self.lastTurn = now
            return turns.map { turn in
                self.lastTurn = self.count.slot(for: turn.permits, from: self.lastTurn)
                self.count.add(turn.permits, at: self.lastTurn)
                return MeterTurn(permits: turn.permits, slot: self.lastTurn)
            }
        }
    }

    private let state: Mutex<State>

    init(_ rule: RateLimitRule, _ kind: Count.Type) {
        self.state = Mutex(State(count: Count(rule)))
    }

    func take(_ permits: Int64, at now: Int64, within limit: Int64) -> MeterAnswer {
        self.state.withLock { state in
            let now = state.advance(to: now)
            let slot = permits == 0 ? now : state.count.slot(for: permits, from: max(now, state.lastTurn))
            let isGranted = slot - now <= limit
            if isGranted, permits > 0 {
                state.count.add(permits, at: slot)
                state.lastTurn = slot
            }
            return MeterAnswer(
                isGranted: isGranted, slot: slot,
                remaining: state.lastTurn > now ? 0 : max(0, state.count.room(at: now)),
                reset: state.count.reset(from: now))
        }
    }

    func withdraw(
        _ turn: MeterTurn, after earlier: MeterTurn?, before later: [MeterTurn], at now: Int64
    ) -> [MeterTurn] {
        self.state.withLock { state in
            let now = state.advance(to: now)
            for turn in later.reversed() { state.count.remove(turn.permits, at: turn.slot) }
            state.count.remove(turn.permits, at: turn.slot)
            return state.move(later, at: max(now, earlier?.slot ?? now))
        }
    }

    func change(to rule: RateLimitRule, with turns: [MeterTurn], at now: Int64) -> [MeterTurn] {
        self.state.withLock { state in
            let now = state.advance(to: now)
            for turn in turns.reversed() { state.count.remove(turn.permits, at: turn.slot) }
            state.count.change(to: rule, at: now)
            return state.move(turns, at: now)
        }
    }
}
