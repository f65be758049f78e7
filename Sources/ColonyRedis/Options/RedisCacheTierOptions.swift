public import ColonyCaches
public import ColonyCore

/// Where the Redis of a ``RedisCacheTier`` is, and how it is used.
public struct RedisCacheTierOptions: Sendable {
    /// How changes made by others are learned; see ``CacheTier/invalidations()``.
    public enum Tracking: String, CaseIterable, Hashable, Sendable {
        /// Not at all: ``CacheTier/invalidations()`` is `nil`.
        case off
        /// The server tells of every key under the prefix (`CLIENT TRACKING ON BCAST`). It remembers nothing for it, so its
        /// cost grows with the writes and the listeners.
        case broadcast
        /// The server remembers which keys were read through this tier, and tells of a change once. It costs the server
        /// memory for each key read; fit when many tiers read few keys each.
        case keysRead = "keys-read"
    }

    /// The servers: one, or some of a cluster, which are asked in turn for the rest.
    public var servers: [RedisAddress]
    /// Whether the servers are a Redis Cluster.
    public var isCluster = false
    /// The user to be; `nil` for the one that needs no name.
    public var user: String?
    /// The password; `nil` to send none. Never shown.
    public var password: String?
    /// The database, from 0. A cluster has only number 0.
    public var database = 0
    /// How the connection is protected; `nil` for not at all.
    public var tls: RedisTLS?
    /// What is put before every key, so that several programs share a server. Empty by default.
    public var keyPrefix = ""
    /// How many connections each server gets. One is enough for a whole process: commands of all callers share it. More
    /// help when values are so large that one would wait for another.
    public var connections = 1
    /// How long a call may take, connecting and redirections included. One second is far above what a healthy server
    /// needs and below what people notice.
    public var timeout: Duration = .seconds(1)
    /// How many commands of one connection may be waiting for their answer; beyond, calls throw `overloaded`.
    public var commandsInFlight = 16_384
    /// How long a connection on which answers are due may be silent before it is checked, and given up at twice that.
    public var keepAlive: Duration = .seconds(5)
    /// How changes made by others are learned.
    public var tracking = Tracking.broadcast
    /// Whether a look-up also asks for the time that entries will stay. Off, because it doubles the commands.
    public var readsTimeToLive = false
    /// The largest value in bytes. Redis takes 512 MiB; 32 MiB keeps one value from holding up the calls behind it.
    public var valueBytes = 32 << 20
    /// The most keys in one call.
    public var keysPerCall = 4096
    /// The waits between attempts to connect. At most a second, so that a server that is back is noticed soon.
    public var backoff = Backoff(initial: .milliseconds(20), maximum: .seconds(1))
    /// What deadlines are counted on.
    public var clock: any MonotonicClock = HostClock()
    /// Where the jitter of the waits comes from.
    public var makeGenerator: @Sendable () -> any RandomNumberGenerator & Sendable

    /// Makes options with the defaults.
    ///
    /// - Parameter generator: The chance in the waits between attempts.
    public init(
        servers: [RedisAddress], generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.servers = servers
        self.makeGenerator = { generator }
    }

