import ColonyCore
import ColonyResilience
import NIOCore

/// A route as requests use it: durations in nanoseconds, names as bytes, and what all workers share of it.
final class RoutePlan: Sendable {
    enum Action: Sendable {
        /// To the upstream with this number in the settings.
        case forward(upstream: Int)
        case redirect(RedirectPlan)
        case respond(AnswerContent)
    }

    let name: String
    let action: Action
    /// What can refuse a request; `nil` if nothing can.
    let guards: RouteGuards?
    let bodyLimit: UInt64
    /// In nanoseconds; ``total`` is `max` if there is no such end.
    let answer: Int64
    let endpointIdle: Int64
    let relayIdle: Int64
    let total: Int64
    let attempts: Int
    /// Those of the route itself, which then has a budget of its own.
    private let ownRetries: ProxyRetries?
    let budget: RetryBudget
    /// Where it forwards to.
    private let upstream: ProxyUpstream?
    let rewrite: RewritePlan
    /// Whether the head of a request is changed beyond what is always done.
    let rewritesRequest: Bool
    let rewritesResponse: Bool
    /// `nil` for the address of the client.
    let key: KeySource?
    let sticky: StickyPlan?

    /// - Parameters:
    ///   - earlier: The plan of the same name in the settings before: its budget, breaker, and counts go on if their rules are the same.
    init(
        _ route: ProxyRoute, _ options: ProxyOptions, prefixCount: Int, budget: RetryBudget, cookieKey: SipHash,
        earlier: RoutePlan?,
        clock: any MonotonicClock, upstreams: [ProxyUpstream]
    ) throws(ProxyError) {
        self.name = route.name
        let limit = route.limits.bodyBytes ?? options.limits.bodyBytes
        self.bodyLimit = limit.map { UInt64($0) } ?? UInt64(Int64.max)
        self.relayIdle = options.timeouts.relayIdle.clampedNanoseconds
        var timeouts = RouteTimeouts()
        var retries: ProxyRetries?
        var breaker: CircuitBreakerOptions?
        switch route.action {
        case .forward(let forward):
            guard let number = upstreams.firstIndex(where: { $0.name == forward.upstream }) else {
                throw ProxyError(
                    .invalidConfiguration,
                    "the route \"\(route.name)\" forwards to \"\(forward.upstream)\", and there is no such upstream")
            }
            self.action = .forward(upstream: number)
            self.upstream = upstreams[number]
            timeouts = forward.timeouts
            retries = forward.retries
            breaker = forward.breaker
            self.rewrite = RewritePlan(forward.rewrite, prefixCount: prefixCount)
            self.key = forward.key.flatMap { KeySource($0) }
            self.sticky = forward.sticky.map { StickyPlan($0, upstream: forward.upstream, chance: cookieKey) }
        case .redirect(let redirect):
            self.action = .redirect(RedirectPlan(redirect, prefixCount: prefixCount))
            self.upstream = nil
            self.rewrite = .none
            self.key = nil
            self.sticky = nil
        case .respond(let answer):
            self.action = .respond(AnswerContent(answer))
            self.upstream = nil
            self.rewrite = .none
            self.key = nil
            self.sticky = nil
        }
        self.rewritesRequest = self.rewrite.changesRequest
        self.rewritesResponse = self.rewrite.changesResponse
        self.answer = (timeouts.answer ?? options.timeouts.answer).clampedNanoseconds
        self.endpointIdle = (timeouts.endpointIdle ?? options.timeouts.endpointIdle).clampedNanoseconds
        self.total = timeouts.total?.clampedNanoseconds ?? .max
        self.attempts = (retries ?? options.retries).attempts
        self.ownRetries = retries
        if let retries {
            if let earlier, earlier.ownRetries == retries {
                self.budget = earlier.budget
            } else {
                self.budget = try retries.makeBudget(clock: clock)
            }
        } else {
            self.budget = budget
        }
        let goesThereStill = earlier?.upstream.map { before in
            self.upstream.map { $0.name == before.name && $0.balancer === before.balancer } ?? false
        }
        self.guards = try RouteGuards(
            name: route.name, limits: route.limits, breaker: breaker, earlier: earlier?.guards,
            keepsBreaker: goesThereStill ?? false, clock: clock)
    }

    /// Everything goes to the only upstream.
    init(everythingBy options: ProxyOptions, budget: RetryBudget) {
        self.name = ""
        self.action = .forward(upstream: 0)
        self.guards = nil
        self.bodyLimit = options.limits.bodyBytes.map { UInt64($0) } ?? UInt64(Int64.max)
        self.answer = options.timeouts.answer.clampedNanoseconds
        self.endpointIdle = options.timeouts.endpointIdle.clampedNanoseconds
        self.relayIdle = options.timeouts.relayIdle.clampedNanoseconds
        self.total = .max
        self.attempts = options.retries.attempts
        self.ownRetries = nil
        self.upstream = nil
        self.budget = budget
        self.rewrite = .none
        self.rewritesRequest = false
        self.rewritesResponse = false
        self.key = nil
        self.sticky = nil
    }
}
