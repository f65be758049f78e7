import ColonyBalancing
import ColonyProxy

/// `pool`: how many connections to each endpoint are kept.
enum PoolDocument {
    private static let keys: [SectionKey<UpstreamPoolOptions>] = [
        .integer("connections", \.connections), .integer("idle_connections", \.idleConnections),
        .duration("idle_timeout", \.idleTimeout), .integer("waiting", \.waiting),
        .duration("waiting_timeout", \.waitingTimeout),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> UpstreamPoolOptions {
        try value.read(Self.keys, into: UpstreamPoolOptions()) { pool in
            _ = try ProxyUpstream("pool", balancer: LoadBalancer([]), pool: pool)
        }
    }
}
