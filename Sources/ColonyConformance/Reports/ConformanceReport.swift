/// What a run of one of the conformance suites found out about one engine.
public struct ConformanceReport: Hashable, Sendable, Codable {
    /// Which promises were put to the test.
    public enum Port: String, Hashable, Sendable, CaseIterable, Codable {
        /// Those of ``LeaseConformance``.
        case leases
        /// Those of ``SegmentConformance``.
        case segments
        /// Those of ``QueueConformance``.
        case queues
        /// Those of ``ExchangeConformance``.
        case exchanges
        /// Those of ``TopicConformance``.
        case topics
        /// Those of ``ScheduleConformance``.
        case schedules
        /// Those of ``PermitConformance``.
        case permits
        /// Those of ``RegistryConformance``.
        case registry
        /// Those of ``RateLimitConformance``.
        case rateLimits = "rate limits"
        /// Those of ``TransactionJournalConformance``.
        case transactions
    }

    /// How a case ended.
    public enum Outcome: Hashable, Sendable {
        case passed
        /// The engine broke the promise; the message says what was expected and what was found.
        case failed(String)
        /// Nothing was proved, for this reason. A skipped case never counts as passed.
        case skipped(String)
    }

    /// One case of the run.
    public struct Entry: Hashable, Sendable, Codable {
        /// The promise, as the case states it.
        public let name: String
        /// The subject of the promise, one of the properties of the cases of its port.
        public let property: String
        /// How the case ended.
        public let outcome: Outcome
        /// How long the case took in real time.
        public let milliseconds: Int64

        /// Makes the entry of a case that has ended.
        public init(name: String, property: String, outcome: Outcome, milliseconds: Int64) {
            self.name = name
            self.property = property
            self.outcome = outcome
            self.milliseconds = milliseconds
        }

        /// Makes the entry of a case of leases that has ended.
        public init(name: String, property: LeaseCase.Property, outcome: Outcome, milliseconds: Int64) {
            self.init(name: name, property: property.rawValue, outcome: outcome, milliseconds: milliseconds)
        }
    }

    /// Which promises were put to the test.
    public let port: Port
    /// What the engine is called in the report.
    public let engine: String
    /// What the engine says that its answers are worth.
    public let guarantee: String
    /// The names of the powers that the engine has, sorted.
    public let capabilities: [String]
    /// The cases in the order in which they were run.
    public let entries: [Entry]

    /// Puts a report together.
    public init(
        port: Port = .leases, engine: String, guarantee: String, capabilities: [String], entries: [Entry]
    ) {
        self.port = port
        self.engine = engine
        self.guarantee = guarantee
        self.capabilities = capabilities
        self.entries = entries
    }

    /// Whether nothing failed, and something passed.
    public var isPassed: Bool {
        self.failures.isEmpty && self.entries.contains { $0.outcome == .passed }
    }

    /// The cases that failed.
    public var failures: [Entry] {
        self.entries.filter { if case .failed = $0.outcome { true } else { false } }
    }

    /// What was found out about one property.
    public enum Verdict: Hashable, Sendable {
        /// All of its cases passed.
        case verified
        /// At least one of its cases failed.
        case violated
        /// Some of its cases passed, and none failed, but this many were skipped.
        case partlyVerified(skipped: Int)
        /// No case proved anything.
        case unverified
    }

    /// The subjects of the cases, in the order in which they were first met.
    public var properties: [String] {
        var properties: [String] = []
        for entry in self.entries where !properties.contains(entry.property) { properties.append(entry.property) }
        return properties
    }

    /// What was found out about a property of leases.
    public func verdict(on property: LeaseCase.Property) -> Verdict { self.verdict(on: property.rawValue) }

    /// What was found out about a property.
    public func verdict(on property: String) -> Verdict {
        let outcomes = self.entries.filter { $0.property == property }.map(\.outcome)
        if outcomes.contains(where: { if case .failed = $0 { true } else { false } }) { return .violated }
        let passed = outcomes.count { $0 == .passed }
        if passed == 0 { return .unverified }
        return passed == outcomes.count ? .verified : .partlyVerified(skipped: outcomes.count - passed)
    }
}

extension ConformanceReport {
    /// Reads a report; one without a port is of leases, which were the only ones once.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            port: try container.decodeIfPresent(Port.self, forKey: .port) ?? .leases,
            engine: try container.decode(String.self, forKey: .engine),
            guarantee: try container.decode(String.self, forKey: .guarantee),
            capabilities: try container.decode([String].self, forKey: .capabilities),
            entries: try container.decode([Entry].self, forKey: .entries))
    }
}

extension ConformanceReport.Outcome: Codable {
    private enum CodingKeys: String, CodingKey { case result, message }
    private enum Label: String, Codable { case passed, failed, skipped }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let message = try container.decodeIfPresent(String.self, forKey: .message) ?? ""
        switch try container.decode(Label.self, forKey: .result) {
        case .passed: self = .passed
        case .failed: self = .failed(message)
        case .skipped: self = .skipped(message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .passed:
            try container.encode(Label.passed, forKey: .result)
        case .failed(let message):
            try container.encode(Label.failed, forKey: .result)
            try container.encode(message, forKey: .message)
        case .skipped(let reason):
            try container.encode(Label.skipped, forKey: .result)
            try container.encode(reason, forKey: .message)
        }
    }
}
