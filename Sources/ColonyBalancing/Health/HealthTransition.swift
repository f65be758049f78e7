public import ColonyCore

/// A verdict about an endpoint that differs from the one before, or is the first.
public struct HealthTransition: Hashable, Sendable {
    /// The name of the check.
    public let check: String
    /// The name of the endpoint.
    public let endpoint: EndpointName
    /// The verdict.
    public let isHealthy: Bool
    /// A sentence for people: which results led to it.
    public let reason: String
    /// When it was reached, on the clock of the checker.
    public let at: MonotonicInstant

    package init(check: String, endpoint: EndpointName, isHealthy: Bool, reason: String, at: MonotonicInstant) {
        self.check = check
        self.endpoint = endpoint
        self.isHealthy = isHealthy
        self.reason = reason
        self.at = at
    }
}

/// How an endpoint stands under one check, all of one moment.
public struct HealthStatus: Hashable, Sendable {
    /// The name of the check.
    public let check: String
    /// The name of the endpoint.
    public let endpoint: EndpointName
    /// The verdict, or what is assumed as long as there is none.
    public let isHealthy: Bool
    /// Whether there is a verdict; if not, ``isHealthy`` is what is assumed.
    public let hasVerdict: Bool
    /// Why the verdict is what it is.
    public let reason: String
    /// Since when it stands.
    public let since: MonotonicInstant
    /// How many probes in a row have succeeded up to now.
    public let consecutiveSuccesses: Int
    /// How many probes in a row have failed up to now.
    public let consecutiveFailures: Int
    /// What the last probe has found; `nil` before the first.
    public let lastResult: HealthProbeResult?
    /// When that was.
    public let lastResultAt: MonotonicInstant?
    /// When the next probe is due; `nil` while one is under way.
    public let nextProbe: MonotonicInstant?
}
