/// What a ``Hedge`` tells those who listen.
public enum HedgeEvent: Sendable {
    /// No attempt had ended in time, so another one was started.
    ///
    /// - Parameters:
    ///   - attempt: Its number, from 2.
    ///   - delay: How long the one before had been waited for.
    case hedged(attempt: Int, delay: Duration)
    /// An attempt after the first won.
    case hedgeWon(attempt: Int)
    /// A hedge was due and the budget was empty.
    case budgetExhausted
}

/// What has happened in a ``Hedge`` since it was made.
public struct HedgeStatistics: Hashable, Sendable {
    /// Calls that were made.
    public var calls: UInt64 = 0
    /// Attempts beside the first ones.
    public var hedgedCount: UInt64 = 0
    /// Calls that a hedge won.
    public var hedgeWins: UInt64 = 0
    /// Hedges that were due and that the budget refused.
    public var refusedByBudget: UInt64 = 0
    /// The delay that the next call would have.
    public var delay: Duration = .zero

    /// Makes statistics in which nothing has happened.
    public init() {}
}

/// Which attempt of a hedged call the current task makes, for headers and logs.
public enum HedgeAttempt {
    /// The number of the attempt, from 1; `nil` outside of every ``Hedge``.
    @TaskLocal public static var current: Int?
}
