public import ColonyCore
import ColonyRESP
public import ColonyResilience

/// Limits on a Redis server, or on a Redis Cluster: one count for all hosts that reach it.
///
/// ```swift
/// let engine = try RedisRateLimitEngine(url: "redis://127.0.0.1:6379?prefix=limits:")
/// let rule = try RateLimitRule(100, per: .seconds(1))
/// let answer = try await engine.take([RateLimitRequest("tenant/7", rule: rule)])[0]
/// ```
///
/// Each request is a script, which Redis runs in one step: clients that ask at the same time never take more than the rule allows.
/// All requests of a call travel together; in a cluster, those for one server do.
///
/// **Guarantee.** As long as the server keeps its memory, no window of time sees more permits than the rule allows. What a decision
/// outlives is for the operator to say; see ``RedisRateLimitEngineOptions/survival``. A server that has lost its memory, and a replica
/// that takes over without the latest decisions, count those permits as not taken.
///
/// **Time** is the server's, in whole microseconds; what the clock of a client says changes nothing. If the clock of the server is
/// set forward by a while, limits get what they would get in that while. If it is set back, a limit is at worst as if it were
/// empty: it never takes longer to fill than its rule says.
///
/// **Memory.** A limit that is not full has one key of some 150 bytes beside its name, which expires when the limit is full again.
/// A server that evicts such keys for lack of memory counts those limits as full; `noeviction`, the default, does not.
///
/// Redis 6.0 or later is needed.
public final class RedisRateLimitEngine: RateLimitEngine {
    /// What a decision is worth: it reaches the network, and outlives what the options say.
    public let guarantee: Guarantee

    private let options: RedisRateLimitEngineOptions
    let router: RedisRouter
    let space: LeaseKeySpace

    /// Makes an engine. No connection is made before the first call.
    ///
    /// - Throws: `ResilienceError` with `invalidConfiguration`, quoting the value that cannot be.
    public init(_ options: RedisRateLimitEngineOptions) throws(ResilienceError) {
        if let defect = options.defect {
            throw ResilienceError(.invalidConfiguration, "Redis cannot be used: \(defect)")
        }
        self.options = options
        self.guarantee = Guarantee(reach: .network, survival: options.survival)
        self.space = LeaseKeySpace(prefix: options.keyPrefix)
        self.router = RedisRouter(RedisLinkSettings(options.connection, prefix: "", listener: nil))
    }

    /// Makes an engine from a URL; see ``RedisRateLimitEngineOptions/init(url:generator:)-(String,_)``.
    ///
    /// - Throws: `ResilienceError` with `invalidConfiguration`, which never shows the password.
    public convenience init(url: String) throws(ResilienceError) {
        try self.init(RedisRateLimitEngineOptions(url: url))
    }

    /// Makes an engine from a URL that was read already.
    ///
    /// - Throws: `ResilienceError` with `invalidConfiguration`, which never shows the password.
    public convenience init(url: EngineURL) throws(ResilienceError) {
        try self.init(RedisRateLimitEngineOptions(url: url))
    }

    deinit {
        let router = self.router
        Task { await router.close() }
    }

    /// Ends all connections. What is under way throws `closed`.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.router.close()
    }

    /// Decides each request by a script of its own, all in one write and one wait.
    ///
    /// A request that was sent is never sent again on its own account, because that would take its permits twice.
    ///
    /// - Throws: `ResilienceError`. A server that cannot be reached, or does not answer within the `timeout`, is `unavailable`; so is
    ///   one that refuses, and the message says why.
    /// - Complexity: One round trip; two when a server has not met the script.
    public func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        try RateLimitLimits.check(requests)
        let calls = requests.map { request in
            let rule = request.rule
            let cost = Self.pair(Int64(request.permits) * rule.interval)
            let fill = Self.pair(rule.tolerance)
            let text = "\(rule.permits) \(rule.period.clampedNanoseconds) \(rule.burst)"
            return self.call(
                RateLimitScripts.take, request.name, isRepeatable: request.permits == 0, cost + fill + [text])
        }
        var decisions: [RateLimitDecision] = []
        decisions.reserveCapacity(requests.count)
        for (request, answer) in zip(requests, try await self.run(calls)) {
            guard let parts = answer.elements, parts.count == 2, let owed = Self.nanoseconds(parts[...]) else {
                throw self.unexpected(answer)
            }
            // What was owed is all that the decision depends on, whatever the time is.
            let outcome = GenericCellRate.decide(request.permits, under: request.rule, arrival: owed, at: 0)
            decisions.append(outcome.decision)
        }
        return decisions
    }

    /// Removes the key of a limit, so that it is full again.
    ///
    /// - Returns: Whether something was owed.
    /// - Throws: `ResilienceError` as ``take(_:)`` does; after `unavailable` it may have been reset.
    /// - Complexity: One round trip.
    @discardableResult
    public func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool {
        let answer = try await self.run([self.call(RateLimitScripts.reset, name, isRepeatable: false, [])])[0]
        guard let owed = answer.integer else { throw self.unexpected(answer) }
        return owed == 1
    }

    // MARK: Asking

    func call(
        _ script: RedisScript, _ name: RateLimitName, isRepeatable: Bool, _ arguments: [String]
    ) -> RedisScriptCall {
        let name = Array(name.rawValue.utf8)
        return RedisScriptCall(
            script: script, keys: self.space.companions([Self.kind], of: name),
            arguments: arguments.map { Array($0.utf8) },
            subject: String(decoding: name, as: UTF8.self), isRepeatable: isRepeatable)
    }

    /// What the keys of limits are among the keys of Colony's own.
    static let kind = "limit:"

    /// Runs scripts in one round trip, and gives their answers, none of which is an error.
    func run(_ calls: [RedisScriptCall]) async throws(ResilienceError) -> [RESPValue] {
        do throws(RedisFailure) {
            let answers = try await self.router.run(calls)
            for answer in answers {
                if let text = answer.errorText { throw RedisReply.failure(text) }
            }
            return answers
        } catch {
            throw self.error(error)
        }
    }

    func error(_ failure: RedisFailure) -> ResilienceError {
        let code: ResilienceError.Code =
            switch failure.code {
            case .cancelled: .cancelled
            case .closed: .closed
            case .unavailable, .overloaded, .refused, .invalidConfiguration, .wrongType, .valueTooLarge: .unavailable
            }
        return ResilienceError(code, "\(self.options.connection): \(failure.message)", cause: failure.cause)
    }

    func unexpected(_ answer: RESPValue) -> ResilienceError {
        ResilienceError(
            .unavailable,
            "\(self.options.connection): the server answered with something else than was asked for: \(answer)")
    }

    private static let second: Int64 = 1_000_000_000

    /// Nanoseconds as whole seconds and the rest.
    private static func pair(_ nanoseconds: Int64) -> [String] {
        [String(nanoseconds / Self.second), String(nanoseconds % Self.second)]
    }

    /// Nanoseconds from whole seconds and the rest, and no more than any limit takes to fill up: a clock of the server that was set back
    /// leaves keys that are further ahead.
    static func nanoseconds(_ parts: ArraySlice<RESPValue>) -> Int64? {
        guard parts.count >= 2, let seconds = parts[parts.startIndex].integer,
            let rest = parts[parts.startIndex + 1].integer,
            seconds >= 0, (0..<Self.second).contains(rest)
        else { return nil }
        let longest = RateLimitRule.longestFill.components.seconds
        return seconds < longest ? seconds * Self.second + rest : longest * Self.second
    }
}
