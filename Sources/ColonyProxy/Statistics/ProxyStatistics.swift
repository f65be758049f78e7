public import ColonyBalancing
public import ColonyResilience

/// What a proxy has done since it was started, and what it does now.
///
/// Each worker counts for itself, and a snapshot adds them up one after the other: the numbers are exact, but not of one moment.
public struct ProxyStatistics: Sendable {
    /// What came from clients and went to them.
    public struct Traffic: Hashable, Sendable {
        /// Connections that were accepted.
        public internal(set) var connections: UInt64 = 0
        /// Connections that were closed at once, because there were too many or the proxy was draining.
        public internal(set) var refusedConnections: UInt64 = 0
        /// Connections that are open.
        public internal(set) var activeConnections = 0
        /// TLS handshakes that clients have ended well.
        public internal(set) var handshakes: UInt64 = 0
        /// Connections that ended before their TLS handshakes had.
        public internal(set) var failedHandshakes: UInt64 = 0
        /// Requests whose heads were read. In HTTP/2 each stream is one.
        public internal(set) var requests: UInt64 = 0
        /// Requests that have no whole answer yet.
        public internal(set) var activeRequests = 0
        /// Answers by the hundreds of their status, from 1xx to 5xx.
        public internal(set) var answers = AnswerCounts()
        /// Answers that the proxy made itself, such as 502. They are part of ``answers``.
        public internal(set) var ownAnswers: UInt64 = 0
        /// Bytes that were read from clients.
        public internal(set) var bytesFromClients: UInt64 = 0
        /// Bytes that were written to clients.
        public internal(set) var bytesToClients: UInt64 = 0
        /// Attempts after the first one.
        public internal(set) var retries: UInt64 = 0
        /// Attempts that the budget did not allow.
        public internal(set) var refusedRetries: UInt64 = 0
        /// Requests whose client went away before the answer was whole.
        public internal(set) var abandonedRequests: UInt64 = 0
        /// Answers that broke off after their head had been passed on.
        public internal(set) var brokenAnswers: UInt64 = 0
        /// Waits for clients or endpoints that took too long.
        public internal(set) var timeouts: UInt64 = 0

        mutating func add(_ other: Traffic) {
            self.connections &+= other.connections
            self.refusedConnections &+= other.refusedConnections
            self.activeConnections &+= other.activeConnections
            self.handshakes &+= other.handshakes
            self.failedHandshakes &+= other.failedHandshakes
            self.requests &+= other.requests
            self.activeRequests &+= other.activeRequests
            self.answers.add(other.answers)
            self.ownAnswers &+= other.ownAnswers
            self.bytesFromClients &+= other.bytesFromClients
            self.bytesToClients &+= other.bytesToClients
            self.retries &+= other.retries
            self.refusedRetries &+= other.refusedRetries
            self.abandonedRequests &+= other.abandonedRequests
            self.brokenAnswers &+= other.brokenAnswers
            self.timeouts &+= other.timeouts
        }
    }

    /// Answers by the hundreds of their status.
    public struct AnswerCounts: Hashable, Sendable {
        /// 1xx, without those before the last answer to a request.
        public internal(set) var informational: UInt64 = 0
        /// 2xx.
        public internal(set) var successful: UInt64 = 0
        /// 3xx.
        public internal(set) var redirected: UInt64 = 0
        /// 4xx.
        public internal(set) var refused: UInt64 = 0
        /// 5xx.
        public internal(set) var failed: UInt64 = 0

        mutating func count(status: Int) {
            switch status {
            case ..<200: self.informational &+= 1
            case ..<300: self.successful &+= 1
            case ..<400: self.redirected &+= 1
            case ..<500: self.refused &+= 1
            default: self.failed &+= 1
            }
        }

        mutating func add(_ other: AnswerCounts) {
            self.informational &+= other.informational
            self.successful &+= other.successful
            self.redirected &+= other.redirected
            self.refused &+= other.refused
            self.failed &+= other.failed
        }
    }

