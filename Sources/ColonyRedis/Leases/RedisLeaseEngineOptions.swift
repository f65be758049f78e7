public import ColonyCore

/// Where the Redis of a ``RedisLeaseEngine`` is, and how it is used.
///
/// What belongs to the connections, such as `servers`, `timeout`, and `clock`, is in ``connection``, and can be read and set
/// here as well.
@dynamicMemberLookup
public struct RedisLeaseEngineOptions: Sendable {
    /// Where the servers are, and how connections to them are made.
    public var connection: RedisOptions
    /// What is put before every name to make the key of its lock; the keys and channels of Colony's own begin with it too.
    /// At most 255 bytes without control characters. Empty by default, as it is with other clients.
    public var keyPrefix = ""
    /// What an acknowledged grant outlives on this deployment: `nothing` or `processCrash`.
    ///
    /// Nothing is the default, because that is what Redis promises with its default settings: what it has not yet saved is
    /// gone when it ends. Say `processCrash` if the server runs with `appendonly yes`. More cannot be declared: a failover
    /// to a replica may lose what was acknowledged.
    public var survival: Guarantee.Survival = .nothing

    /// Makes options with the defaults.
    ///
    /// - Parameter generator: The chance in the waits between attempts.
    public init(
        servers: [RedisAddress], generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.connection = RedisOptions(servers: servers, generator: generator)
    }

    /// An option of the ``connection``.
    public subscript<Value>(dynamicMember path: WritableKeyPath<RedisOptions, Value>) -> Value {
        get { self.connection[keyPath: path] }
        set { self.connection[keyPath: path] = newValue }
    }

    /// Reads `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?OPTION=VALUE&…]`.
    ///
    /// `rediss` is the same over TLS; `redis+cluster` and `rediss+cluster` take any number of hosts with commas between
    /// them. The options are `prefix`, `survives` (`nothing`, `process-crash`; see ``survival``), `connections`,
    /// `timeout_ms`, and for TLS `ca` (a file of certificates) and `verify` (`full`, `chain`, `none`).
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
        try self.init(url: url, generator: generator)
    }

    /// Takes a URL that was read already; see ``init(url:generator:)-(String,_)``.
    public init(
        url: EngineURL, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(LeaseError) {
        var own = OwnOptions()
        do throws(RedisURLDefect) {
            self.connection = try RedisOptions(url: url, generator: generator, knowing: OwnOptions.names) {
                own.take($0, $1)
            }
        } catch {
            throw LeaseError(.invalidRequest, error.message)
        }
        self.keyPrefix = own.prefix
        self.survival = own.survival
        if let defect = self.defect {
            throw LeaseError(.invalidRequest, "\(self.connection) cannot be used: \(defect)")
        }
    }

    /// What is wrong with the options, or `nil`.
    var defect: String? {
        if let defect = self.connection.defect ?? LeaseKeySpace.defect(inPrefix: self.keyPrefix) { return defect }
        if self.survival > .processCrash {
            return "a grant on Redis outlives a crash of the server at the most, and not \(self.survival)"
        }
        return nil
    }

    /// The options of a URL that are not the connection's.
    struct OwnOptions {
        static let names = ["prefix", "survives"]
        var prefix = ""
        var survival = Guarantee.Survival.nothing

        /// Takes one option; says what is wrong with it.
        mutating func take(_ name: String, _ value: String) -> String? {
            switch (name, value) {
            case ("prefix", _): self.prefix = value
            case (_, "nothing"): self.survival = .nothing
            case (_, "process-crash"): self.survival = .processCrash
            default: return "survives \(NameRules.quoted(value)) is none of nothing, process-crash"
            }
            return nil
        }
    }
}
