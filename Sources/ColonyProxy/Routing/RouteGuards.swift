import ColonyBalancing
import ColonyCore
import ColonyResilience

/// What can refuse a request of a route, shared by all workers.
final class RouteGuards: Sendable {
    /// Whose requests are counted together.
    enum Limit: Sendable {
        case all(RateLimiter)
        case client(KeyedRateLimiter<LimitKey>)
        case header([UInt8], KeyedRateLimiter<LimitKey>)
    }

    private let rateLimit: RouteRateLimit?
    let limit: Limit?
    let breaker: CircuitBreaker?
    /// How many requests are at endpoints, and how many may.
    let places: ConnectionCount
    let concurrentRequests: Int?

    /// - Parameters:
    ///   - earlier: Those of the route before: what they have counted goes on where the rules are the same.
    ///   - keepsBreaker: Whether the route goes where it went before; what a breaker knows is of there.
    init?(
        name: String, limits: RouteLimits, breaker: CircuitBreakerOptions?, earlier: RouteGuards?, keepsBreaker: Bool,
        clock: any MonotonicClock
    ) throws(ProxyError) {
        guard limits.rateLimit != nil || limits.concurrentRequests != nil || breaker != nil else { return nil }
        self.rateLimit = limits.rateLimit
        if let rateLimit = limits.rateLimit {
            if let earlier, earlier.rateLimit == rateLimit, let limit = earlier.limit {
                self.limit = limit
            } else {
                self.limit = try Self.limit(rateLimit, name: name, clock: clock)
            }
        } else {
            self.limit = nil
        }
        if let breaker {
            if keepsBreaker, let kept = earlier?.breaker, Self.areSame(kept.options, breaker) {
                self.breaker = kept
            } else {
                self.breaker = CircuitBreaker(breaker, name: name, clock: clock)
            }
        } else {
            self.breaker = nil
        }
        // Requests that are under way count on.
        self.places = earlier?.places ?? ConnectionCount()
        self.concurrentRequests = limits.concurrentRequests
    }

    /// Whether the breaker looks at how long calls take.
    var judgesSlowness: Bool { self.breaker?.options.slowCalls != nil }

    private static func limit(
        _ limit: RouteRateLimit, name: String, clock: any MonotonicClock
    ) throws(ProxyError) -> Limit {
        do throws(ResilienceError) {
            switch limit.key {
            case .all: return .all(try RateLimiter(limit.rule, RateLimiterOptions(name: name), clock: clock))
            case .client:
                return .client(
                    try KeyedRateLimiter(limit.rule, capacity: limit.capacity, name: name, clock: clock))
            case .header(let header):
                return .header(
                    header.utf8.map { ByteScan.lower($0) },
                    try KeyedRateLimiter(limit.rule, capacity: limit.capacity, name: name, clock: clock))
            }
        } catch {
            throw ProxyError(.invalidConfiguration, "the route \"\(name)\": \(error.message)", cause: error)
        }
    }

    /// Whether two breakers decide alike. What they make of errors does not matter: the proxy reports results, not errors.
    private static func areSame(_ one: CircuitBreakerOptions, _ other: CircuitBreakerOptions) -> Bool {
        one.window == other.window && one.failureRate == other.failureRate && one.slowCalls == other.slowCalls
            && one.minimumCalls == other.minimumCalls && one.wait == other.wait && one.probes == other.probes
            && one.probeTimeout == other.probeTimeout
    }

    /// How long the limit is to be waited for; `nil` if a request may come now, which is counted.
    func waitForRate(
        _ client: RequestClient, _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer
    ) -> Duration? {
        let decision: RateLimitDecision?
        switch self.limit {
        case .none: return nil
        case .all(let limiter): decision = try? limiter.take()
        case .client(let limiter): decision = try? limiter.take(for: client.limitKey)
        case .header(let name, let limiter):
            var key = client.limitKey
            if let index = parser.fields.firstSent(named: name, in: bytes) {
                key = LimitKey(parser.fields[index].value.bytes(in: bytes), of: .header)
            }
            decision = try? limiter.take(for: key)
        }
        guard let decision, !decision.isAllowed else { return nil }
        return decision.retryAfter
    }
}

/// A key of a rate limit as 128 bits of a hash that is different in each process: no bytes are kept, and nobody can make two keys the same.
struct LimitKey: Hashable, Sendable {
    /// What the bytes are: a header field that says the same as an address is no client.
    enum Domain { case client, header }

    private let first: Int
    private let second: Int

    init(_ bytes: UnsafeRawBufferPointer, of domain: Domain) {
        var first = Hasher()
        first.combine(1)
        first.combine(domain)
        first.combine(bytes: bytes)
        self.first = first.finalize()
        var second = Hasher()
        second.combine(2)
        second.combine(domain)
        second.combine(bytes: bytes)
        self.second = second.finalize()
    }

    /// The key of a client, of IPv6 the first 64 bits of its address.
    init(client: String) {
        let context = PickContext(clientAddress: client)
        self = withUnsafeBytes(of: context.hash ?? 0) { LimitKey($0, of: .client) }
    }
}
