public import ColonyCore

/// Which servers a ``RedlockLeaseEngine`` asks, and how.
@dynamicMemberLookup
public struct RedlockOptions: Sendable {
    /// How connections are made, and to which servers: each is asked by itself, so none may be a replica of another, and none
    /// a cluster. The time-out is for each request to each server.
    public var connection: RedisOptions
    /// What is put before every name to make the key of its lock; as in ``RedisLeaseEngineOptions/keyPrefix``.
    public var keyPrefix = ""
    /// What an acknowledged grant outlives; as in ``RedisLeaseEngineOptions/survival``, and true of each of the servers.
    public var survival: Guarantee.Survival = .nothing
    /// By how much the clocks of hosts may differ in rate. What a server keeps a lease for is longer by this share of it, and by
    /// two milliseconds. One part in a hundred is what the description of Redlock takes; real clocks are a hundred times better.
    public var driftFactor = 0.01

    /// Makes options with the defaults: a quarter of a second for each request, because one server that hangs delays all.
    ///
    /// - Parameter generator: The chance in the waits between attempts.
    public init(
        servers: [RedisAddress], generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.connection = RedisOptions(servers: servers, generator: generator)
        self.connection.timeout = .milliseconds(250)
    }

    /// An option of the ``connection``.
    public subscript<Value>(dynamicMember path: WritableKeyPath<RedisOptions, Value>) -> Value {
        get { self.connection[keyPath: path] }
        set { self.connection[keyPath: path] = newValue }
    }

    /// Reads `redlock://[[USER]:PASSWORD@]HOST[:PORT],HOST[:PORT],…[/DATABASE][?OPTION=VALUE&…]`.
    ///
    /// An odd number of servers is best: of four, two may not fail, as of three. User, password, and database are the same
    /// on all. The options are `prefix`, `survives`, `connections`, and `timeout_ms`.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, which quotes what is wrong and never the password.
    public init(
        url text: String, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(LeaseError) {
        let url: EngineURL
        do {
            url = try EngineURL(text)
        } catch {
            throw LeaseError(.invalidRequest, error.description)
        }
        func refused(_ reason: String) -> RedisURLDefect {
            RedisURLDefect(message: "\(NameRules.quoted(url.description)) cannot be a Redlock URL: \(reason)")
        }
        var own = RedisLeaseEngineOptions.OwnOptions()
        do throws(RedisURLDefect) {
            guard url.scheme == "redlock" else { throw refused("its scheme is not redlock") }
            self.connection = try RedisOptions(
                url, generator: generator, knowing: RedisLeaseEngineOptions.OwnOptions.names,
                take: { own.take($0, $1) }, refused: refused)
            if url.options["timeout_ms"] == nil { self.connection.timeout = .milliseconds(250) }
        } catch {
            throw LeaseError(.invalidRequest, error.message)
        }
        self.keyPrefix = own.prefix
        self.survival = own.survival
        if let defect = self.defect { throw LeaseError(.invalidRequest, refused(defect).message) }
    }

    /// What is wrong with the options, or `nil`.
    var defect: String? {
        if self.connection.isCluster { return "a cluster is one store, and Redlock needs several" }
        if !(3...15).contains(self.servers.count) {
            return "\(self.servers.count) servers are given, and 3 to 15 make a majority worth having"
        }
        if Set(self.servers).count < self.servers.count { return "a server is given twice" }
        if !(0...0.5).contains(self.driftFactor) { return "the drift factor \(self.driftFactor) is not from 0 to 0.5" }
        for server in self.servers {
            var options = self.connection
            options.servers = [server]
            if let defect = options.defect { return defect }
        }
        if let defect = LeaseKeySpace.defect(inPrefix: self.keyPrefix) { return defect }
        if self.survival > .processCrash {
            return "a grant on Redis outlives a crash of the server at the most, and not \(self.survival)"
        }
        return nil
    }
}
