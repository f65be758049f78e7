#if Postgres
public import ColonyCore

extension PostgresOptions {
    /// Reads `postgres://[USER[:PASSWORD]@]HOST[:PORT][,HOST…]/DATABASE[?OPTION=VALUE&…]`; `postgresql` is the same.
    ///
    /// The options are `schema`, `timeout_ms` (100 to 600000), `connections` (1 to 256), `durability` (`synced`, `any`),
    /// `host` (the folder of a Unix socket), and those of ``passedParameters``. `mode` is for who makes the engine.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public init(url: EngineURL) throws(InvalidName) {
        func refused(_ reason: String) -> InvalidName {
            InvalidName(role: "PostgreSQL URL", value: url.description, reason: reason)
        }
        guard url.scheme == "postgres" || url.scheme == "postgresql" else {
            throw refused("its scheme is neither postgres nor postgresql")
        }
        var servers: [Server] = []
        for host in url.hosts {
            guard let server = Server(host) else { throw refused("a host is not HOST or HOST:PORT with a port from 1") }
            servers.append(server)
        }
        if let folder = url.options["host"] {
            guard servers.isEmpty, folder.hasPrefix("/") else {
                throw refused("the option host is the folder of a Unix socket, for a URL without a host of its own")
            }
            servers = [Server(host: folder)]
        }
        if servers.isEmpty { servers = [Server(host: "127.0.0.1")] }
        let database = url.path.hasPrefix("/") ? String(url.path.dropFirst()) : url.path
        self.init(
            servers: servers, user: url.user, password: url.password, database: database.isEmpty ? nil : database)
        for (key, value) in url.options.sorted(by: { $0.key < $1.key }) {
            if let defect = self.set(key, to: value) { throw refused(defect) }
        }
        for text in [self.user, self.password, self.database] {
            // What ends a string for libpq would silently cut it short.
            if text?.utf8.contains(0) == true { throw refused("its user, password, or database contains U+0000") }
        }
    }

    /// - Returns: What is wrong, or `nil`.
    private mutating func set(_ key: String, to value: String) -> String? {
        switch key {
        case "host", "mode":
            break
        case "schema":
            guard Self.isSchema(value) else {
                return "a schema is 1 to 63 of a–z, 0–9, and _, and no digit comes first"
            }
            self.schema = value
        case "timeout_ms":
            guard let number = Int64(value), (100...600_000).contains(number) else {
                return "timeout_ms is a number from 100 to 600000"
            }
            self.timeout = .milliseconds(number)
        case "connections":
            guard let number = Int(value), (1...256).contains(number) else {
                return "connections is a number from 1 to 256"
            }
            self.connections = number
        case "durability":
            guard let durability = Durability(rawValue: value) else { return "durability is synced or any" }
            self.durability = durability
        case _ where Self.passedParameters.contains(key):
            if value.utf8.contains(0) { return "an option contains U+0000" }
            self.parameters[key] = value
        default:
            let known = ["connections", "durability", "host", "mode", "schema", "timeout_ms"] + Self.passedParameters
            return "there is no option \(NameRules.quoted(key)); there are \(known.sorted().joined(separator: ", "))"
        }
        return nil
    }

    static func isSchema(_ text: String) -> Bool {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, !digits.contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { letters.contains($0) || digits.contains($0) || $0 == UInt8(ascii: "_") }
    }
}

extension PostgresOptions.Server {
    /// Reads `host`, `host:port`, `[ipv6]`, or `[ipv6]:port`; `nil` for anything else.
    init?(_ text: String) {
        guard let address = HostAndPort(text) else { return nil }
        self.init(host: address.host, port: address.port ?? 5432)
    }
}
#endif
