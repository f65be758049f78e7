public import ColonyCore

/// A circuit breaker that has changed its state.
public struct CircuitBreakerEvent: Hashable, Sendable {
    /// What made it change.
    public enum Reason: Hashable, Sendable {
        /// The share of failed calls has reached its threshold.
        case failures
        /// The share of slow calls has reached its threshold.
        case slowCalls
        /// The wait in the open state is over.
        case waitIsOver
        /// The probes have succeeded.
        case probesSucceeded
        /// Somebody forced the state.
        case forced
        /// Somebody reset the breaker.
        case reset
    }

    /// The state before.
    public let from: CircuitBreakerState
    /// The state from now on.
    public let to: CircuitBreakerState
    /// What made it change.
    public let reason: Reason
    /// When, on the clock of the breaker.
    public let instant: MonotonicInstant
    /// What the decision was made from: the window, or the probes. All zero if it was not made from results.
    public let tally: CircuitTally
    /// How long the breaker stays open; `nil` in other states.
    public let wait: Duration?
}

/// Counts of results.
public struct CircuitTally: Hashable, Sendable {
    /// All results that count.
    public internal(set) var calls: Int
    /// Those that failed.
    public internal(set) var failures: Int
    /// Those that took too long, whether they failed or not. Always zero if slow calls are not looked for.
    public internal(set) var slowCalls: Int

    /// Makes counts; all zero unless said otherwise.
    public init(calls: Int = 0, failures: Int = 0, slowCalls: Int = 0) {
        self.calls = calls
        self.failures = failures
        self.slowCalls = slowCalls
    }

    /// The share of calls that failed, from 0 to 1; 0 without calls.
    public var failureRate: Double { self.calls == 0 ? 0 : Double(self.failures) / Double(self.calls) }
    /// The share of calls that were slow, from 0 to 1; 0 without calls.
    public var slowCallRate: Double { self.calls == 0 ? 0 : Double(self.slowCalls) / Double(self.calls) }

    mutating func add(_ result: CircuitResult) {
        self.calls += 1
        if result.hasFailed { self.failures += 1 }
        if result.wasSlow { self.slowCalls += 1 }
    }

    mutating func subtract(_ other: CircuitTally) {
        self.calls -= other.calls
        self.failures -= other.failures
        self.slowCalls -= other.slowCalls
    }
}

/// A circuit breaker as it stands.
public struct CircuitBreakerSnapshot: Hashable, Sendable {
    /// The state.
    public let state: CircuitBreakerState
    /// The results in the window; in the half-open state, those of the probes.
    public let tally: CircuitTally
    /// How many probes are under way.
    public let probesUnderWay: Int
    /// How long it takes until probes are let through; `nil` unless the state is `open`.
    public let retryAfter: Duration?
    /// How often in a row the breaker has opened without having been closed in between.
    public let openings: Int
    /// How many calls have succeeded in all, in the closed and the half-open state.
    public let totalSuccesses: UInt64
    /// How many calls have failed in all, in the closed and the half-open state.
    public let totalFailures: UInt64
    /// How many calls were refused in all.
    public let totalRefusals: UInt64
    /// How many results came after the state had changed and did not count.
    public let totalLateResults: UInt64
}
