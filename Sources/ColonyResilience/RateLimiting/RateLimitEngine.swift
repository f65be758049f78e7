public import ColonyCore

/// One request to a shared limit.
public struct RateLimitRequest: Hashable, Sendable {
    /// The limit.
    public let name: RateLimitName
    /// How many permits are taken together; from 1 to the burst of the rule, or 0 to only look, which changes nothing.
    public let permits: Int
    /// The rule of the limit, which travels with each request; the store keeps no settings.
    public let rule: RateLimitRule

    /// Makes a request.
    public init(_ name: RateLimitName, permits: Int = 1, rule: RateLimitRule) {
        self.name = name
        self.permits = permits
        self.rule = rule
    }

    /// Refuses a request that could never be granted.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the number.
    public func check() throws(ResilienceError) {
        guard (0...self.rule.burst).contains(self.permits) else {
            throw ResilienceError(
                .invalidRequest,
                "\(self.permits) permits of \(self.name) can never be taken at once: from 0 to its burst of "
                    + "\(self.rule.burst)")
        }
    }
}

/// A store that counts a rate limit for many processes: takes permits by its own clock, in one atomic step.
///
/// All engines decide by the generic cell rate algorithm: the store keeps one number for each limit, the theoretical arrival time
/// of the next permit, so a limit costs the same whatever its rate and burst are. A rule that changes from one request to the next is
/// applied from then on to what the limit already owes: that is owed in time, not in permits, and is never more than the new burst
/// takes to fill up.
///
/// - SeeAlso: ITU-T Recommendation I.371, annex A (virtual scheduling).
public protocol RateLimitEngine: Sendable {
    /// How far a limit reaches, and what its count survives.
    var guarantee: Guarantee { get }

    /// Decides several requests in their order, each in one atomic step of the store and by the clock of the store.
    ///
    /// What the client's clock says changes nothing. A refused request takes nothing. Repeating a call takes permits again: after
    /// `unavailable` or `cancelled` they may have been taken.
    ///
    /// - Parameter requests: From 1 to ``RateLimitLimits/batch`` requests; the same limit may occur several times.
    /// - Returns: One decision for each request, in the same order.
    /// - Throws: ``ResilienceError`` with code `unavailable`, `cancelled`, `invalidRequest` or `closed`. After `invalidRequest`
    ///   nothing has been taken for any request of the batch.
    /// - Complexity: One round trip; O(log *n*) in the number of limits.
    func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision]

    /// Forgets what has been taken from a limit, so that it is full again.
    ///
    /// - Returns: Whether something was owed.
    @discardableResult
    func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool
}

extension RateLimitEngine {
    /// Decides one request. See ``take(_:)``.
    public func take(_ request: RateLimitRequest) async throws(ResilienceError) -> RateLimitDecision {
        let decisions = try await self.take([request])
        guard let decision = decisions.first, decisions.count == 1 else {
            throw ResilienceError(.unavailable, "the store gave \(decisions.count) answers to one request")
        }
        return decision
    }
}

/// A store that can tell which limits it counts, for consoles.
public protocol RateLimitAdministration: RateLimitEngine {
    /// Limits that are not full, with a prefix and after a name, in byte order.
    ///
    /// - Parameter limit: From 1 to ``RateLimitLimits/batch``.
    func limits(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitRecord]

    /// One limit, or `nil` if it is full. Where no order of names has to be kept for ``limits(withPrefix:after:limit:)``, it costs no more
    /// than a request for permits.
    func limit(_ name: RateLimitName) async throws(ResilienceError) -> RateLimitRecord?
}

extension RateLimitAdministration {
    /// Looks for the limit in the list: of all names that begin with a name, it is the first itself.
    public func limit(_ name: RateLimitName) async throws(ResilienceError) -> RateLimitRecord? {
        let first = try await self.limits(withPrefix: name.rawValue, after: nil, limit: 1).first
        return first?.name == name ? first : nil
    }
}

/// A shared limit as it stands.
public struct RateLimitRecord: Hashable, Sendable {
    /// The limit.
    public let name: RateLimitName
    /// The rule of the latest request that took permits.
    public let rule: RateLimitRule
    /// What a request of one permit would be answered by the count; a daemon's switch that lets pass is left out.
    public let decision: RateLimitDecision

    /// What is left and how long it takes until the limit is full, without the permit that ``decision`` is about.
    package var standing: (remaining: Int, resetAfter: Duration) {
        guard self.decision.isAllowed else { return (self.decision.remaining, self.decision.resetAfter) }
        return (
            self.decision.remaining + 1, max(.zero, self.decision.resetAfter - .nanoseconds(self.rule.interval))
        )
    }

    /// Makes a record.
    public init(name: RateLimitName, rule: RateLimitRule, decision: RateLimitDecision) {
        self.name = name
        self.rule = rule
        self.decision = decision
    }
}

/// The bounds of calls to a ``RateLimitEngine``.
public enum RateLimitLimits {
    /// The most requests in a call, and the most records in a page.
    public static let batch = 1_000

    /// Refuses a batch that an engine does not decide.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the number that is out of range.
    public static func check(_ requests: [RateLimitRequest]) throws(ResilienceError) {
        guard (1...Self.batch).contains(requests.count) else {
            throw ResilienceError(
                .invalidRequest, "\(requests.count) requests at once are not possible: from 1 to \(Self.batch)")
        }
        for request in requests { try request.check() }
    }

    /// Refuses a page that is out of range.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the number.
    public static func check(page limit: Int) throws(ResilienceError) {
        guard (1...Self.batch).contains(limit) else {
            throw ResilienceError(
                .invalidRequest, "a page of \(limit) limits is not possible: from 1 to \(Self.batch)")
        }
    }
}
