public import ColonyBalancing

/// Endpoints that serve the same things, and how to reach them.
public struct ProxyUpstream: Sendable {
    /// What routes and statistics call it.
    public let name: String
    /// Chooses among the endpoints. It stays the caller's: its endpoints can be changed at any time.
    public let balancer: LoadBalancer
    /// How many connections to each endpoint are kept. HTTP mode only.
    public let pool: UpstreamPoolOptions
    /// How TLS is spoken with the endpoints; `nil` if it is not. HTTP mode only.
    public let tls: UpstreamTLS?

    /// Makes an upstream.
    ///
    /// - Parameter name: One to 64 letters, digits, hyphens, dots, and underscores.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ name: String, balancer: LoadBalancer, pool: UpstreamPoolOptions = UpstreamPoolOptions(),
        tls: UpstreamTLS? = nil
    ) throws(ProxyError) {
        try ProxyName.check(name, "the name of an upstream")
        try pool.validate()
        self.name = name
        self.balancer = balancer
        self.pool = pool
        self.tls = tls
    }
}
