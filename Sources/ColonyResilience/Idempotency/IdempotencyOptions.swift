/// How long keys are held, waited for, and remembered.
public struct IdempotencyOptions: Sendable {
    /// How long a key stays with one who crashed. It is renewed while the operation runs.
    public let lease: Duration
    /// How long an outcome is remembered.
    public let retention: Duration
    /// How long a duplicate waits for the one that runs.
    public let waitLimit: Duration
    /// How often a duplicate that waits asks the store.
    public let polls: RetryDelays
    /// The longest time for one call to the store.
    public let callLimit: Duration
    /// The bytes of an error that is remembered as an outcome, or `nil` for one that gives the key up.
    public let storedFailure: (@Sendable (any Error) -> [UInt8]?)?

    /// Makes options from values that may come from outside.
    ///
    /// - Parameters:
    ///   - lease: From one millisecond to a day. Half a minute is what callers wait for before they repeat by themselves.
    ///   - retention: Above zero to 366 days. A day is longer than a client repeats.
    ///   - waitLimit: From zero, which does not wait, to a day.
    ///   - polls: From 5 milliseconds growing to a quarter of a second unless said otherwise.
    ///   - callLimit: Above zero to an hour.
    ///   - storedFailure: None unless said otherwise: a call that failed may be made again under its key. Give the bytes of errors that
    ///     every repetition would meet too, such as a card that was declined; those who repeat get ``StoredFailure``.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        lease: Duration = .seconds(30), retention: Duration = .seconds(86_400), waitLimit: Duration = .seconds(10),
        polls: RetryDelays? = nil, callLimit: Duration = .seconds(5),
        storedFailure: (@Sendable (any Error) -> [UInt8]?)? = nil
    ) throws(ResilienceError) {
        func refuse(_ message: String) -> ResilienceError { ResilienceError(.invalidConfiguration, message) }
        // A lease is renewed at a third of it; shorter ones could only be missed.
        guard lease >= .milliseconds(1), lease <= IdempotencyLimits.longestLease else {
            throw refuse(
                "a lease of \(lease) is not possible: from 1 millisecond, up to \(IdempotencyLimits.longestLease)")
        }
        guard retention > .zero, retention <= IdempotencyLimits.longestRetention else {
            throw refuse(
                "a retention of \(retention) is not possible: above zero, up to \(IdempotencyLimits.longestRetention)")
        }
        guard waitLimit >= .zero, waitLimit <= .seconds(86_400) else {
            throw refuse("a wait of \(waitLimit) is not possible: from zero to a day")
        }
        guard callLimit > .zero, callLimit <= .seconds(3_600) else {
            throw refuse("a limit of \(callLimit) for a call is not possible: above zero, up to an hour")
        }
        let standard = try RetryDelays(from: .milliseconds(5), upTo: .milliseconds(250), jitter: .equal)
        let chosen = polls ?? standard
        guard chosen.initial > .zero else {
            throw refuse("polls without a pause, from \(chosen.initial), would never rest")
        }
        self.lease = lease
        self.retention = retention
        self.waitLimit = waitLimit
        self.polls = chosen
        self.callLimit = callLimit
        self.storedFailure = storedFailure
    }
}
