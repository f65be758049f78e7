public import ColonyCore

/// Where a Redis is, and how connections to it are made and used; the same for caches, leases, and all else.
public struct RedisOptions: Sendable {
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
    /// How many connections each server gets. One is enough for a whole process: commands of all callers share it. More
    /// help when values are so large that one would wait for another.
    public var connections = 1
    /// How long a call may take, connecting and redirections included. One second is far above what a healthy server
    /// needs and below what people notice.
    public var timeout: Duration = .seconds(1)
    /// How many commands of one connection may be waiting for their answer; calls beyond it are refused.
    public var commandsInFlight = 16_384
    /// How long a connection on which answers are due may be silent before it is checked, and given up at twice that.
    public var keepAlive: Duration = .seconds(5)
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
        if self.commandsInFlight < 1 { return "\(self.commandsInFlight) commands in flight are less than one" }
        return nil
    }
}

extension RedisOptions: CustomStringConvertible {
    /// The place as a URL, with `***` for a password.
    public var description: String {
        var text = self.tls == nil ? "redis" : "rediss"
        if self.isCluster { text += "+cluster" }
        text += "://"
        if self.password != nil { text += "\(self.user ?? ""):***@" }
        text += self.servers.map(\.description).joined(separator: ",")
        if self.database != 0 { text += "/\(self.database)" }
        return text
    }
}
