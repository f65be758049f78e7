public import ColonyResilience

/// How the requests of a route go to an endpoint.
public struct RouteForward: Sendable {
    /// The name of the upstream whose balancer chooses the endpoint.
    public let upstream: String
    /// What is changed on the way.
    public let rewrite: RouteRewrite
    /// How long is waited, where that is not as everywhere.
    public let timeouts: RouteTimeouts
    /// When another endpoint is tried, with a budget of its own; `nil` for the rules and the budget of the whole proxy.
    public let retries: ProxyRetries?
    /// When the upstream is left alone for a while; `nil` for never.
    ///
    /// A request counts once, whatever was retried: as failed if the client got a status of 5xx (without 501 and 505), or half an answer.
    /// A request whose client went away, and one that no endpoint was there for, say nothing. What the breaker refuses is answered with
    /// 503 and `Retry-After`, and reaches no endpoint.
    public let breaker: CircuitBreakerOptions?
    /// What algorithms by key place a request by; `nil` for the address of the client.
    public let key: PickKey?
    /// How a client is kept with its endpoint; `nil` if it is not.
    public let sticky: StickyCookie?

    /// Makes an action.
    ///
    /// - Parameter upstream: The name of an upstream of the proxy; that it exists is checked with the proxy.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ upstream: String, rewrite: RouteRewrite = .none, timeouts: RouteTimeouts = RouteTimeouts(),
        retries: ProxyRetries? = nil, breaker: CircuitBreakerOptions? = nil, key: PickKey? = nil,
        sticky: StickyCookie? = nil
    ) throws(ProxyError) {
        try timeouts.validate()
        try retries?.validate()
        try key?.validate()
        self.upstream = upstream
        self.rewrite = rewrite
        self.timeouts = timeouts
        self.retries = retries
        self.breaker = breaker
        self.key = key
        self.sticky = sticky
    }
}

/// How long the requests of a route may take; `nil` for what the options of the proxy say. They are checked with the action.
public struct RouteTimeouts: Hashable, Sendable {
    /// For the head of an answer, from the moment the request has been passed on; from a millisecond to a day.
    public var answer: Duration?
    /// For the next bytes of an answer's body; from a millisecond to a day.
    public var endpointIdle: Duration?
    /// For all of it, retries among it, from the head of the request to the end of the answer; from a millisecond to a day. Without it there
    /// is no such end. Before the head of an answer has been passed on it is a 504; after that the answer is broken off. A connection that
    /// changes its protocol is not bound by it.
    public var total: Duration?

    /// Makes time-outs.
    public init(answer: Duration? = nil, endpointIdle: Duration? = nil, total: Duration? = nil) {
        self.answer = answer
        self.endpointIdle = endpointIdle
        self.total = total
    }

    func validate() throws(ProxyError) {
        let named: [(String, Duration?)] = [
            ("answer", self.answer), ("endpointIdle", self.endpointIdle), ("total", self.total),
        ]
        for (name, value) in named {
            guard let value, value < .milliseconds(1) || value > .seconds(86_400) else { continue }
            throw ProxyError(
                .invalidConfiguration,
                "a time-out \(name) of \(value) of a route is not possible: from a millisecond to a day")
        }
    }
}
