import ColonyCore

extension Policy: Decodable {
    /// Reads a policy.
    ///
    /// - Throws: `DecodingError` for an unknown key, which names the known ones, a duration without a unit, or a value of another type.
    public init(from decoder: any Decoder) throws {
        let settings = try Settings(
            decoder, known: ["timeout", "retry", "breaker", "limit", "bulkhead", "attempt_timeout"])
        self.init()
        self.timeout = try settings.duration("timeout")
        self.retry = try settings.value("retry")
        self.breaker = try settings.value("breaker")
        self.limit = try settings.value("limit")
        self.bulkhead = try settings.value("bulkhead")
        self.attemptTimeout = try settings.duration("attempt_timeout")
    }
}

extension RetryPolicy: Decodable {
    /// Reads the settings of a retry.
    public init(from decoder: any Decoder) throws {
        let settings = try Settings(
            decoder, known: ["attempts", "initial", "maximum", "budget", "repeats_unknown_outcomes"])
        self.init()
        self.attempts = try settings.value("attempts") ?? self.attempts
        self.initial = try settings.duration("initial") ?? self.initial
        self.maximum = try settings.duration("maximum") ?? max(self.maximum, self.initial)
        self.budget = try settings.value("budget") ?? self.budget
        self.repeatsUnknownOutcomes = try settings.value("repeats_unknown_outcomes") ?? self.repeatsUnknownOutcomes
    }
}

extension BreakerPolicy: Decodable {
    /// Reads the settings of a breaker.
    public init(from decoder: any Decoder) throws {
        let settings = try Settings(
            decoder,
            known: [
                "failure_rate", "window_calls", "window", "minimum_calls", "slow_after", "slow_rate", "wait", "probes",
            ])
        self.init()
        self.failureRate = try settings.value("failure_rate") ?? self.failureRate
        self.windowCalls = try settings.value("window_calls")
        self.window = try settings.duration("window")
        self.minimumCalls = try settings.value("minimum_calls")
        self.slowAfter = try settings.duration("slow_after")
        self.slowRate = try settings.value("slow_rate")
        self.wait = try settings.duration("wait") ?? self.wait
        self.probes = try settings.value("probes") ?? self.probes
    }
}

extension LimitPolicy: Decodable {
    /// Reads the settings of a limiter.
    public init(from decoder: any Decoder) throws {
        let settings = try Settings(decoder, known: ["permits", "per", "burst", "wait"])
        self.init(
            try settings.required("permits", settings.value("permits")),
            per: try settings.required("per", settings.duration("per")), burst: try settings.value("burst"))
        self.wait = try settings.duration("wait") ?? self.wait
    }
}

extension BulkheadPolicy: Decodable {
    /// Reads the settings of a bulkhead.
    public init(from decoder: any Decoder) throws {
        let settings = try Settings(decoder, known: ["calls", "waiting", "wait"])
        self.init(try settings.required("calls", settings.value("calls")))
        self.waiting = try settings.value("waiting") ?? self.waiting
        self.wait = try settings.duration("wait") ?? self.wait
    }
}

/// A group of settings, of which only known keys are taken: a key that is spelled wrong would be a layer that silently is not there.
private struct Settings {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let container: KeyedDecodingContainer<Key>

    init(_ decoder: any Decoder, known: [String]) throws {
        self.container = try decoder.container(keyedBy: Key.self)
        for key in self.container.allKeys where !known.contains(key.stringValue) {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: self.container,
                debugDescription:
                    "\(NameRules.quoted(key.stringValue)) is no setting here; known are \(known.joined(separator: ", "))"
            )
        }
    }

    func value<Value: Decodable>(_ name: String) throws -> Value? {
        try self.container.decodeIfPresent(Value.self, forKey: Key(stringValue: name))
    }

    func duration(_ name: String) throws -> Duration? {
        let key = Key(stringValue: name)
        guard let text = try self.container.decodeIfPresent(String.self, forKey: key) else { return nil }
        do {
            return try Duration(text: text)
        } catch {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: self.container, debugDescription: "\(name): \(error.description)")
        }
    }

    func required<Value>(_ name: String, _ value: Value?) throws -> Value {
        guard let value else {
            throw DecodingError.keyNotFound(
                Key(stringValue: name),
                DecodingError.Context(codingPath: self.container.codingPath, debugDescription: "\(name) is missing"))
        }
        return value
    }
}
