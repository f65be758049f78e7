import ColonyCore
import ColonyServer

/// What `colony serve` says once it is ready: where everything is.
struct ServeAnnouncement: Encodable {
    let version = Version.current
    let console: String
    let api: String
    let metrics: String
    let data: String
    /// Where the queues are, if not with the rest.
    let queues: String?
    /// Where the proxies listen, if there are any.
    let proxies: [Proxy]?
    /// Which cluster the daemon is in, and where other members reach it.
    let cluster: Cluster?

    struct Cluster: Encodable {
        let name: String
        let address: String
    }

    struct Proxy: Encodable {
        let name: String
        let addresses: [String]
    }

    /// - Parameters:
    ///   - port: The port that is really listened on.
    ///   - proxies: The addresses of the proxies by their names.
    ///   - member: By which address other members of the cluster know the daemon.
    init(
        _ configuration: DaemonConfiguration, port: Int, served: ServedStore,
        proxies: [(name: String, addresses: [String])], member: String?
    ) {
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let base = "\(configuration.certificate == nil ? "http" : "https")://\(host):\(port)"
        self.console = "\(base)/"
        self.api = "\(base)/v1/"
        self.metrics = "\(base)/metrics"
        self.data = "\(served.place)"
        self.queues = served.queuePlace.map { "\($0)" }
        self.proxies = proxies.isEmpty ? nil : proxies.map { Proxy(name: $0.name, addresses: $0.addresses) }
        self.cluster = configuration.cluster.name.flatMap { name in member.map { Cluster(name: name, address: $0) } }
    }

    func write(asJSON isJSON: Bool) throws {
        guard !isJSON else { return StandardOutput.write(try JSONText.of(self)) }
        StandardOutput.write(
            """
            colony \(self.version) is ready.
              console  \(self.console)
              API      \(self.api)
              metrics  \(self.metrics)
              data     \(self.data)
            """ + (self.queues.map { "\n  queues   \($0)" } ?? "")
                + (self.cluster.map { "\n  cluster  \($0.name) at \($0.address)" } ?? "")
                + (self.proxies ?? []).map { "\n  proxy    \($0.name) at \($0.addresses.joined(separator: ", "))" }
                .joined())
    }
}
