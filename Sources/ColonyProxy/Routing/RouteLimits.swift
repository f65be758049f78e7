public import ColonyResilience

/// How much of the requests of a route is taken.
public struct RouteLimits: Hashable, Sendable {
    /// The body of a request, in bytes; a longer one is answered with 413. `nil` for the limit of the whole proxy.
    public let bodyBytes: Int64?
    /// How often requests may come; others are answered with 429 and `Retry-After`. `nil` for as often as they come.
    public let rateLimit: RouteRateLimit?
    /// Requests that are at endpoints at one time, over all workers; others are answered with 503. `nil` for any number.
    public let concurrentRequests: Int?

    /// None.
    public static let none = RouteLimits()

    private init() {
        self.bodyBytes = nil
        self.rateLimit = nil
        self.concurrentRequests = nil
    }

    /// Makes limits.
    ///
    /// - Parameters:
    ///   - bodyBytes: From 0.
    ///   - concurrentRequests: From 1 to 1,000,000.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        bodyBytes: Int64? = nil, rateLimit: RouteRateLimit? = nil, concurrentRequests: Int? = nil
    ) throws(ProxyError) {
        if let bodyBytes, bodyBytes < 0 {
            throw ProxyError(.invalidConfiguration, "a limit of \(bodyBytes) bytes for a body is not possible")
        }
        if let concurrentRequests, !(1...1_000_000).contains(concurrentRequests) {
            throw ProxyError(
                .invalidConfiguration,
                "a limit of \(concurrentRequests) requests at one time is not possible: from 1 to 1000000")
        }
        self.bodyBytes = bodyBytes
        self.rateLimit = rateLimit
        self.concurrentRequests = concurrentRequests
    }
}

/// How often the requests of a route may come: a token bucket, for each key one.
public struct RouteRateLimit: Hashable, Sendable {
    /// Whose requests are counted together.
    public enum Key: Hashable, Sendable {
        /// Those of one client's address, of IPv6 the first 64 bits.
        case client
        /// Those with the same value of the first header field with this name; without it, those of one client's address.
        case header(String)
        /// All.
        case all
    }

    /// How many requests in which time, and how many at once.
    public let rule: RateLimitRule
    /// Whose requests are counted together.
    public let key: Key
    /// How many keys are kept.
    public let capacity: Int

    /// Makes a limit.
    ///
    /// - Parameter capacity: From 1 to 10,000,000; if more keys come, see `KeyedRateLimiter`: nobody gets more for it.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(_ rule: RateLimitRule, for key: Key = .client, capacity: Int = 100_000) throws(ProxyError) {
        if case .header(let name) = key { try FieldSyntax.check(name: name) }
        guard (1...10_000_000).contains(capacity) else {
            throw ProxyError(
                .invalidConfiguration, "room for \(capacity) keys of a limit is not possible: from 1 to 10000000")
        }
        self.rule = rule
        self.key = key
        self.capacity = capacity
    }
}
