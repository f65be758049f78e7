/// How an endpoint stands at one moment.
public struct EndpointStatus: Hashable, Sendable {
    /// What decides whether an endpoint may be picked; the first that holds.
    public enum State: String, Hashable, Sendable {
        /// It may be picked, as far as its level gets calls.
        case inService
        /// A health check says that it is out.
        case unhealthy
        /// Too many of its calls went wrong; it comes back by itself.
        case ejected
        /// An operator lets it run empty.
        case draining
        /// An operator has taken it out.
        case maintenance
    }

    /// The endpoint.
    public let endpoint: Endpoint
    /// Its number, see ``Pick/number``.
    public let number: UInt64
    /// Whether it may be picked, and if not, why.
    public let state: State
    /// What is known against it, a sentence each: which check says what, until when it is ejected, what an operator said.
    public let reasons: [String]
    /// Calls that are under way.
    public let callsUnderWay: Int
    /// Calls that have succeeded.
    public let successes: UInt64
    /// Calls that have failed, also those of the next two figures.
    public let failures: UInt64
    /// Calls for which no connection came about.
    public let connectFailures: UInt64
    /// Calls that got no answer in time.
    public let timeouts: UInt64
    /// Calls that were given up for reasons that say nothing of the endpoint.
    public let cancellations: UInt64
    /// Failures since the last success.
    public let failuresInARow: Int
    /// The estimate of its latency, if calls are timed and one has ended.
    public let latency: Duration?
    /// How much of its weight counts at present, above 0 and up to 1: less than 1 during a slow start.
    public let slowStartShare: Double
    /// The share of all calls that it gets on average by weights and levels, from 0 to 1. Algorithms by load or latency move it.
    public let expectedShare: Double
}

/// Why a call would go where it goes.
public struct PickExplanation: Hashable, Sendable, CustomStringConvertible {
    /// What speaks for or against one endpoint.
    public struct Finding: Hashable, Sendable {
        /// Which endpoint.
        public let endpoint: EndpointName
        /// Whether it could be picked for this call.
        public let mayBePicked: Bool
        /// Why, or why not, in a sentence.
        public let reason: String
    }

    /// How the algorithm chooses, in a sentence.
    public let rule: String
    /// How calls spread over the levels of priority, a sentence each; empty if there is one level only.
    public let levels: [String]
    /// Where the call goes, if that is certain: sessions and keys have a home, while turns and chance decide at each pick anew.
    public let chosen: EndpointName?
    /// The endpoints in the order in which they were given.
    public let findings: [Finding]

    /// The explanation as lines of text.
    public var description: String {
        var lines = [self.rule] + self.levels
        if let chosen { lines.append("The call goes to \(chosen).") }
        return (lines + self.findings.map { "\($0.endpoint): \($0.reason)" }).joined(separator: "\n")
    }
}
