import ColonyCore
import ColonyServer

/// What `colony serve` says once it is ready: where everything is.
struct ServeAnnouncement: Encodable {
    let version = Version.current
    let console: String
    let api: String
    let metrics: String
    let data: String

    /// - Parameter port: The port that is really listened on.
    init(_ configuration: DaemonConfiguration, port: Int, place: StorePlace) {
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let base = "\(configuration.certificate == nil ? "http" : "https")://\(host):\(port)"
        self.console = "\(base)/"
        self.api = "\(base)/v1/"
        self.metrics = "\(base)/metrics"
        self.data = "\(place)"
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
            """)
    }
}
