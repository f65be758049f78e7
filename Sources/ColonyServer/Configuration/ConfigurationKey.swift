import ColonyCaches
import ColonyCore
import ColonyIdentifiers

/// One thing that can be configured: its name in the file, its variable, what it takes, and what it means.
///
/// ``all`` is the only place where keys are written down; reading, help, and documentation go by it.
public struct ConfigurationKey: Sendable {
    /// The name in `colony.yaml`, with dots between the levels: `http.port`.
    public let name: String
    /// What the value looks like: `port`, `duration`, `bytes` …
    public let type: String
    /// The default as it would be written, or `nil` if there is none.
    public let defaultValue: String?
    /// What the key does and why the default is what it is, as a sentence.
    public let meaning: String
    /// Whether its value must not be shown, also not in an error.
    var isSecret = false

    let apply: @Sendable (_ value: String, _ configuration: inout DaemonConfiguration) throws(Refusal) -> Void

    /// Why a value is refused: what it must be.
    struct Refusal: Error {
        var expectation: String
        /// What was probably meant.
        var nearest: String?
    }

    /// The environment variable of the key: `COLONY_HTTP_PORT`.
    public var environmentVariable: String {
        Self.variablePrefix + self.name.uppercased().replacing(".", with: "_")
    }

    static let variablePrefix = "COLONY_"

    /// Variables that start alike but belong to others: to clients and to commands that run under a lock, and to the
    /// scripts that build, test, and measure Colony, which start daemons too.
    static let foreignVariables: Set<String> = [
        FencingToken.environmentVariable, "COLONY_LOCK_NAME", "COLONY_SERVER", "COLONY_TOKEN",
        "COLONY_BENCH_WORKER", "COLONY_BINARY", "COLONY_NO_INSTALL", "COLONY_SCREENSHOTS", "COLONY_STRICT",
    ]

    /// The name of the list of tokens, which is not a single value and is read from the file only.
    static let tokens = "tokens"
    /// The name of the proxies, which are read from the file only, too.
    static let proxies = "proxies"

