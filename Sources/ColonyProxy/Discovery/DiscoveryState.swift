import ColonyCore

/// The decisions of a source of endpoints: findings and failures in, what is told and the time of the next attempt out.
struct DiscoveryState: Sendable {
    private(set) var status: EndpointSourceStatus

    init(source: String) {
        self.status = EndpointSourceStatus(source: source)
    }

    /// What to do about the log.
    enum News: Hashable {
        /// The same as before.
        case none
        /// It works for the first time, or again.
        case works
        /// It worked before, or has never been tried.
        case fails
    }

    /// Notes that endpoints were found and handed on.
    ///
    /// - Parameter problem: What is wrong with some of them.
    mutating func found(_ count: Int, problem: String? = nil, at now: MonotonicInstant) -> News {
        let isNews = self.status.failures > 0 || self.status.lastFound == nil
        self.status.endpoints = count
        self.status.problem = problem
        self.status.failures = 0
        self.status.lastFound = now
        return isNews ? .works : .none
    }

    /// Notes that nothing was found. What was handed on before stays.
    mutating func failed(_ reason: String) -> News {
        self.status.problem = reason
        self.status.failures += 1
        return self.status.failures == 1 ? .fails : .none
    }

    /// How long to wait after an attempt: the interval, and less at first after failures, so that a short outage is not felt for long.
    ///
    /// - Parameter chance: All 64 bits drawn evenly.
    func pause(interval: Duration, jitter: Double, chance: UInt64) -> Duration {
        var nanoseconds = interval.clampedNanoseconds
        if self.status.failures > 0 {
            let backoff = Backoff(initial: min(.seconds(1), interval), maximum: interval)
            nanoseconds = backoff.bound(after: self.status.failures)
        }
        let offset = (Double(chance) / Double(UInt64.max) * 2 - 1) * jitter
        return .nanoseconds(nanoseconds + Int64(Double(nanoseconds) * offset))
    }
}
