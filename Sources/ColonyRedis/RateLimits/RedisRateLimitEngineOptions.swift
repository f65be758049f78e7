public import ColonyCore
public import ColonyResilience

/// Where the Redis of a ``RedisRateLimitEngine`` is, and how it is used.
///
/// What belongs to the connections, such as `servers`, `timeout`, and `clock`, is in ``connection``, and can be read and set here as
/// well.
@dynamicMemberLookup
public struct RedisRateLimitEngineOptions: Sendable {
    /// Where the servers are, and how connections to them are made.
    public var connection: RedisOptions
    /// What all keys begin with; those of limits differ from those of locks, so that both may have the same prefix. At most 255
    /// bytes without control characters. Empty by default.
    public var keyPrefix = ""
    /// What a decision outlives on this deployment: `nothing` or `processCrash`.
    ///
    /// Nothing is the default, because that is what Redis promises with its default settings: a server that is started anew counts
    /// every limit as full. Say `processCrash` if the server runs with `appendonly yes`.
    public var survival: Guarantee.Survival = .nothing

    /// Makes options with the defaults.
    ///
    /// - Parameter generator: The chance in the waits between attempts to connect.
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

    /// Reads a URL of the same form, and with the same options, as that of a ``RedisLeaseEngine``:
    /// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=TEXT&survives=process-crash&…]`.
    ///
    /// - Throws: `ResilienceError` with `invalidConfiguration`, which quotes what is wrong and never the password.
    public init(
        url text: String, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(ResilienceError) {
        let url: EngineURL
        do {
            url = try EngineURL(text)
        } catch {
            throw ResilienceError(.invalidConfiguration, error.description)
        }
        try self.init(url: url, generator: generator)
    }

    /// Takes a URL that was read already; see ``init(url:generator:)-(String,_)``.
    public init(
        url: EngineURL, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(ResilienceError) {
        var own = RedisLeaseEngineOptions.OwnOptions()
        do throws(RedisURLDefect) {
            self.connection = try RedisOptions(
                url: url, generator: generator, knowing: RedisLeaseEngineOptions.OwnOptions.names
            ) {
                own.take($0, $1)
            }
        } catch {
            throw ResilienceError(.invalidConfiguration, error.message)
        }
        self.keyPrefix = own.prefix
        self.survival = own.survival
        if let defect = self.defect {
            throw ResilienceError(.invalidConfiguration, "\(self.connection) cannot be used: \(defect)")
        }
    }

    /// What is wrong with the options, or `nil`.
    var defect: String? {
        if let defect = self.connection.defect ?? LeaseKeySpace.defect(inPrefix: self.keyPrefix) { return defect }
        if self.survival > .processCrash {
            return "a decision on Redis outlives a crash of the server at the most, and not \(self.survival)"
        }
        return nil
    }
}
