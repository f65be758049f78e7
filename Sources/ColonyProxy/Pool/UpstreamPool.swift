import ColonyBalancing
import ColonyCore

/// What a worker knows of an upstream: its endpoints and the connections to them.
///
/// Used on the event loop of its worker only.
final class UpstreamPool {
    let balancer: LoadBalancer
    let rules: PoolRules
    let endpoints: EndpointTable
    let name: String
    private let kind: UpstreamTLS.Kind?

    init(_ upstream: ProxyUpstream) {
        self.name = upstream.name
        self.balancer = upstream.balancer
        self.rules = PoolRules(upstream.pool, tls: upstream.tls)
        self.kind = upstream.tls?.kind
        self.endpoints = EndpointTable(upstream: upstream.name, rules: self.rules)
    }

    /// Whether connections of this pool serve an upstream of other settings just as well.
    func serves(_ upstream: ProxyUpstream) -> Bool {
        self.name == upstream.name && self.balancer === upstream.balancer && self.kind == upstream.tls?.kind
    }

    /// Holds other limits from now on.
    func update(_ upstream: ProxyUpstream) {
        self.rules.tls = upstream.tls
        guard self.rules.options != upstream.pool else { return }
        self.rules.options = upstream.pool
        self.endpoints.adapt()
    }

    /// No new requests come; connections are closed when they have no work.
    func retire() {
        self.rules.isRetired = true
        self.endpoints.closeIdle()
    }

    /// Chooses an endpoint for an attempt.
    func pick(_ context: borrowing PickContext) -> Pick? {
        do throws(BalancingError) {
            return try self.balancer.pick(context)
        } catch {
            return nil
        }
    }
}

/// The limits of a pool, which its endpoints look at whenever they need them.
///
/// Used on the event loop of its worker only.
final class PoolRules {
    var options: UpstreamPoolOptions {
        didSet {
            self.idleTimeout = self.options.idleTimeout.clampedNanoseconds
            self.waitingTimeout = self.options.waitingTimeout.clampedNanoseconds
        }
    }
    private(set) var idleTimeout: Int64
    private(set) var waitingTimeout: Int64
    /// How TLS is spoken on new connections.
    var tls: UpstreamTLS?
    /// Whether connections are closed as soon as they have no work.
    var isRetired = false

    init(_ options: UpstreamPoolOptions, tls: UpstreamTLS?) {
        self.options = options
        self.tls = tls
        self.idleTimeout = options.idleTimeout.clampedNanoseconds
        self.waitingTimeout = options.waitingTimeout.clampedNanoseconds
    }
}
