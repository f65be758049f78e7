import ColonyBalancing
import ColonyCore
public import ColonyProxy
import Logging

/// A proxy that the configuration file describes and that would work.
public struct ProxyDefinition: Sendable {
    /// What it is called in the file, in answers, and in metrics.
    public let name: String
    /// The addresses that it listens at.
    public var listen: [ListenAddress] { self.settings.listen }

    let settings: ProxySettingsDocument
    let upstreams: [UpstreamDefinition]

    /// - Parameter accessLog: Who is told of each request.
    func options(accessLog: AccessLog?) throws(ProxyError) -> ProxyOptions {
        try self.settings.options(accessLog: accessLog)
    }

    /// Tries everything that can be refused later, so that nothing is.
    func check() throws {
        let upstreams = try self.upstreams.map { definition in
            try ProxyUpstream(
                definition.name, balancer: LoadBalancer([], options: definition.options), pool: definition.pool,
                tls: definition.tls)
        }
        _ = try ProxyServer(
            options: self.options(accessLog: nil), upstreams: upstreams, logger: ProxyFleet.silentLogger)
    }
}
