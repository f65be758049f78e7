package import ColonyCore

/// The decisions about one endpoint under one check: results of probes in, verdicts and the time of the next probe out.
///
/// A verdict changes after ``HealthCheck/fall`` failures or ``HealthCheck/rise`` successes in a row, so a single blip changes nothing and is
/// forgotten with the next result of the other kind. Health is kept for each pair of check and endpoint: a cache that is keyed by address
/// alone mixes the results of two checks that ask different things.
///
/// The next probe is due an interval after the start of the last one, not after its end, so that slow answers do not make probes rare. The
/// interval is drawn anew each time from *interval* · (1 ± jitter). Only this spreads clients that started together: a shift that is
/// drawn once keeps them apart only until they are all delayed by the same thing.
package struct HealthState: Sendable {
    /// A verdict that differs from the one before, or the first.
    package struct Change: Hashable, Sendable {
        package let isHealthy: Bool
        package let reason: String
    }

    package let check: HealthCheck
    /// The verdict, or what is assumed before there is one.
    package private(set) var isHealthy: Bool
    /// Whether a probe has decided, and not the assumption.
    package private(set) var hasVerdict = false
    /// How many results of the same kind came last; one of the two is zero.
    package private(set) var consecutiveSuccesses = 0
    package private(set) var consecutiveFailures = 0
    /// Since when the verdict stands.
    package private(set) var since: MonotonicInstant
    /// Why the verdict is what it is.
    package private(set) var reason: String
    package private(set) var lastResult: HealthProbeResult?
    package private(set) var lastResultAt: MonotonicInstant?
    /// When the next probe is due; while one is under way, when it was started.
    package private(set) var nextProbe: MonotonicInstant

    /// Starts with the assumption. The first probe is due within the jitter of one interval, so that a program with many endpoints does not
    /// ask all of them in the same moment.
    package init(_ check: HealthCheck, at now: MonotonicInstant, using generator: inout some RandomNumberGenerator) {
        self.check = check
        self.isHealthy = check.initially == .healthy
        self.since = now
        self.reason = "not probed yet, assumed \(check.initially)"
        let spread = Int64(Double(check.interval.clampedNanoseconds) * check.jitter)
        self.nextProbe = now.advanced(byNanoseconds: spread == 0 ? 0 : .random(in: 0...spread, using: &generator))
    }

    /// Notes that a probe starts.
    package mutating func start(at now: MonotonicInstant) {
        self.nextProbe = now
    }

    /// Takes the result of the probe that started at ``nextProbe``, and decides when the next is due.
    ///
    /// - Returns: The verdict if it is the first or differs from the one before. The first is told also when it was assumed, because whoever is
    ///   told may remember another from a checker before this one.
    package mutating func record(
        _ result: HealthProbeResult, at now: MonotonicInstant, using generator: inout some RandomNumberGenerator
    ) -> Change? {
        self.lastResult = result
        self.lastResultAt = now
        if result.isSuccess {
            self.consecutiveSuccesses += 1
            self.consecutiveFailures = 0
        } else {
            self.consecutiveFailures += 1
            self.consecutiveSuccesses = 0
        }
        let change = self.decide(result, at: now)
        let start = self.nextProbe
        self.nextProbe = max(now, start.advanced(byNanoseconds: self.drawInterval(using: &generator)))
        return change
    }

    private mutating func decide(_ result: HealthProbeResult, at now: MonotonicInstant) -> Change? {
        let threshold = result.isSuccess ? self.check.rise : self.check.fall
        let streak = result.isSuccess ? self.consecutiveSuccesses : self.consecutiveFailures
        let isDecided = (!self.hasVerdict && self.check.firstResultDecides) || streak >= threshold
        guard isDecided, !self.hasVerdict || self.isHealthy != result.isSuccess else { return nil }
        let what = result.isSuccess ? "succeeded" : "failed"
        self.reason = "\(streak) \(streak == 1 ? "probe" : "probes in a row") \(what): \(result.reason)"
        if self.isHealthy != result.isSuccess { self.since = now }
        self.hasVerdict = true
        self.isHealthy = result.isSuccess
        return Change(isHealthy: self.isHealthy, reason: self.reason)
    }

    private func drawInterval(using generator: inout some RandomNumberGenerator) -> Int64 {
        let interval = (self.isHealthy ? self.check.interval : self.check.unhealthyInterval).clampedNanoseconds
        let spread = Int64(Double(interval) * self.check.jitter)
        return interval + (spread == 0 ? 0 : .random(in: -spread...spread, using: &generator))
    }
}
