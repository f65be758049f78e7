public import ColonyCore

/// Asks one endpoint once whether it works.
///
/// A probe is part of a ``HealthChecker``, which decides when it is asked and what its answers mean. ColonyProxy has one for networks.
public protocol HealthProbe: Sendable {
    /// Asks `endpoint` as `check` says.
    ///
    /// A repeat asks again. When the task is cancelled the probe ends soon and leaves nothing behind; its result then means nothing. It is
    /// never asked about the same endpoint by the same check while an earlier call has not returned.
    ///
    /// - Parameter deadline: By when the answer must be there, on the clock of the checker. A probe that takes longer is counted as
    ///   failed and cancelled.
    /// - Returns: The result. A failure of any kind is a value, because it says something about the endpoint.
    func probe(
        _ endpoint: Endpoint, with check: HealthCheck, deadline: MonotonicInstant
    ) async -> HealthProbeResult
}

/// What a probe has found.
public struct HealthProbeResult: Hashable, Sendable {
    /// Whether the endpoint answered as the check expects.
    public let isSuccess: Bool
    /// A sentence for people: what was answered, or what went wrong.
    public let reason: String
    /// How long it took.
    public let latency: Duration

    private init(isSuccess: Bool, reason: String, latency: Duration) {
        self.isSuccess = isSuccess
        self.reason = reason
        self.latency = latency
    }

    /// The endpoint answered as the check expects.
    ///
    /// - Parameter reason: What was answered.
    public static func success(_ reason: String = "it answered", latency: Duration) -> HealthProbeResult {
        HealthProbeResult(isSuccess: true, reason: reason, latency: latency)
    }

    /// The endpoint did not answer, or not as the check expects.
    ///
    /// - Parameter reason: What went wrong.
    public static func failure(_ reason: String, latency: Duration) -> HealthProbeResult {
        HealthProbeResult(isSuccess: false, reason: reason, latency: latency)
    }
}
