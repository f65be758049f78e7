import ColonyBalancing
import ColonyCore
import ColonyProxy

/// What `colony proxy` says once it listens.
struct ProxyAnnouncement: Encodable {
    struct Upstream: Encodable {
        let name: String
        let address: String
        let weight: Int
    }

    let version = Version.current
    let listen: [String]
    let algorithm: String
    let upstreams: [Upstream]

    /// - Parameter ports: The ports that are really listened on, in the order of the addresses.
    init(_ balancer: LoadBalancer, addresses: [ListenAddress], ports: [Int]) {
        self.listen = zip(addresses, ports).map { HostAndPort.text(host: $0.host, port: $1) }
        self.algorithm = balancer.options.algorithm.description
        self.upstreams = balancer.endpoints.map { endpoint in
            Upstream(name: "\(endpoint.name)", address: "\(endpoint.address)", weight: endpoint.weight)
        }
    }

    func write(asJSON isJSON: Bool) throws {
        guard !isJSON else { return StandardOutput.write(try JSONText.of(self)) }
        let lines = self.upstreams.map { upstream in
            let name = upstream.name == upstream.address ? "" : "\(upstream.name), "
            return "  to       \(name)\(upstream.address)" + (upstream.weight == 1 ? "" : ", weight \(upstream.weight)")
        }
        StandardOutput.write(
            (["colony \(self.version) passes on, by \(self.algorithm)."] + self.listen.map { "  from     \($0)" }
                + lines)
                .joined(separator: "\n"))
    }
}
