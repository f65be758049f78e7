import ColonyCore

/// When a shared cache that fails is left alone, and when it is tried again: a breaker in its plainest form.
///
/// Without it, each look-up of a dead store waits for the deadline, and a program is slower with its cache than
/// without. Failures in a row, not a rate, decide: one success proves that the store answers.
struct TierRest: Sendable {
    enum Admission: Equatable {
        /// Call.
        case go
        /// Do not call, until then at least.
        case refused(until: MonotonicInstant)
    }

    enum Outcome {
        case success
        case failure
        /// The call ended without showing whether the store answers, such as by cancellation.
        case unknown
    }

    private let threshold: Int
    private(set) var failures = 0
    /// The end of the rest; one call may be made after it, and no other while that is under way.
    private var end: MonotonicInstant?
    private var isTrying = false

    init(after threshold: Int) { self.threshold = threshold }

    var isResting: Bool { self.end != nil }

    mutating func admit(at now: MonotonicInstant) -> Admission {
        guard let end = self.end else { return .go }
        if now < end || self.isTrying { return .refused(until: max(now, end)) }
        self.isTrying = true
        return .go
    }

    /// How many rests there were in a row after the next failure; `nil` if that begins none.
    var restAfterFailure: Int? {
        self.failures + 1 >= self.threshold ? self.failures + 2 - self.threshold : nil
    }

    /// Notes how a call ended that was admitted.
    ///
    /// - Parameter rest: How long to rest, if this failure begins a rest.
    mutating func ended(_ outcome: Outcome, at now: MonotonicInstant, rest: Duration) {
        let wasTrying = self.isTrying
        switch outcome {
        case .success:
            self.failures = 0
            self.end = nil
            self.isTrying = false
        case .failure:
            // Calls that began before the rest and fail during it say nothing new.
            if self.end != nil, !wasTrying { return }
            self.failures += 1
            self.isTrying = false
            if self.failures >= self.threshold { self.end = now.advanced(by: rest) }
        case .unknown:
            self.isTrying = false
        }
    }
}
