#if Postgres
import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The numeric addresses of the servers.
///
/// libpq looks names up itself, but stands still meanwhile, and with it all connections that its thread drives. So names
/// are looked up here, on a thread that may be held up for as long as it takes.
struct PostgresAddresses: Sendable {
    struct Entry: Sendable {
        /// What the certificate of the server is compared with, or the folder of its socket.
        let host: String
        /// `nil` for a folder.
        let address: String?
        let port: Int
    }

    let entries: [Entry]
    /// Set if there are no entries.
    let failure: PostgresFailure?

    /// Servers that need no look-up; `nil` if there is one that does.
    init?(numeric servers: [PostgresOptions.Server]) {
        var entries: [Entry] = []
        for server in servers {
            if server.host.hasPrefix("/") {
                entries.append(Entry(host: server.host, address: nil, port: server.port))
            } else if Self.isNumeric(server.host) {
                entries.append(Entry(host: server.host, address: server.host, port: server.port))
            } else {
                return nil
            }
        }
        self.entries = entries
        self.failure = nil
    }

    private init(_ entries: [Entry], _ failure: PostgresFailure?) {
        self.entries = entries
        self.failure = failure
    }

    /// Looks the servers up on a thread that ends afterwards.
    static func resolve(
        _ servers: [PostgresOptions.Server], _ then: @escaping @Sendable (PostgresAddresses) -> Void
    ) {
        startThread(named: "colony-pg-names") {
            var entries: [Entry] = []
            var reasons: [String] = []
            for server in servers {
                if let one = PostgresAddresses(numeric: [server]) {
                    entries += one.entries
                    continue
                }
                switch Self.addresses(of: server.host) {
                case .success(let found):
                    entries += found.map { Entry(host: server.host, address: $0, port: server.port) }
                case .failure(let failure):
                    reasons.append(failure.message)
                }
            }
            let failure =
                entries.isEmpty
                ? PostgresFailure(kind: .unreachable, message: reasons.joined(separator: "; ")) : nil
            then(PostgresAddresses(entries, failure))
        }
    }

    private static func isNumeric(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    private static func addresses(of host: String) -> Result<[String], PostgresFailure> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0 else {
            let reason = gai_strerror(status).map { String(cString: $0) } ?? "error \(status)"
            return .failure(
                PostgresFailure(
                    kind: .unreachable, message: "the name \(NameRules.quoted(host)) has no address: \(reason)"))
        }
        var found: [String] = []
        var next = list
        while let entry = next {
            var text: [CChar] = Array(repeating: 0, count: 256)
            if getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
                == 0
            {
                found.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            next = entry.pointee.ai_next
        }
        return .success(found)
    }
}

extension PostgresOptions {
    /// What libpq is given to connect.
    ///
    /// - Parameter attempt: How many attempts have failed in a row. Each begins with another server, so that one that never
    ///   answers does not hide the others.
    func connectionParameters(_ addresses: PostgresAddresses, attempt: Int) -> [(String, String)] {
        let count = addresses.entries.count
        let entries = (0..<count).map { addresses.entries[($0 + attempt) % count] }
        let limit = max(1, self.timeout.clampedMilliseconds)
        var parameters: [String: String] = [
            "host": entries.map(\.host).joined(separator: ","),
            "hostaddr": entries.map { $0.address ?? "" }.joined(separator: ","),
            "port": entries.map { String($0.port) }.joined(separator: ","),
            "client_encoding": "UTF8",
            "application_name": "colony",
            // Kerberos would stop the thread while it talks to its own servers.
            "gssencmode": "disable",
            // A peer that is gone without a word is noticed within about half a minute, whatever the system's defaults.
            "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
            "options":
                "-c statement_timeout=\(limit) -c jit=off -c client_min_messages=warning "
                + "-c default_transaction_isolation=read\\ committed",
        ]
        if self.servers.count > 1 { parameters["target_session_attrs"] = "read-write" }
        parameters["user"] = self.user
        parameters["password"] = self.password
        parameters["dbname"] = self.database
        parameters.merge(self.parameters) { _, own in own }
        return parameters.sorted { $0.key < $1.key }
    }
}
#endif
