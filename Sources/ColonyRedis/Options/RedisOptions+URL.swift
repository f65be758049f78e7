import ColonyCore

/// Why a URL or options cannot be used: a sentence that quotes what is wrong and never shows the password.
struct RedisURLDefect: Error {
    let message: String
}

extension RedisOptions {
    /// The schemes of one server, and of a cluster, with TLS and without.
    static let schemes = ["redis", "rediss", "redis+cluster", "rediss+cluster"]

    /// Reads `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?OPTION=VALUE&…]`.
    ///
    /// - Parameters:
    ///   - names: The options that `take` knows, for the error that names them all.
    ///   - take: Takes an option of the port; gives what is wrong with it, or `nil`.
    init(
        url text: String, generator: some RandomNumberGenerator & Sendable, knowing names: [String],
        take: (_ name: String, _ value: String) -> String?
    ) throws(RedisURLDefect) {
        let url: EngineURL
        do {
            url = try EngineURL(text)
        } catch {
            throw RedisURLDefect(message: error.description)
        }
        try self.init(url: url, generator: generator, knowing: names, take: take)
    }

    /// Takes a URL that was read already.
    init(
        url: EngineURL, generator: some RandomNumberGenerator & Sendable, knowing names: [String],
        take: (_ name: String, _ value: String) -> String?
    ) throws(RedisURLDefect) {
        func refused(_ reason: String) -> RedisURLDefect {
            RedisURLDefect(message: "\(NameRules.quoted(url.description)) cannot be a Redis URL: \(reason)")
        }
        guard Self.schemes.contains(url.scheme) else {
            throw refused("its scheme is none of \(Self.schemes.joined(separator: ", "))")
        }
        try self.init(url, generator: generator, knowing: names, take: take, refused: refused)
        self.isCluster = url.scheme.hasSuffix("+cluster")
        if let defect = self.defect { throw refused(defect) }
    }

    /// Takes what a URL says, except for its scheme.
    init(
        _ url: EngineURL, generator: some RandomNumberGenerator & Sendable, knowing names: [String],
        take: (_ name: String, _ value: String) -> String?, refused: (String) -> RedisURLDefect
    ) throws(RedisURLDefect) {
        var servers: [RedisAddress] = []
        for host in url.hosts {
            guard let address = RedisAddress(host) else {
                throw refused("\(NameRules.quoted(host)) is not HOST or HOST:PORT with a port from 1")
            }
            servers.append(address)
        }
        self.init(servers: servers, generator: generator)
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
            let reason: String?
            if names.contains(name) {
                reason = take(name, value)
            } else if Self.optionNames.contains(name) {
                reason = self.apply(name, value)
            } else {
                let known = (names + Self.optionNames).sorted().joined(separator: ", ")
                reason = "the option \(NameRules.quoted(name)) is none of \(known)"
            }
            if let reason { throw refused(reason) }
        }
    }

    private static let optionNames = ["ca", "connections", "timeout_ms", "verify"]

    /// Takes one option of a URL; says what is wrong with it.
    private mutating func apply(_ name: String, _ value: String) -> String? {
        let quoted = NameRules.quoted(value)
        switch name {
        case "connections":
            guard let number = Int(value) else { return "connections \(quoted) is not a number" }
            self.connections = number
        case "timeout_ms":
            guard let number = Int64(value) else { return "timeout_ms \(quoted) is not a number" }
            self.timeout = .milliseconds(number)
        default:
            guard self.tls != nil else { return "the option \(name) is for rediss, which speaks TLS" }
            if name == "ca" {
                self.tls?.certificateFile = value
            } else if let verification = RedisTLS.Verification(rawValue: value) {
                self.tls?.verification = verification
            } else {
                return "verify \(quoted) is none of full, chain, none"
            }
        }
        return nil
    }
}
