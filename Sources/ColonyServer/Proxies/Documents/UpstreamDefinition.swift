import ColonyBalancing
import ColonyCore
import ColonyProxy

/// An upstream that the configuration file describes and that would work.
struct UpstreamDefinition: Sendable {
    /// Where endpoints come from.
    enum Source: Hashable, Sendable {
        case fixed([Endpoint])
        case dns(DNSEndpointsOptions)
        case registry(LeaseName)
    }

    let name: String
    let options: BalancerOptions
    let source: Source
    let checks: [HealthCheck]
    let pool: UpstreamPoolOptions
    let tls: UpstreamTLS?

    /// Endpoints that are known before anything runs.
    var fixedEndpoints: [Endpoint] { if case .fixed(let endpoints) = self.source { endpoints } else { [] } }

    /// Tries everything that can be refused later, so that nothing is.
    func check() throws {
        let balancer = try LoadBalancer(self.fixedEndpoints, options: self.options)
        _ = try ProxyUpstream(self.name, balancer: balancer, pool: self.pool, tls: self.tls)
        _ = try HealthChecker(self.checks, probe: NetworkProbe())
    }
}
