/// How long to wait before trying again: exponential growth with full jitter, between bounds.
///
/// The wait before attempt *n* is drawn evenly from zero to `initial · multiplierⁿ`, capped at `maximum`. Full jitter
/// spreads a crowd of callers that failed together better than a fixed wait with a little noise.
///
/// - SeeAlso: M. Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015.
public struct Backoff: Hashable, Sendable {
    /// The upper bound of the first wait.
    public let initial: Duration
    /// The upper bound of every wait.
    public let maximum: Duration
    /// By how much the bound grows from one attempt to the next; at least 1.
    public let multiplier: Double

    /// - Parameters:
    ///   - initial: Greater than zero. 50 milliseconds is about ten round trips within a data centre.
    ///   - maximum: At least `initial`. Five seconds keeps a recovered store from being noticed late.
    public init(initial: Duration = .milliseconds(50), maximum: Duration = .seconds(5), multiplier: Double = 2) {
        precondition(initial > .zero, "the first wait must be greater than zero, not \(initial)")
        precondition(maximum >= initial, "the longest wait \(maximum) must not be shorter than the first \(initial)")
        precondition(multiplier >= 1 && multiplier.isFinite, "the multiplier must be at least 1, not \(multiplier)")
        self.initial = initial
        self.maximum = maximum
        self.multiplier = multiplier
    }

    /// The wait before the attempt that follows `failures` failed ones.
    ///
    /// - Parameter failures: How many attempts have failed in a row; at least 1.
    public func delay(after failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        .nanoseconds(Int64.random(in: 0...self.bound(after: failures), using: &generator))
    }

    /// The upper bound of the wait after `failures` failed attempts, in nanoseconds: what another kind of jitter is drawn from.
    ///
    /// - Parameter failures: At least 1.
    /// - Complexity: O(log *n*) in the number of failures.
    package func bound(after failures: Int) -> Int64 {
        precondition(failures >= 1, "a wait follows at least one failed attempt, not \(failures)")
        // By squaring, so that the cost does not grow with a count of failures that nobody limits.
        var growth = 1.0
        var factor = self.multiplier
        var exponent = failures - 1
        while exponent > 0 {
            if exponent & 1 == 1 { growth *= factor }
            factor *= factor
            exponent >>= 1
        }
        let ceiling = self.maximum.clampedNanoseconds
        let bound = Double(max(1, self.initial.clampedNanoseconds)) * growth
        // Comparing before converting: the nearest Double to the end of Int64 lies beyond it.
        return bound < Double(ceiling) ? Int64(bound) : ceiling
    }
}
