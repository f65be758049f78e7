#if ZooKeeper
public import ColonyCore

/// Where an ensemble of ZooKeeper is, and how to talk to it.
///
/// Read from `zookeeper://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…][/ROOT][?OPTION=VALUE&…]`. Names of locks live below `ROOT`,
/// which is made if it is missing. User and password are those of ZooKeeper's digest scheme; nodes made with them can be
/// read and changed with them only. The options are `session_timeout_ms` and `timeout_ms`.
public struct ZooKeeperOptions: Sendable {
    /// The servers of the ensemble, each as `HOST` or `HOST:PORT`; 2181 is the port of those that name none.
    public var servers: [String]
    /// The node below which everything is kept; empty for the root of the ensemble, else with a slash in front and none behind.
    public var root = ""
    /// The user of ZooKeeper's digest scheme, or `nil` for nodes that are open to the world.
    public var user: String?
    /// The password of ``user``. It is sent to the servers and shown nowhere.
    public var password: String?
    /// How long the ensemble keeps a session without a sign of life. The servers have bounds of their own, by default from
    /// 2 to 20 of their ticks, and what they grant counts.
    ///
    /// No lease is longer than nine tenths of it. Ten seconds outlast the election of a leader and free the locks of a dead
    /// process before its users lose patience.
    public var sessionTimeout: Duration = .seconds(10)
    /// How long one call may take, waiting for turns apart. Four seconds let the lock above ask a second time before a
    /// lease of ten seconds is lost.
    public var timeout: Duration = .seconds(4)
    /// How long to wait before a session that could not be made is tried again.
    public var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(2))

    /// The URL as people may see it.
    package var description: String

    /// Options for these servers, with the defaults for everything else.
    ///
    /// - Parameter servers: `HOST` or `HOST:PORT`, at least one.
    public init(servers: [String]) {
        self.servers = servers
        self.description = "zookeeper://\(servers.joined(separator: ","))"
    }

    /// Reads a URL.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password and says what is wrong.
    public init(url: EngineURL) throws(InvalidName) {
        func refused(_ reason: String) -> InvalidName {
            InvalidName(role: "ZooKeeper URL", value: url.description, reason: reason)
        }
        guard url.scheme == "zookeeper" else { throw refused("its scheme is not zookeeper") }
        self.servers = url.hosts
        self.description = url.description
        self.user = url.user
        self.password = url.password
        var path = url.path
        while path.hasSuffix("/") { path.removeLast() }
        self.root = path
        for (name, value) in url.options.sorted(by: { $0.key < $1.key }) {
            guard name == "session_timeout_ms" || name == "timeout_ms" else {
                throw refused("the option \(NameRules.quoted(name)) is none of session_timeout_ms, timeout_ms")
            }
            guard let number = Int64(value) else { throw refused("\(name) \(NameRules.quoted(value)) is not a number") }
            if name == "timeout_ms" {
                self.timeout = .milliseconds(number)
            } else {
                self.sessionTimeout = .milliseconds(number)
            }
        }
        if let defect = self.defect { throw refused(defect) }
    }

    /// What is wrong with the options, or `nil`.
    var defect: String? {
        if self.servers.isEmpty { return "no host is given" }
        for server in self.servers where server.isEmpty || server.contains("/") || server.contains(" ") {
            return "\(NameRules.quoted(server)) is no host"
        }
        if self.user == nil, self.password != nil { return "a password is given without a user" }
        if self.user != nil, self.password == nil { return "a user is given without a password" }
        if self.user?.contains(":") == true { return "the user contains a colon, which ends the name in ZooKeeper" }
        if !(.milliseconds(100) ... .seconds(1_000_000)).contains(self.sessionTimeout) {
            return "a session timeout of \(self.sessionTimeout.text) is not from 100 milliseconds to 1,000,000 seconds"
        }
        if !(.milliseconds(1) ... .seconds(3600)).contains(self.timeout) {
            return "a timeout of \(self.timeout.text) is not from a millisecond to an hour"
        }
        return Self.defect(inRoot: self.root)
    }

    private static func defect(inRoot root: String) -> String? {
        if root.isEmpty { return nil }
        guard root.hasPrefix("/") else { return "the root \(NameRules.quoted(root)) does not begin with a slash" }
        if NameRules.defect(in: root) != nil { return "the root is longer than 255 bytes or has control characters" }
        for part in root.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            if part.isEmpty { return "the root has two slashes in a row" }
            if part == "." || part == ".." { return "the root has a part that ZooKeeper refuses: \(part)" }
        }
        if root == "/zookeeper" || root.hasPrefix("/zookeeper/") { return "/zookeeper is ZooKeeper's own" }
        return nil
    }

    /// The servers as the C client reads them: ports everywhere, and no brackets, because it looks for the last colon.
    ///
    /// After a failure the client takes the next server but one, so among an even number it would never try half of them,
    /// and of two only the one that failed. The first is therefore named twice then.
    package var connectString: String {
        var servers = self.servers.map { server in
            guard server.hasPrefix("[") else { return server.contains(":") ? server : "\(server):2181" }
            let parts = server.dropFirst().split(separator: "]", maxSplits: 1, omittingEmptySubsequences: false)
            let port = parts.count > 1 && parts[1].hasPrefix(":") ? String(parts[1]) : ":2181"
            return parts[0] + port
        }
        if servers.count.isMultiple(of: 2), let first = servers.first { servers.append(first) }
        return servers.joined(separator: ",")
    }
}
#endif
