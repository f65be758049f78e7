public import ColonyCaches
import ColonyCore

/// Where the Redis of a ``RedisCacheTier`` is, and how it is used.
///
/// What belongs to the connections, such as `servers`, `timeout`, and `clock`, is in ``connection``, and can be read and set
/// here as well.
@dynamicMemberLookup
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

    /// Where the servers are, and how connections to them are made.
    public var connection: RedisOptions
    /// What is put before every key, so that several programs share a server. Empty by default.
    public var keyPrefix = ""
    /// How changes made by others are learned.
    public var tracking = Tracking.broadcast
    /// Whether a look-up also asks for the time that entries will stay. Off, because it doubles the commands.
    public var readsTimeToLive = false
    /// The largest value in bytes. Redis takes 512 MiB; 32 MiB keeps one value from holding up the calls behind it.
    public var valueBytes = 32 << 20
    /// The most keys in one call.
    public var keysPerCall = 4096

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
    /// them. The options are `prefix`, `connections`, `timeout_ms`, `tracking` (`off`, `broadcast`, `keys-read`), and for
    /// TLS `ca` (a file of certificates) and `verify` (`full`, `chain`, `none`).
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, which quotes what is wrong and never the password.
    public init(
        url text: String, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(CacheError) {
        var prefix = ""
        var tracking = Tracking.broadcast
        do throws(RedisURLDefect) {
            self.connection = try RedisOptions(url: text, generator: generator, knowing: ["prefix", "tracking"]) {
                name, value in
                if name == "prefix" {
                    prefix = value
                } else if let chosen = Tracking(rawValue: value) {
                    tracking = chosen
                } else {
                    let known = Tracking.allCases.map(\.rawValue).joined(separator: ", ")
                    return "tracking \(NameRules.quoted(value)) is none of \(known)"
                }
                return nil
            }
        } catch {
            throw CacheError(.invalidConfiguration, error.message)
        }
        self.keyPrefix = prefix
        self.tracking = tracking
        if let defect = self.defect {
            throw CacheError(.invalidConfiguration, "\(self.connection) cannot be used: \(defect)")
        }
    }

    /// What is wrong with the options, or `nil`.
    var defect: String? {
        if let defect = self.connection.defect { return defect }
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
