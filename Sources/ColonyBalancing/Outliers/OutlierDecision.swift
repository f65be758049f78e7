public import ColonyCore

/// What an ``OutlierDetector`` has decided, to be carried out in the order in which it is given.
public enum OutlierDecision: Hashable, Sendable {
    /// The endpoint gets no calls until the instant.
    case eject(EndpointName, until: MonotonicInstant, reason: String)
    /// The endpoint gets calls again. Its count of consecutive errors begins anew.
    case restore(EndpointName, reason: String)

    /// The endpoint that it is about.
    public var name: EndpointName {
        switch self {
        case .eject(let name, _, _), .restore(let name, _): name
        }
    }
}

/// What an endpoint did in one interval.
public struct OutlierSample: Hashable, Sendable {
    /// The endpoint.
    public let name: EndpointName
    /// Calls that ended well.
    public let successes: Int
    /// Calls that failed through the endpoint: errors, time-outs, lost connections.
    public let failures: Int
    /// The sum of the times that all ``volume`` calls took.
    public let latencyNanosecondsTotal: Int64
    /// All calls that ended, those included that say nothing, such as cancelled ones.
    public let volume: Int

    /// Makes a sample. Values below zero count as zero, because counters that are read without a lock may be torn.
    ///
    /// - Parameter volume: The sum of successes and failures unless said otherwise.
    public init(
        name: EndpointName, successes: Int, failures: Int, latencyNanosecondsTotal: Int64 = 0, volume: Int? = nil
    ) {
        self.name = name
        self.successes = max(0, successes)
        self.failures = max(0, failures)
        self.latencyNanosecondsTotal = max(0, latencyNanosecondsTotal)
        self.volume = max(0, volume ?? self.successes.addingReportingOverflow(self.failures).partialValue)
    }
}

/// What is known of one endpoint, for people.
public struct OutlierStatus: Hashable, Sendable {
    /// The endpoint.
    public let name: EndpointName
    /// Until when it is ejected; `nil` if it is not.
    public let ejectedUntil: MonotonicInstant?
    /// The factor of the latest ejection's time, less one for each good interval since; 0 when all is forgiven.
    public let multiplier: Int
    /// How often it was ejected since it is known.
    public let ejections: Int
    /// What was found last, and what was done about it; `nil` if nothing ever was.
    public let lastFinding: String?
    /// When that was.
    public let lastFindingAt: MonotonicInstant?

    /// Whether it is ejected.
    public var isEjected: Bool { self.ejectedUntil != nil }
}
