import ColonyBalancing
import ColonyCore
import ColonyProxy

/// A proxy that runs: its server and its upstreams.
struct RunningProxy: Sendable {
    let definition: ProxyDefinition
    let server: ProxyServer
    /// In the order of the file.
    let upstreams: [RunningUpstream]
    let log: AccessLogOutput?
    /// The ports that it listens on, in the order of ``ProxyDefinition/listen``.
    let ports: [Int]

    var name: String { self.definition.name }

    func upstream(named name: String) -> RunningUpstream? { self.upstreams.first { $0.definition.name == name } }

    /// The addresses that it listens at, with the ports that the system chose.
    var addresses: [String] {
        zip(self.definition.listen, self.ports).map { HostAndPort.text(host: $0.host, port: $1) }
    }
}
