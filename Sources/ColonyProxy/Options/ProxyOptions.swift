/// How a proxy listens, what it takes, and how long it waits.
public struct ProxyOptions: Sendable {
    /// What the proxy understands of what it passes on.
    public enum Mode: Hashable, Sendable {
        /// Bytes in both directions; one endpoint for each connection.
        case tcp
        /// HTTP/1.1; an endpoint for each request.
        case http
    }

    /// The most routes.
    public static var mostRoutes: Int { 4_096 }

    /// What the proxy understands.
    public let mode: Mode
    /// Where it listens.
    public let listen: [ListenAddress]
    /// Threads, each with its own connections to clients and to endpoints.
    public let workers: Int
    /// How many connections the system keeps for each worker until they are accepted.
    public let backlog: Int
    /// Whether another process may listen at the same address at the same time.
    public let sharesPort: Bool
    /// How long it waits for what.
    public let timeouts: ProxyTimeouts
    /// What it takes at most.
    public let limits: ProxyLimits
    /// Which requests go where, in the order in which they are tried. Empty if everything goes to the only upstream. HTTP mode only.
    public let routes: [ProxyRoute]
    /// When it tries again.
    public let retries: ProxyRetries
    /// What endpoints are told of clients. HTTP mode only.
    public let forwarding: ForwardingOptions
    /// Whether the PROXY protocol is spoken.
    public let proxyProtocol: ProxyProtocolOptions
    /// How the proxy speaks TLS with clients; `nil` if it does not.
    public let tls: ProxyTLS?
    /// How long requests and connections may run on after the proxy was asked to end.
    public let drain: Duration
    /// Who is told of each request. HTTP mode only.
    public let accessLog: AccessLog?

    /// Makes options from values that may come from outside.
    ///
    /// - Parameters:
    ///   - listen: At least one address, at most 64.
    ///   - workers: From 1 to 1,024; one for each core is right for a host that does nothing else.
    ///   - backlog: From 1 to 65,535; the system has a limit of its own.
    ///   - sharesPort: `true` for a hand-over between two processes: the new one listens before the old one stops. Otherwise starting a
    ///     proxy twice is an error and not a surprise.
    ///   - proxyProtocol: A header for endpoints is possible in TCP mode only.
    ///   - drain: From zero to one day.
    ///   - routes: At most ``mostRoutes``, each with a name of its own.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        mode: Mode, listen: [ListenAddress], workers: Int = 1, backlog: Int = 1_024, sharesPort: Bool = false,
        timeouts: ProxyTimeouts = ProxyTimeouts(), limits: ProxyLimits = ProxyLimits(),
        retries: ProxyRetries = ProxyRetries(), forwarding: ForwardingOptions = ForwardingOptions(),
        proxyProtocol: ProxyProtocolOptions = ProxyProtocolOptions(), tls: ProxyTLS? = nil,
        drain: Duration = .seconds(30),
        accessLog: AccessLog? = nil, routes: [ProxyRoute] = []
    ) throws(ProxyError) {
        guard (1...64).contains(listen.count) else {
            throw ProxyError(
                .invalidConfiguration, "\(listen.count) addresses to listen on are not possible: from 1 to 64")
        }
        guard (1...1_024).contains(workers) else {
            throw ProxyError(.invalidConfiguration, "\(workers) workers are not possible: from 1 to 1024")
        }
        guard (1...65_535).contains(backlog) else {
            throw ProxyError(.invalidConfiguration, "a backlog of \(backlog) is not possible: from 1 to 65535")
        }
        guard drain >= .zero, drain <= .seconds(86_400) else {
            throw ProxyError(.invalidConfiguration, "a drain of \(drain) is not possible: from zero to a day")
        }
        try timeouts.validate()
        try limits.validate()
        try retries.validate()
        try forwarding.validate()
        if mode == .http, proxyProtocol.sends != nil {
            // Connections to endpoints serve many clients in turn.
            throw ProxyError(
                .invalidConfiguration,
                "the PROXY protocol is not sent to endpoints in HTTP mode, where X-Forwarded-For tells of clients")
        }
        guard mode == .http || routes.isEmpty else {
            throw ProxyError(
                .invalidConfiguration,
                "\(routes.count) routes are not possible in TCP mode, where requests are not read")
        }
        guard routes.count <= Self.mostRoutes else {
            throw ProxyError(
                .invalidConfiguration, "\(routes.count) routes are not possible: at most \(Self.mostRoutes)")
        }
        var names: Set<String> = []
        for route in routes where !names.insert(route.name).inserted {
            throw ProxyError(.invalidConfiguration, "two routes have the name \"\(route.name)\"")
        }
        self.mode = mode
        self.listen = listen
        self.workers = workers
        self.backlog = backlog
        self.sharesPort = sharesPort
        self.timeouts = timeouts
        self.limits = limits
        self.routes = routes
        self.retries = retries
        self.forwarding = forwarding
        self.proxyProtocol = proxyProtocol
        self.tls = tls
        self.drain = drain
        self.accessLog = accessLog
    }
}
