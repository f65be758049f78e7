#if Postgres
public import ColonyCore

/// Where a PostgreSQL server is, and how it is used.
///
/// The password never appears in ``description``, nor in an error.
public struct PostgresOptions: Sendable, CustomStringConvertible {
    /// One server, or several of which the first that takes writes is used.
    public struct Server: Hashable, Sendable {
        /// A name, a numeric address without brackets, or the folder of a Unix socket, which begins with `/`.
        public var host: String
        /// From 1 to 65535; PostgreSQL listens on 5432 unless told otherwise.
        public var port: Int

        /// Puts the two together.
        public init(host: String, port: Int = 5432) {
            self.host = host
            self.port = port
        }
    }

    /// What a server must promise before leases are granted on it.
    public enum Durability: String, CaseIterable, Hashable, Sendable {
        /// An acknowledged grant is on the disk. A server that runs with `fsync` or `synchronous_commit` off is refused
        /// with `storageFailed`.
        case synced
        /// Whatever the server does; the guarantee of the engine is then that a grant outlives nothing.
        case any
    }

    /// The servers. Leases on several are worth no more than the replication between them.
    public var servers: [Server]
    /// The user to be; without one, libpq takes the name of the system's user.
    public var user: String?
    /// The password. Never shown.
    public var password: String?
    /// The database; without one, libpq takes the one that is called like the user.
    public var database: String?
    /// The schema that holds all of Colony's tables; made on first use. 1 to 63 of a–z, 0–9, and `_`, no digit first.
    public var schema = "colony"
    /// How long a call may take, connecting included. Five seconds are above every pause of a healthy server and below
    /// the patience of those who renew a lease of half a minute.
    public var timeout: Duration = .seconds(5)
    /// The most connections of one engine, at least 1. Eight keep a server with two cores busy.
    public var connections = 8
    /// The most calls that wait for a connection; beyond, calls throw `unavailable` at once.
    public var waitingCalls = 4_096
    /// How long a connection beyond the first may be without work before it is closed.
    public var idleLimit: Duration = .seconds(30)
    /// The waits between attempts to connect. At most a second, so that a server that is back is noticed soon.
    public var backoff = Backoff(initial: .milliseconds(20), maximum: .seconds(1))
    /// What the server must promise; see ``Durability``.
    public var durability = Durability.synced
    /// Parameters that are passed on to libpq by their names, such as `sslmode` and `sslrootcert`.
    public var parameters: [String: String] = [:]

    /// The parameters of libpq that a URL may set. Those for TLS mean what PostgreSQL's manual says.
    public static let passedParameters: Set<String> = [
        "application_name", "channel_binding", "keepalives", "keepalives_count", "keepalives_idle",
        "keepalives_interval", "passfile", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcrl",
        "sslkey", "sslmode", "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout",
    ]

    /// Makes options with the defaults.
    public init(
        servers: [Server] = [Server(host: "127.0.0.1")], user: String? = nil, password: String? = nil,
        database: String? = nil
    ) {
        self.servers = servers
        self.user = user
        self.password = password
        self.database = database
    }

    /// The URL of the server with `***` in place of the password.
    public var description: String {
        let places = self.servers.map { server in
            server.host.contains(":") ? "[\(server.host)]:\(server.port)" : "\(server.host):\(server.port)"
        }
        let secret = self.password == nil ? "" : ":***"
        let who = self.user.map { "\($0)\(secret)@" } ?? (secret.isEmpty ? "" : "\(secret)@")
        return "postgres://\(who)\(places.joined(separator: ","))\(self.database.map { "/\($0)" } ?? "")"
    }
}
#endif
