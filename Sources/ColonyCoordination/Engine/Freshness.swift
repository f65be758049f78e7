public import ColonyCore

/// Whether what a watch tells is what the engine last said, or what it said before it could not be reached any more.
public enum Freshness: Hashable, Sendable {
    /// The engine has answered.
    case current
    /// The engine cannot be reached, and this is what is known from before: from `since`, when it last answered, on the clock
    /// of the ``WaitingRoom``; `nil` if it has not answered since the watch began.
    case stale(since: MonotonicInstant?)
}
