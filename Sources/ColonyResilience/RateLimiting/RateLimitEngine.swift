public import ColonyCore

/// One request to a shared limit.
public struct RateLimitRequest: Hashable, Sendable {
    /// The limit.
    public let name: RateLimitName
    /// How many permits are taken together; from 1 to the burst of the rule, or 0 to only look.
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
/// applied from then on to what the limit already owes, which is never more than the new burst.
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
    /// - Throws: ``ResilienceError`` with code `unavailable`, `cancelled`, `invalidRequest` or `closed`.
    /// - Complexity: One round trip; O(log *n*) in the number of limits.
    func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision]

    /// Forgets what has been taken from a limit, so that it is full again.
    ///
    /// - Returns: Whether something was owed.
    @discardableResult
    func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool
}

/// A store that can tell which limits it counts, for consoles.
public protocol RateLimitAdministration: RateLimitEngine {
    /// Limits that are not full, with a prefix and after a name, in byte order.
    ///
    /// - Parameter limit: From 1 to ``RateLimitLimits/batch``.
    func limits(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitRecord]
}

/// A shared limit as it stands.
public struct RateLimitRecord: Hashable, Sendable {
    /// The limit.
    public let name: RateLimitName
    /// The rule of the latest request that took permits.
    public let rule: RateLimitRule
    /// What a request of one permit would be answered.
    public let decision: RateLimitDecision

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
}
