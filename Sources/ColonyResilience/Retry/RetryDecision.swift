package import ColonyCore

/// The decision whether a call that failed is repeated, and when: a value, without clock or store.
///
/// It knows nothing of budgets: those are asked last, so that nothing is taken from them for a call that ends anyway.
package struct RetryDecision {
    /// What to do after a failed attempt.
    package enum Directive: Equatable {
        case wait(Duration)
        case giveUp(RetrySurrender)
    }

    private let options: RetryOptions
    /// Attempts that have failed.
    package private(set) var failures = 0
    private var previousDelay: Duration = .zero

    package init(_ options: RetryOptions) {
        self.options = options
    }

    /// Notes a failed attempt and says what follows.
    ///
    /// - Parameters:
    ///   - now: Read only if there is a deadline.
    ///   - allowsMore: Whether the layers of the call have attempts left.
    package mutating func failed(
        _ error: any Error, isCancelled: Bool, allowsMore: Bool, deadline: Deadline?, now: () -> MonotonicInstant,
        using generator: inout some RandomNumberGenerator
    ) -> Directive {
        self.failures += 1
        if isCancelled || error is CancellationError { return .giveUp(.cancelled) }
        switch self.options.classification.verdict(error) {
        case .final: return .giveUp(.final)
        case .unknown where !self.options.retriesUnknownOutcomes: return .giveUp(.unknownOutcome)
        case .unknown, .repeatable, .notDone: break
        }
        guard self.failures < self.options.attempts else { return .giveUp(.attempts) }
        guard allowsMore else { return .giveUp(.allowance) }
        let drawn = self.options.delays.delay(after: self.failures, previous: self.previousDelay, using: &generator)
        self.previousDelay = drawn
        var delay = drawn
        if let advice = (error as? any RetryAdvising)?.retryAfter {
            guard advice <= self.options.longestAdvice else { return .giveUp(.advice) }
            // All who were told the same must not come back at the same moment, and nobody sooner than told.
            delay = self.options.delays.jitter == .none ? max(drawn, advice) : max(.zero, advice) + drawn
        }
        if let deadline, now().advanced(by: delay) >= deadline.instant { return .giveUp(.deadline) }
        return .wait(delay)
    }
}
