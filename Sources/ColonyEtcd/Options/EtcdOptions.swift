#if Etcd
public import ColonyCore

/// Where the etcd of an ``EtcdLeaseEngine`` is, and how it is used.
public struct EtcdOptions: Sendable {
    /// The members of one cluster, in the order in which they are tried. Some are enough; with one, its failure is yours.
    public var servers: [EtcdAddress]
    /// The user to be, where the cluster asks for one.
    public var user: String?
    /// The password of the user. Never shown.
    public var password: String?
    /// How the connection is protected; `nil` for not at all.
    public var tls: EtcdTLS?
    /// What is put before every key. Empty by default, so that a lock has the name that `etcdctl lock` knows it by.
    public var keyPrefix = ""
    /// How long a call may take, connecting included: from 50 milliseconds to an hour. Three seconds outlast an election of
    /// a new leader on a healthy network and leave the caller of a lock room for a second attempt.
    public var timeout: Duration = .seconds(3)
    /// The waits between rounds of attempts to connect. At most a second, so that a cluster that is back is noticed soon.
    public var backoff = Backoff(initial: .milliseconds(20), maximum: .seconds(1))
    /// What leases and deadlines are counted on: the clock of the keeper that renews them.
    public var clock: any MonotonicClock = HostClock()
    /// What is written beside the monotonic clock for readers on other hosts. Shown to people, never decided by.
    public var wallClock: any WallClock = SystemWallClock()
    /// Where the jitter of the waits comes from.
    public var makeGenerator: @Sendable () -> any RandomNumberGenerator & Sendable

    /// Makes options with the defaults.
    ///
    /// - Parameter generator: The chance in the waits between attempts.
    public init(
        servers: [EtcdAddress], generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.servers = servers
        self.makeGenerator = { generator }
    }

    /// Reads `etcd://[USER:PASSWORD@]HOST[:PORT][,HOST…][?OPTION=VALUE&…]`; `etcds` is the same over TLS.
    ///
    /// The options are `prefix`, `timeout_ms`, and for TLS `ca` (a file of certificates) and `verify` (`full`, `chain`,
    /// `none`).
    ///
    /// - Throws: `InvalidName`, which quotes what is wrong and never the password.
    public init(
        url: EngineURL, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(InvalidName) {
        func refused(_ reason: String) -> InvalidName {
            InvalidName(role: "etcd URL", value: url.description, reason: reason)
        }
        guard url.scheme == "etcd" || url.scheme == "etcds" else {
            throw refused("its scheme is neither etcd nor etcds")
        }
        var servers: [EtcdAddress] = []
        for host in url.hosts {
            guard let address = EtcdAddress(host) else {
                throw refused("\(NameRules.quoted(host)) is not HOST or HOST:PORT with a port from 1")
            }
            servers.append(address)
        }
        self.init(servers: servers, generator: generator)
        self.user = url.user
        self.password = url.password
        if url.scheme == "etcds" { self.tls = EtcdTLS() }
        if !url.path.isEmpty, url.path != "/" {
            throw refused("it has a path; what goes before the keys is the option prefix")
        }
        for (name, value) in url.options.sorted(by: { $0.key < $1.key }) {
            if let reason = self.apply(name, value) { throw refused(reason) }
        }
        if let defect = self.defect { throw refused(defect) }
    }

    /// Takes one option of a URL; says what is wrong with it.
    private mutating func apply(_ name: String, _ value: String) -> String? {
        let quoted = NameRules.quoted(value)
        switch name {
        case "prefix":
            self.keyPrefix = value
        case "timeout_ms":
            guard let number = Int64(value) else { return "timeout_ms \(quoted) is not a number" }
            self.timeout = .milliseconds(number)
        case "ca", "verify":
            guard self.tls != nil else { return "the option \(name) is for etcds, which speaks TLS" }
            if name == "ca" {
                self.tls?.certificateFile = value
            } else if let verification = EtcdTLS.Verification(rawValue: value) {
                self.tls?.verification = verification
            } else {
                return "verify \(quoted) is none of full, chain, none"
            }
        default:
            return "the option \(NameRules.quoted(name)) is none of ca, prefix, timeout_ms, verify"
        }
        return nil
    }

    /// What is wrong with the options, or `nil`.
    var defect: String? {
        if self.servers.isEmpty { return "no host is given" }
        for server in self.servers where !(1...65_535).contains(server.port) || server.host.isEmpty {
            return "the server \(server) is no host with a port from 1 to 65535"
        }
        if (self.user == nil) != (self.password == nil) { return "a user and a password go together" }
        if self.timeout < .milliseconds(50) || self.timeout > .seconds(3_600) {
            return "the timeout \(self.timeout.text) is not from 50 milliseconds to an hour"
        }
        if self.keyPrefix.utf8.count > 255 { return "the prefix has more than 255 bytes" }
        return nil
    }

    /// The servers as a URL without anything secret, for messages.
    var shownURL: String {
        let user = self.user.map { "\($0):***@" } ?? ""
        let hosts = self.servers.map(\.description).joined(separator: ",")
        return "\(self.tls == nil ? "etcd" : "etcds")://\(user)\(hosts)"
    }
}
#endif
