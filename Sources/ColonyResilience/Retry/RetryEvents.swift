/// What a ``Retry`` tells those who listen.
public enum RetryEvent: Sendable {
    /// An attempt failed and is repeated.
    ///
    /// - Parameters:
    ///   - attempt: The number of the attempt that failed, from 1.
    ///   - delay: How long is waited before the next.
    case retrying(attempt: Int, delay: Duration, error: any Error)
    /// A call succeeded after more than one attempt.
    case recovered(attempts: Int)
    /// A call failed and is not repeated.
    case gaveUp(RetrySurrender, attempts: Int, error: any Error)
}

/// Why a ``Retry`` did not repeat a call that failed.
public enum RetrySurrender: String, CaseIterable, Hashable, Sendable {
    /// The error says that repeating is of no use.
    case final
    /// The call may have had its effect, and repeating such calls was not asked for.
    case unknownOutcome
    /// All attempts were made.
    case attempts
    /// The layers around or within this one have used up the attempts of the call.
    case allowance
    /// The budget is empty.
    case budget
    /// The deadline of the call comes before the next attempt.
    case deadline
    /// The other side asked for a longer wait than is allowed.
    case advice
    /// The task was cancelled.
    case cancelled
}

/// What has happened in a ``Retry`` since it was made.
public struct RetryStatistics: Hashable, Sendable {
    /// Calls that were made.
    public var calls: UInt64 = 0
    /// Attempts after the first ones.
    public var retries: UInt64 = 0
    /// Calls that succeeded after more than one attempt.
    public var recoveries: UInt64 = 0
    /// Calls that failed, by the reason why they were not repeated.
    public var surrenders: [RetrySurrender: UInt64] = [:]

    /// Makes statistics in which nothing has happened.
    public init() {}
}
