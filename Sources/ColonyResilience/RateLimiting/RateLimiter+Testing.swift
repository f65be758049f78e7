import ColonyCore

extension RateLimiter {
    /// Reserves a turn as ``takeOrWait(_:upTo:)`` does, without waiting for it, so that random schedules need no tasks.
    package func reserveTurn(_ permits: Int, within limit: Int64) -> (answer: MeterAnswer, number: UInt64?) {
        self.queue.reserve(Int64(permits), at: self.clock.now.nanoseconds, within: limit)
    }

    /// Gives a turn back as a wait does that is cancelled.
    package func giveBackTurn(_ number: UInt64) -> Bool {
        self.queue.giveBack(number, at: self.clock.now.nanoseconds)
    }

    /// Calls those whose turn has come, as the first of them does when it wakes up.
    package func callDueTurns() { self.queue.callDue(at: self.clock.now.nanoseconds) }

    /// When those have their turns who wait.
    package var turns: [(number: UInt64, turn: MeterTurn)] { self.queue.turns }
}
