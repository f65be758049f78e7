public import ColonyCaches
public import ColonyCore
public import ColonyIdentifiers

/// Everything that can be set about the daemon.
///
/// A value made by hand starts from the defaults; ``load(file:environment:overrides:)`` reads a file, the environment,
/// and flags. ``ConfigurationKey/all`` lists every key with its default and meaning.
public struct DaemonConfiguration: Sendable {
    /// Where the HTTP server listens.
    public var host = "127.0.0.1"
    /// The port; 0 takes a free one, which ``Daemon/boundPort()`` tells.
    public var port = 7_400
    /// The directory of the embedded store; `nil` if it was not set, which leaves it to the program around the daemon.
    public var dataDirectory: String?
    /// Which engine to serve; `nil` is the SQLite file `colony.db` in ``dataDirectory``.
    public var store: EngineURL?
    /// The files of a certificate chain and its key in PEM form; `nil` serves without TLS.
    public var certificate: Certificate?
    /// Who may do what; empty lets everybody who reaches the socket do everything.
    public var tokens: [AccessToken] = []
    /// Listen on an address that is not loopback although there are no tokens.
    public var isInsecure = false
    /// Which identifiers the daemon issues.
    public var identifiers = Identifiers()
    /// How large the shared cache is, and what it gives up.
    public var cache = Caching()
    /// How much a request to a queue may bring, and what is told about queues.
    public var queues = Queues()
    /// Whom the daemon calls for transactions, and how.
    public var transactions = Transactions()
    /// Which cluster the daemon is a member of.
    public var cluster = Cluster()
    /// The proxies that the daemon runs. They are described in the file only.
    public var proxies: [ProxyDefinition] = []
    /// The file that was read; `nil` if there was none. It is read again when proxies are reloaded.
    public var file: String?
    /// How much clients may ask for.
    public var limits = Limits()
    /// How much is logged, and in which form.
    public var log = Log()

    // The two halves of `certificate` while a configuration is being read.
    var certificateFile: String?
    var keyFile: String?

    public init() {}

    /// The files that TLS needs.
    public struct Certificate: Sendable, Hashable {
        /// The certificate and those that vouch for it, in PEM.
        public var chainFile: String
        /// The private key of the certificate, in PEM.
        public var keyFile: String

        /// Names the two files.
        public init(chainFile: String, keyFile: String) {
            self.chainFile = chainFile
            self.keyFile = keyFile
        }
    }

    /// Which Snowflake identifiers the daemon issues.
    public struct Identifiers: Sendable, Hashable {
        /// Among whom the identifiers are unique: all daemons and nodes of this name that share a store.
        public var namespace = "colony"
        /// How the bits are shared out. A namespace keeps the layout that it began with.
        public var layout = SnowflakeLayout.classic
        /// The number of the datacenter, which the layout must have room for.
        public var datacenter = 0
        /// The worker number; `nil` leases a free one from the store, which is safe however many daemons there are.
        public var worker: Int?

        public init() {}

        /// The preset that the layout is, or what it is made of.
        var layoutName: String {
            SnowflakeLayout.presets.first { $0.layout == self.layout }?.name ?? self.layout.scheme
        }

        func validate() throws(DaemonError) {
            func refuse(_ reason: String) -> DaemonError { DaemonError(.invalidConfiguration, reason) }
            if let defect = NameRules.defect(in: self.namespace) {
                throw refuse("ids.namespace cannot be \(NameRules.quoted(self.namespace)): \(defect)")
            }
            guard self.namespace.utf8.count <= 200 else {
                throw refuse("ids.namespace has \(self.namespace.utf8.count) bytes, and 200 are the most")
            }
            guard self.layout.datacenters.contains(self.datacenter) else {
                throw refuse(
                    "ids.datacenter must be from 0 to \(self.layout.datacenters.upperBound) in the layout "
                        + "\(self.layoutName), not \(self.datacenter)")
            }
            if let worker, !self.layout.workers.contains(worker) {
                throw refuse(
                    "ids.worker must be from 0 to \(self.layout.workers.upperBound) in the layout \(self.layoutName), "
                        + "not \(worker)")
            }
        }
    }

    /// How large the shared cache is, and what it gives up.
    public struct Caching: Sendable, Hashable {
        /// What all entries may count together: their keys, the buffers of their values, which have a power of two of
        /// bytes, and about 200 bytes for each. From 4,096.
        ///
        /// The default is noticed on no server and holds a million small values.
        public var bytes = 256 << 20
        /// The longest value, in bytes; from 1, and with its entry no more than ``bytes``.
        public var valueBytes = 1 << 20
        /// Which entry a full cache gives up.
        public var policy = EvictionPolicy.adaptive

