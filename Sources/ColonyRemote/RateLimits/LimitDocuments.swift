import ColonyCore
package import ColonyResilience

/// A request for permits as JSON. A period that is no whole number of milliseconds is sent in nanoseconds.
struct TakeLimitDocument: Encodable {
    var name: String?
    var permits: Int
    var rate: Int
    var per_ms: Int64?
    var per_ns: Int64?
    var burst: Int

    /// - Parameter isNamed: Whether the name stands in the document, and not in the path.
    init(_ request: RateLimitRequest, isNamed: Bool) {
        self.name = isNamed ? request.name.rawValue : nil
        self.permits = request.permits
        self.rate = request.rule.permits
        self.burst = request.rule.burst
        let nanoseconds = request.rule.period.clampedNanoseconds
        if nanoseconds.isMultiple(of: 1_000_000) {
            self.per_ms = nanoseconds / 1_000_000
        } else {
            self.per_ns = nanoseconds
        }
    }
}

struct TakeLimitsDocument: Encodable {
    var requests: [TakeLimitDocument]
}

/// What a limit answered, as JSON: the shape that the HTTP interface and the command line share.
package struct LimitDecisionDocument: Codable, Sendable {
    package var allowed: Bool
    package var remaining: Int
    package var retryAfterMilliseconds: Int64
    package var resetAfterMilliseconds: Int64

    enum CodingKeys: String, CodingKey {
        case allowed, remaining
        case retryAfterMilliseconds = "retry_after_ms"
        case resetAfterMilliseconds = "reset_after_ms"
    }

    package init(_ decision: RateLimitDecision) {
        self.allowed = decision.isAllowed
        self.remaining = decision.remaining
        self.retryAfterMilliseconds = decision.retryAfter.wholeMilliseconds
        self.resetAfterMilliseconds = decision.resetAfter.wholeMilliseconds
    }

    var decision: RateLimitDecision {
        RateLimitDecision(
            isAllowed: self.allowed, remaining: self.remaining,
            retryAfter: .milliseconds(self.retryAfterMilliseconds),
            resetAfter: .milliseconds(self.resetAfterMilliseconds))
    }
}

struct LimitDecisionsDocument: Decodable {
    var decisions: [LimitDecisionDocument]
}

/// A limit as JSON: the shape that the HTTP interface and the command line share.
package struct LimitDocument: Codable, Sendable {
    package var name: String
    package var rate: Int
    package var periodMilliseconds: Int64?
    package var periodNanoseconds: Int64?
    package var burst: Int
    package var allowed: Bool
    package var remaining: Int
    package var retryAfterMilliseconds: Int64
    package var resetAfterMilliseconds: Int64
    /// Where the daemon's switch of the limit stands; the command line knows of none.
    package var position: String?

    enum CodingKeys: String, CodingKey {
        case name, rate, burst, allowed, remaining, position
        case periodMilliseconds = "per_ms"
        case periodNanoseconds = "per_ns"
        case retryAfterMilliseconds = "retry_after_ms"
        case resetAfterMilliseconds = "reset_after_ms"
    }

    package init(_ record: RateLimitRecord) {
        let decision = LimitDecisionDocument(record.decision)
        let period = record.rule.period.clampedNanoseconds
        self.name = record.name.rawValue
        self.rate = record.rule.permits
        self.periodMilliseconds = period.isMultiple(of: 1_000_000) ? period / 1_000_000 : nil
        self.periodNanoseconds = period.isMultiple(of: 1_000_000) ? nil : period
        self.burst = record.rule.burst
        self.allowed = decision.allowed
        self.remaining = decision.remaining
        self.retryAfterMilliseconds = decision.retryAfterMilliseconds
        self.resetAfterMilliseconds = decision.resetAfterMilliseconds
    }

    func record() throws(ResilienceError) -> RateLimitRecord {
        let period: Duration =
            self.periodNanoseconds.map { .nanoseconds($0) } ?? .milliseconds(self.periodMilliseconds ?? 0)
        do {
            let rule = try RateLimitRule(self.rate, per: period, burst: self.burst)
            return RateLimitRecord(name: try RateLimitName(self.name), rule: rule, decision: self.decision(under: rule))
        } catch {
            throw ResilienceError(.unavailable, "the daemon described a limit that cannot be: \(error)")
        }
    }

    /// What one permit would be answered by the count. Under a switch that lets pass, the daemon tells what is left without that permit,
    /// because nothing would be taken; a record always means with it.
    private func decision(under rule: RateLimitRule) -> RateLimitDecision {
        let reset = Duration.milliseconds(self.resetAfterMilliseconds)
        guard self.position == "passing" else {
            return RateLimitDecision(
                isAllowed: self.allowed, remaining: self.remaining,
                retryAfter: .milliseconds(self.retryAfterMilliseconds), resetAfter: reset)
        }
        let after = reset + .nanoseconds(rule.interval)
        guard self.remaining > 0 else {
            return RateLimitDecision(
                isAllowed: false, remaining: 0, retryAfter: max(.nanoseconds(1), after - .nanoseconds(rule.tolerance)),
                resetAfter: reset)
        }
        return RateLimitDecision(isAllowed: true, remaining: self.remaining - 1, retryAfter: .zero, resetAfter: after)
    }
}

struct LimitPageDocument: Decodable {
    var limits: [LimitDocument]
}
