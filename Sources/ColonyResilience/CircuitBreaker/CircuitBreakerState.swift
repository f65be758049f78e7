/// How a circuit breaker stands.
public enum CircuitBreakerState: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Calls go through and their results are counted. Goes to `open` when too many fail or are slow.
    case closed
    /// Calls are refused until the wait is over. Goes to `halfOpen` as soon as anybody asks after that.
    case open
    /// A few probes go through. Goes to `closed` or `open`, by their results.
    case halfOpen
    /// Calls are refused until somebody resets the breaker.
    case forcedOpen
    /// Calls go through and nothing is counted, until somebody resets the breaker.
    case disabled

    public var description: String {
        switch self {
        case .closed: "closed"
        case .open: "open"
        case .halfOpen: "half-open"
        case .forcedOpen: "forced open"
        case .disabled: "disabled"
        }
    }
}