    /// Every key with a single value, in the order of the documentation.
    public static let all: [ConfigurationKey] =
        [
            text("http.host", "127.0.0.1", "The address to listen on. Another than loopback needs tokens, or insecure.")
            {
                $0.host = $1
            },
            integer("http.port", "port", 0...65_535, 7_400, "The port to listen on; 0 takes a free one.") {
                $0.port = $1
            },
            text(
                "data", nil,
                "The directory of the embedded store. Without it, $XDG_STATE_HOME/colony or ~/.local/state/colony."
            ) { $0.dataDirectory = $1 },
            ConfigurationKey(
                name: "store", type: "URL", defaultValue: nil,
                meaning:
                    "Which engine to serve, such as sqlite:/var/lib/colony/colony.db, memory:, or etcd://HOST:PORT. "
                    + "Without it, the file colony.db in the data directory."
            ) { value, configuration throws(Refusal) in
                do throws(InvalidName) {
                    configuration.store = try EngineURL(value)
                } catch {
                    throw Refusal(expectation: "a store URL, but \(error.reason)")
                }
            },
            text("tls.certificate", nil, "The PEM file of the certificate and its chain. With tls.key it turns TLS on.")
            {
                $0.certificateFile = $1
            },
            text("tls.key", nil, "The PEM file of the certificate's private key.") { $0.keyFile = $1 },
            choice(
                "insecure", ["true", "false"], "false", "Listen on an address that is not loopback without any token."
            ) {
                $0.isInsecure = $1 == "true"
            },
            integer(
                "limits.body_bytes", "bytes", 1_024...(64 << 20), 1 << 20,
                "The longest body of a request. The default holds a full batch of renewals with long names."
            ) { $0.limits.bodyBytes = $1 },
            integer("limits.name_bytes", "bytes", 1...255, 255, "The longest name of a lock or queue.") {
                $0.limits.nameBytes = $1
            },
            duration("limits.wait", "60s", "The longest wait of a request. Proxies cut longer ones.") {
                $0.limits.wait = $1
            },
            integer("limits.batch", "number", 1...1_000, 1_000, "The most leases or messages of one request.") {
                $0.limits.batch = $1
            },
            integer(
                "limits.connections", "number", 1...1_000_000, 10_000,
                "The most open connections. Further ones wait until one closes."
            ) { $0.limits.connections = $1 },
            integer(
                "limits.waiters", "number", 1...1_000_000, 10_000,
                "The most requests that wait at the same time for locks, and as many for queues."
            ) { $0.limits.waiters = $1 },
            integer(
                "limits.waiters_per_name", "number", 1...1_000_000, 1_000,
                "The most requests that wait for one lock or queue."
            ) { $0.limits.waitersPerName = $1 },
            integer("limits.streams", "number", 1...100_000, 100, "The most open event streams.") {
                $0.limits.streams = $1
            },
            duration("limits.head_timeout", "10s", "How long the head of a request may take to arrive.") {
                $0.limits.headTimeout = $1
            },
            duration("limits.body_timeout", "10s", "How long the body of a request may take to arrive.") {
                $0.limits.bodyTimeout = $1
            },
            duration("limits.idle_timeout", "120s", "How long a connection may stay open between two requests.") {
                $0.limits.idleTimeout = $1
            },
            duration("limits.drain", "10s", "How long running requests may take to finish after the signal to stop.") {
                $0.limits.drain = $1
            },
            text(
                "ids.namespace", "colony",
                "Among whom Snowflake identifiers are unique: all that share it and the store."
            ) {
                $0.identifiers.namespace = $1
            },
            choice(
                "ids.layout", SnowflakeLayout.presets.map(\.name), "classic",
                "How the bits of Snowflake identifiers are shared out. A namespace keeps the layout that it began with."
            ) { configuration, name in
                if let preset = SnowflakeLayout.presets.first(where: { $0.name == name }) {
                    configuration.identifiers.layout = preset.layout
                }
            },
            integer(
                "ids.datacenter", "number", 0...Int(Int32.max), 0,
                "The datacenter in Snowflake identifiers; the layout says how many there are."
            ) { $0.identifiers.datacenter = $1 },
            ConfigurationKey(
                name: "ids.worker", type: "number", defaultValue: nil,
                meaning: "The worker number in Snowflake identifiers. Without it, a free one is leased from the store, "
                    + "which is safe however many daemons there are."
            ) { value, configuration throws(Refusal) in
                guard let worker = Int(value), (0...Int(Int32.max)).contains(worker) else {
                    throw Refusal(expectation: "a whole number from 0 to \(Int32.max)")
                }
                configuration.identifiers.worker = worker
            },
            integer(
                "cache.bytes", "bytes", 4_096...(1 << 40), 256 << 20,
                "What the shared cache may hold in memory: keys, values in buffers of a power of two, and about 200 bytes for "
                    + "each entry."
            ) { $0.cache.bytes = $1 },
            integer(
                "cache.value_bytes", "bytes", 1...(64 << 20), 1 << 20, "The longest value that the shared cache takes."
            ) { $0.cache.valueBytes = $1 },
            choice(
                "cache.policy", EvictionPolicy.allCases.map(\.rawValue), EvictionPolicy.adaptive.rawValue,
                "Which entry a full cache gives up. The default follows what is asked for."
            ) { $0.cache.policy = EvictionPolicy(rawValue: $1) ?? $0.cache.policy },
            integer(
                "queues.request_bytes", "bytes", 4_096...(64 << 20), 16 << 20,
                "The longest body of a request that publishes. A message in base 64 is a third longer."
            ) { $0.queues.requestBytes = $1 },
            integer(
                "queues.measured", "number", 0...1_000, 100,
                "How many queues the metrics tell of one by one, in the order of their names."
            ) { $0.queues.measured = $1 },
            choice("log.level", DaemonConfiguration.Log.Level.allCases.map(\.rawValue), "info", "How much is logged.") {
                $0.log.level = DaemonConfiguration.Log.Level(rawValue: $1) ?? $0.log.level
            },
            choice(
                "log.format", DaemonConfiguration.Log.Format.allCases.map(\.rawValue), "text",
                "Lines for people, or one JSON object a line for collectors."
            ) { $0.log.format = DaemonConfiguration.Log.Format(rawValue: $1) ?? $0.log.format },
        ] + Self.transactions + Self.cluster
}