        public init() {}

        func validate() throws(DaemonError) {
            guard self.bytes >= 4_096 else {
                throw DaemonError(.invalidConfiguration, "cache.bytes must be at least 4096, not \(self.bytes)")
            }
            // A value at its limit, with the longest key and content type, must fit into the empty cache.
            let room = StoredBody.longestValue(in: self.bytes)
            guard (1...room).contains(self.valueBytes) else {
                throw DaemonError(
                    .invalidConfiguration,
                    "cache.value_bytes must be from 1 to \(room), so that a value fits into the \(self.bytes) bytes of the "
                        + "cache, not \(self.valueBytes)")
            }
        }
    }

    /// How much a request to a queue may bring, and what is told about queues.
    public struct Queues: Sendable, Hashable {
        /// The longest body of a request that publishes, in bytes. A thousand messages of 16 KiB fit, or ten of the largest.
        public var requestBytes = 16 << 20
        /// How many queues the metrics tell of one by one, in the order of their names. Each takes about a dozen series.
        public var measured = 100

        public init() {}
    }

    /// How much one client, or all of them together, may ask for.
    public struct Limits: Sendable, Hashable {
        /// The longest body of a request, in bytes. A full batch of renewals with the longest names fits.
        public var bodyBytes = 1 << 20
        /// The longest name, in bytes; at most 255.
        public var nameBytes = 255
        /// The longest wait that a request may ask for. Longer ones outlive what sits between client and server.
        public var wait: Duration = .seconds(60)
        /// The most leases or messages of one request; at most 1,000.
        public var batch = 1_000
        /// The most open connections. Further ones wait in the backlog of the kernel.
        public var connections = 10_000
        /// The most requests that wait at the same time for locks, and as many for queues.
        public var waiters = 10_000
        /// The most requests that wait for one name.
        public var waitersPerName = 1_000
        /// The most open event streams.
        public var streams = 100
        /// How long the head of a request may take to arrive.
        public var headTimeout: Duration = .seconds(10)
        /// How long the body of a request may take to arrive.
        public var bodyTimeout: Duration = .seconds(10)
        /// How long a connection may stay open without a request.
        public var idleTimeout: Duration = .seconds(120)
        /// How long requests that run may take to finish after the signal to stop.
        public var drain: Duration = .seconds(10)

        public init() {}
    }

    /// How much is logged, and in which form.
    public struct Log: Sendable, Hashable {
        /// Lines for people, or one JSON object a line for collectors.
        public enum Format: String, Sendable, CaseIterable { case text, json }
        /// What is logged: messages of this level and those after it.
        public enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }

        /// The least level that is logged.
        public var level: Level = .info
        /// The form of a line.
        public var format: Format = .text

        public init() {}
    }

    /// Refuses values that cannot work, before anything is started.
    ///
    /// - Throws: ``DaemonError`` with code `invalidConfiguration` or `unsafeAddress`.
    public func validate() throws(DaemonError) {
        guard (0...65_535).contains(self.port) else {
            throw DaemonError(.invalidConfiguration, "http.port must be from 0 to 65535, not \(self.port)")
        }
        guard self.isLoopback || !self.tokens.isEmpty || self.isInsecure else {
            throw DaemonError(
                .unsafeAddress,
                "\(NameRules.quoted(self.host)) is not a loopback address, so everybody on the network could break locks: "
                    + "configure tokens, or set insecure to true if that is what you want")
        }
        try self.identifiers.validate()
        try self.cache.validate()
        try self.transactions.validate()
        try self.cluster.validate()
        try self.cluster.validateElection(hasOwnStore: self.store.map { $0.scheme == "memory" } ?? true)
        if let double = Dictionary(grouping: self.tokens, by: \.name).first(where: { $0.value.count > 1 }) {
            throw DaemonError(.invalidConfiguration, "two tokens have the name \(NameRules.quoted(double.key))")
        }
    }

    /// The address as it stands in a URL, where an IPv6 address is in brackets.
    func authority(port: Int) -> String {
        self.host.contains(":") ? "[\(self.host)]:\(port)" : "\(self.host):\(port)"
    }

    /// Whether only this host can reach the address.
    var isLoopback: Bool { Gatekeeper.isLoopbackHost(self.host) }
}