    /// What went to one endpoint and came from it.
    public struct EndpointTraffic: Sendable {
        /// The name of the upstream that it belongs to.
        public let upstream: String
        /// The endpoint.
        public let endpoint: Endpoint
        /// Its number in the balancer, see `Pick.number`.
        public let number: UInt64
        /// Connections that were opened.
        public internal(set) var connections: UInt64 = 0
        /// Connections that could not be opened.
        public internal(set) var failedConnections: UInt64 = 0
        /// Connections that are open, also those without work.
        public internal(set) var activeConnections = 0
        /// Connections that are open and have no work.
        public internal(set) var idleConnections = 0
        /// Requests, or TCP connections, that wait for a connection.
        public internal(set) var waiting = 0
        /// Requests that were sent, also those that were sent again.
        public internal(set) var requests: UInt64 = 0
        /// Requests that failed, and answers with a status of 5xx.
        public internal(set) var failures: UInt64 = 0
        /// Bytes that were written to the endpoint.
        public internal(set) var bytesTo: UInt64 = 0
        /// Bytes that were read from the endpoint.
        public internal(set) var bytesFrom: UInt64 = 0

        mutating func add(_ other: EndpointTraffic) {
            self.connections &+= other.connections
            self.failedConnections &+= other.failedConnections
            self.activeConnections &+= other.activeConnections
            self.idleConnections &+= other.idleConnections
            self.waiting &+= other.waiting
            self.requests &+= other.requests
            self.failures &+= other.failures
            self.bytesTo &+= other.bytesTo
            self.bytesFrom &+= other.bytesFrom
        }
    }

    /// What came for one route.
    public struct RouteTraffic: Hashable, Sendable {
        /// The name of the route.
        public let name: String
        /// Requests that it matched.
        public internal(set) var requests: UInt64 = 0
        /// Requests that have no whole answer yet.
        public internal(set) var activeRequests = 0
        /// Answers by the hundreds of their status, those of the proxy among them.
        public internal(set) var answers = AnswerCounts()
        /// Requests that came too often, for which the answer was 429.
        public internal(set) var refusedByRate: UInt64 = 0
        /// Requests that were too many at one time, for which the answer was 503.
        public internal(set) var refusedByConcurrency: UInt64 = 0
        /// Requests that met an open circuit breaker, for which the answer was 503.
        public internal(set) var refusedByBreaker: UInt64 = 0
        /// How its circuit breaker stands; `nil` if it has none.
        public internal(set) var breaker: CircuitBreakerState?

        init(name: String) { self.name = name }

        mutating func add(_ other: RouteTraffic) {
            self.requests &+= other.requests
            self.activeRequests &+= other.activeRequests
            self.answers.add(other.answers)
            self.refusedByRate &+= other.refusedByRate
            self.refusedByConcurrency &+= other.refusedByConcurrency
            self.refusedByBreaker &+= other.refusedByBreaker
        }
    }

    /// All workers together.
    public internal(set) var traffic = Traffic()
    /// How long requests took, from their head to the end of their answer; connections in TCP mode are not counted.
    public internal(set) var latency = LatencyCounts()
    /// Each endpoint that was used, by its upstream and its number.
    public internal(set) var endpoints: [EndpointTraffic] = []
    /// Each route, in the order of the list.
    public internal(set) var routes: [RouteTraffic] = []

    mutating func note(breakers: [String: CircuitBreakerState?]) {
        for index in self.routes.indices { self.routes[index].breaker = breakers[self.routes[index].name] ?? nil }
    }

    mutating func add(_ other: ProxyStatistics) {
        self.traffic.add(other.traffic)
        self.latency.add(other.latency)
        for route in other.routes {
            if let index = self.routes.firstIndex(where: { $0.name == route.name }) {
                self.routes[index].add(route)
            } else {
                self.routes.append(route)
            }
        }
        for other in other.endpoints {
            let index = self.endpoints.firstIndex { $0.number == other.number && $0.upstream == other.upstream }
            if let index {
                self.endpoints[index].add(other)
            } else {
                self.endpoints.append(other)
            }
        }
        self.endpoints.sort { ($0.upstream, $0.number) < ($1.upstream, $1.number) }
    }
}
