/// What a limit answered.
public struct RateLimitDecision: Hashable, Sendable {
    /// Whether all permits that were asked for have been granted. A refusal takes nothing.
    public let isAllowed: Bool
    /// How many permits could be taken now, after this decision.
    public let remaining: Int
    /// How long it takes until the same request can be granted if nobody else takes permits; zero if it was allowed.
    public let retryAfter: Duration
    /// How long it takes until the limit is full again if nobody takes permits.
    public let resetAfter: Duration

    /// Makes an answer.
    public init(isAllowed: Bool, remaining: Int, retryAfter: Duration, resetAfter: Duration) {
        self.isAllowed = isAllowed
        self.remaining = remaining
        self.retryAfter = retryAfter
        self.resetAfter = resetAfter
    }
}
