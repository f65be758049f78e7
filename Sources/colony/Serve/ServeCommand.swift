import ArgumentParser
import ColonyCore
import ColonyServer
import Logging
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve locks and queues to programs on the network, with a console for people.",
        discussion: """
            Example: colony serve --config colony.yaml --http 127.0.0.1:7400

            Settings come from the defaults, then the file, then COLONY_* in the environment, then these options. Ends on \
            SIGTERM or Ctrl-C after the requests that run. On SIGHUP the file is read again, and its proxies are changed.
            """
    )

    @Option(help: ArgumentHelp("Read settings from here. (default: colony.yaml, if it is there)", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Where the store lies. (default: $COLONY_DATA, $XDG_STATE_HOME/colony, or ~/.local/state/colony, as for the "
                + "lock commands)", valueName: "dir"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 takes a free one. (default: 127.0.0.1:7400)", valueName: "host:port"))
    var http: String?

    @Option(
        help: ArgumentHelp(
            "Serve this store instead of the file in the data directory, such as sqlite:FILE, memory:, or redis://HOST:PORT. Queues and limits stay in the data directory where a store has none.",
            valueName: "url"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "Be a member of this cluster; see cluster.* for how members reach each other.", valueName: "name"))
    var cluster: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Members to ask for the others. Without any, this is the first one.", valueName: "host:port")
    )
    var join: [String] = []

    @Option(
        name: .customLong("voter"), parsing: .upToNextOption,
        help: ArgumentHelp(
            "Who elects the leader of the cluster: all of them, with where they listen for votes; the same for all members.",
            valueName: "node=host:port"))
    var voters: [String] = []

    @Option(
        help: ArgumentHelp("What this member is called. (default: the name of the host)", valueName: "name"))
    var node: String?

    @Flag(help: "Listen on an address that is not loopback without any token: whoever reaches it may break locks.")
    var insecure = false

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Any setting of the file, such as limits.wait=30s. May be repeated.", valueName: "key=value")
    )
    var settings: [String] = []

    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let configuration = try ServeSettings.load(
            file: self.config, data: self.data, http: self.http, store: self.store, insecure: self.insecure,
            cluster: .init(name: self.cluster, node: self.node, join: self.join, voters: self.voters),
            others: self.settings)
        let served = try await ServedStore(configuration)
        let logger = configuration.log.makeLogger(label: "colony")
        let daemon = try Daemon(
            configuration: configuration, engine: served.engine, segments: served.segments,
            queues: served.queues, rateLimits: served.rateLimits, journal: served.journal,
            closeEngine: { await served.close() }, logger: logger)
        let announcement = Task { [output] in
            let port = try await daemon.boundPort()
            try ServeAnnouncement(
                configuration, port: port, served: served, proxies: daemon.proxyAddresses,
                member: daemon.clusterAddress
            )
            .write(asJSON: output.json)
        }
        defer { announcement.cancel() }
        var services: [any Service] = [daemon]
        // Without a file there is nothing to read again, and the signal means what it usually means.
        if configuration.file != nil { services.append(Reloading(daemon: daemon, logger: logger)) }
        try await ServiceGroup(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.silentLogger
        ).run()
    }

    /// The daemon itself says what the service group would.
    private static var silentLogger: Logger { Logger(label: "colony") { _ in SwiftLogNoOpLogHandler() } }
}
