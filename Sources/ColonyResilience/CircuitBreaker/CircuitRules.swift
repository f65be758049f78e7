import ColonyCore

/// The options of a circuit breaker as whole numbers, for decisions.
package struct CircuitRules: Sendable {
    let window: CircuitBreakerOptions.Window
    let failureMillionths: Int
    let slowMillionths: Int?
    /// From how many nanoseconds on a call is slow; the greatest number if that is not looked for.
    let slowNanoseconds: Int64
    let minimumCalls: Int
    let wait: CircuitBreakerOptions.Wait
    let probes: Int
    let probeNanoseconds: Int64

    /// How many slices a window of time has.
    static let slices: Int64 = 10

    /// The width of a slice of the window in nanoseconds; zero in a window of calls.
    var sliceNanoseconds: Int64 {
        switch self.window {
        case .calls: 0
        case .time(let duration): (duration.clampedNanoseconds - 1) / Self.slices + 1
        }
    }

    /// Which threshold so many failed and slow calls reach among `calls`, if any.
    func breach(_ tally: CircuitTally, among calls: Int) -> CircuitBreakerEvent.Reason? {
        if tally.failures * 1_000_000 >= self.failureMillionths * calls { return .failures }
        if let slowMillionths, tally.slowCalls * 1_000_000 >= slowMillionths * calls { return .slowCalls }
        return nil
    }

    /// How long to stay open when the breaker opens for the `openings`th time in a row.
    func openNanoseconds(_ openings: Int, using generator: inout some RandomNumberGenerator) -> Int64 {
        let backoff = Backoff(
            initial: self.wait.initial, maximum: self.wait.maximum, multiplier: self.wait.multiplier)
        let bound = backoff.bound(after: openings)
        guard self.wait.jitter > 0 else { return bound }
        return max(1, Int64(Double(bound) * (1 - self.wait.jitter * Double.random(in: 0...1, using: &generator))))
    }
}

/// What became of a call.
package enum CircuitResult: Hashable, Sendable, CaseIterable {
    case succeeded, failed, slow, slowAndFailed
    /// It says nothing about the other side.
    case ignored

    var hasFailed: Bool { self == .failed || self == .slowAndFailed }
    var wasSlow: Bool { self == .slow || self == .slowAndFailed }
}