    /// Reads `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?OPTION=VALUE&…]`.
    ///
    /// `rediss` is the same over TLS; `redis+cluster` and `rediss+cluster` take any number of hosts with commas between
    /// them. The options are `prefix`, `connections`, `timeout_ms`, `tracking` (`off`, `broadcast`, `keys-read`), and for
    /// TLS `ca` (a file of certificates) and `verify` (`full`, `chain`, `none`).
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, which quotes what is wrong and never the password.
    public init(
        url text: String, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(CacheError) {
        let url: EngineURL
        do {
            url = try EngineURL(text)
        } catch {
            throw CacheError(.invalidConfiguration, error.description)
        }
        func refused(_ reason: String) -> CacheError {
            CacheError(.invalidConfiguration, "\(NameRules.quoted(url.description)) cannot be a Redis URL: \(reason)")
        }
        let schemes = ["redis", "rediss", "redis+cluster", "rediss+cluster"]
        guard schemes.contains(url.scheme) else {
            throw refused("its scheme is none of \(schemes.joined(separator: ", "))")
        }
        var servers: [RedisAddress] = []
        for host in url.hosts {
            guard let address = RedisAddress(host) else {
                throw refused("\(NameRules.quoted(host)) is not HOST or HOST:PORT with a port from 1")
            }
            servers.append(address)
        }
        self.init(servers: servers, generator: generator)
        self.isCluster = url.scheme.hasSuffix("+cluster")
        self.user = url.user
        self.password = url.password
        if url.scheme.hasPrefix("rediss") { self.tls = RedisTLS() }
        if !url.path.isEmpty, url.path != "/" {
            guard let database = Int(url.path.dropFirst()), url.path.hasPrefix("/"), database >= 0 else {
                throw refused("the database \(NameRules.quoted(String(url.path.dropFirst()))) is not a number from 0")
            }
            self.database = database
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
        case "connections":
            guard let number = Int(value) else { return "connections \(quoted) is not a number" }
            self.connections = number
        case "timeout_ms":
            guard let number = Int64(value) else { return "timeout_ms \(quoted) is not a number" }
            self.timeout = .milliseconds(number)
        case "tracking":
            guard let tracking = Tracking(rawValue: value) else {
                return "tracking \(quoted) is none of \(Tracking.allCases.map(\.rawValue).joined(separator: ", "))"
            }
            self.tracking = tracking
        case "ca", "verify":
            guard self.tls != nil else { return "the option \(name) is for rediss, which speaks TLS" }
            if name == "ca" {
                self.tls?.certificateFile = value
            } else if let verification = RedisTLS.Verification(rawValue: value) {
                self.tls?.verification = verification
            } else {
                return "verify \(quoted) is none of full, chain, none"
            }
        default:
            return
                "the option \(NameRules.quoted(name)) is none of ca, connections, prefix, timeout_ms, tracking, verify"
        }
        return nil
    }

    /// What is wrong with the options, or `nil`.
    var defect: String? {
        if self.servers.isEmpty { return "no host is given" }
        if !self.isCluster, self.servers.count > 1 {
            return "\(self.servers.count) hosts are given; several are for redis+cluster"
        }
        if self.isCluster, self.database != 0 {
            return "database \(self.database) is given, and a cluster has only number 0"
        }
        if self.database < 0 { return "the database is \(self.database)" }
        for server in self.servers where !(1...65535).contains(server.port) || server.host.isEmpty {
            return "the server \(server) is no host with a port from 1 to 65535"
        }
        if self.user != nil, self.password == nil { return "a user is given without a password" }
        if !(1...64).contains(self.connections) { return "\(self.connections) connections are not from 1 to 64" }
        if self.timeout <= .zero || self.timeout > .seconds(3600) {
            return "the timeout \(self.timeout) is not above zero and at most an hour"
        }
        if self.keepAlive <= .zero { return "the keep-alive \(self.keepAlive) is not above zero" }
        if self.keysPerCall < 1 { return "\(self.keysPerCall) keys in a call are less than one" }
        if self.commandsInFlight < 2 * self.keysPerCall {
            return "\(self.commandsInFlight) commands in flight are less than two for each of \(self.keysPerCall) keys"
        }
        if !(1...(512 << 20)).contains(self.valueBytes) {
            return "values of \(self.valueBytes) bytes are not from 1 to \(512 << 20)"
        }
        if self.keyPrefix.utf8.count > 255 { return "the prefix has more than 255 bytes" }
        return nil
    }
}

/// How the connections to Redis are protected by TLS.
public struct RedisTLS: Hashable, Sendable {
    /// What is demanded of the server's certificate.
    public enum Verification: String, CaseIterable, Hashable, Sendable {
        /// That somebody who is trusted signed it, and that it is for this host. The default.
        case full
        /// That somebody who is trusted signed it, for whichever host.
        case chain
        /// Nothing: whoever is in between can read and change everything.
        case none
    }

    /// What is demanded of the server's certificate.
    public var verification = Verification.full
    /// A file of PEM certificates to trust, in place of those of the system.
    public var certificateFile: String?

    /// The defaults.
    public init() {}
}