// MARK: Kinds of values

extension ConfigurationKey {
    static func text(
        _ name: String, _ defaultValue: String?, _ meaning: String,
        _ set: @escaping @Sendable (inout DaemonConfiguration, String) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, type: "text", defaultValue: defaultValue, meaning: meaning) {
            value, configuration throws(Refusal) in
            guard !value.isEmpty else { throw Refusal(expectation: "text that is not empty") }
            set(&configuration, value)
        }
    }

    static func integer(
        _ name: String, _ type: String, _ range: ClosedRange<Int>, _ defaultValue: Int?, _ meaning: String,
        _ set: @escaping @Sendable (inout DaemonConfiguration, Int) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, type: type, defaultValue: defaultValue.map { String($0) }, meaning: meaning) {
            value, configuration throws(Refusal) in
            guard let number = Int(value), range.contains(number) else {
                throw Refusal(expectation: "a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            set(&configuration, number)
        }
    }

    static func duration(
        _ name: String, _ defaultValue: String, _ meaning: String,
        _ set: @escaping @Sendable (inout DaemonConfiguration, Duration) -> Void
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, type: "duration", defaultValue: defaultValue, meaning: meaning) {
            value, configuration throws(Refusal) in
            guard let duration = try? Duration(text: value), duration > .zero, duration <= .seconds(86_400) else {
                throw Refusal(expectation: "a duration such as 500ms, 10s, or 2m, greater than zero and at most 24h")
            }
            set(&configuration, duration)
        }
    }

    static func choice(
        _ name: String, _ choices: [String], _ defaultValue: String, _ meaning: String,
        _ set: @escaping @Sendable (inout DaemonConfiguration, String) -> Void
    ) -> ConfigurationKey {
        let list = choices.joined(separator: ", ")
        return ConfigurationKey(
            name: name, type: choices.joined(separator: "|"), defaultValue: defaultValue, meaning: meaning
        ) { value, configuration throws(Refusal) in
            guard choices.contains(value) else {
                throw Refusal(
                    expectation: "one of \(list)", nearest: EditDistance.nearest(to: value, among: choices))
            }
            set(&configuration, value)
        }
    }
}

// MARK: Documentation

extension ConfigurationKey {
    /// Every key as a table in Markdown, for the documentation.
    public static var markdown: String {
        var lines = ["| Key | Variable | Type | Default | Meaning |", "| --- | --- | --- | --- | --- |"]
        for key in Self.all {
            let type = key.type.replacing("|", with: " or ")
            let value = key.defaultValue.map { "`\($0)`" } ?? ""
            lines.append("| `\(key.name)` | `\(key.environmentVariable)` | \(type) | \(value) | \(key.meaning) |")
        }
        lines.append("| `\(Self.tokens)` | | list | | \(Self.tokensMeaning) |")
        lines.append("| `\(Self.proxies)` | | mapping | | \(Self.proxiesMeaning) |")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Every key with its default and meaning as plain text, for `--help`.
    public static var helpText: String {
        var lines: [String] = []
        for key in Self.all {
            let value = key.defaultValue.map { " (\($0))" } ?? ""
            lines.append("  \(key.name): \(key.type)\(value)\n      \(key.meaning) \(key.environmentVariable)")
        }
        lines.append("  \(Self.tokens): list\n      \(Self.tokensMeaning)")
        lines.append("  \(Self.proxies): mapping\n      \(Self.proxiesMeaning)")
        return lines.joined(separator: "\n") + "\n"
    }

    private static let proxiesMeaning =
        "Proxies by their names: where they listen, where they pass requests on, and how. In the file only, which is "
        + "read again on SIGHUP."

    private static let tokensMeaning =
        "Who may do what: a list of name, sha256 (of the token, in hexadecimal digits), scopes "
        + "(\(Scope.allCases.map(\.rawValue).joined(separator: ", "))), and prefixes (beginnings of lock names; none "
        + "for all). In the file only."
}
