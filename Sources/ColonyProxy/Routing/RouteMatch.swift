/// Which requests a route is for: all that is said must hold.
public struct RouteMatch: Hashable, Sendable {
    /// Which paths.
    public enum Path: Hashable, Sendable {
        /// Each, and also the `*` of `OPTIONS`.
        case any
        /// This one and no other.
        case exact(String)
        /// This one and those below: `/api` is that of `/api`, `/api/`, and `/api/users`, and not of `/apis`. A slash at its end says nothing.
        case prefix(String)
    }

    /// Names such as `a.example`, and `*.example.com` for all names that end so, however many labels stand before. Letters may be of either
    /// case, and the port of a request says nothing. Empty for each host.
    public let hosts: [String]
    /// Which paths.
    public let path: Path
    /// Methods as RFC 9110 has them, with regard to case. Empty for each method.
    public let methods: [String]
    /// What must hold of header fields.
    public let headers: [HeaderMatch]
    /// Whether the client came through TLS; `nil` for either.
    public let isSecure: Bool?

    /// Each request.
    public static let any = RouteMatch()

    private init() {
        self.hosts = []
        self.path = .any
        self.methods = []
        self.headers = []
        self.isSecure = nil
    }

    /// Says which requests are meant.
    ///
    /// - Parameters:
    ///   - hosts: At most 1,024. An address of IPv6 stands in brackets, as in `Host`.
    ///   - path: Begins with a slash, without a query. Percent-encoding is read: `/a%20b` is the path that clients send so.
    ///   - methods: At most 64.
    ///   - headers: At most 64.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        hosts: [String] = [], path: Path = .any, methods: [String] = [], headers: [HeaderMatch] = [],
        isSecure: Bool? = nil
    ) throws(ProxyError) {
        guard hosts.count <= 1_024 else {
            throw ProxyError(.invalidConfiguration, "\(hosts.count) hosts in a route are not possible: at most 1024")
        }
        for host in hosts { try Self.check(host: host) }
        guard methods.count <= 64 else {
            throw ProxyError(.invalidConfiguration, "\(methods.count) methods in a route are not possible: at most 64")
        }
        for method in methods {
            guard FieldSyntax.isToken(method), method.utf8.count <= 32 else {
                throw ProxyError(.invalidConfiguration, "\"\(method)\" is no method of HTTP")
            }
        }
        guard headers.count <= 64 else {
            throw ProxyError(
                .invalidConfiguration, "\(headers.count) conditions on header fields are not possible: at most 64")
        }
        switch path {
        case .any: break
        case .exact(let text), .prefix(let text): try Self.check(path: text)
        }
        self.hosts = hosts
        self.path = path
        self.methods = methods
        self.headers = headers
        self.isSecure = isSecure
    }

    private static func check(host: String) throws(ProxyError) {
        let name = host.hasPrefix("*.") ? String(host.dropFirst(2)) : host
        let isPlain = !name.isEmpty && name.utf8.count <= HostKey.longest && FieldSyntax.isHostWithoutPort(name)
        guard isPlain, !name.hasPrefix("."), !name.contains("*"), !(host.hasPrefix("*.") && name.hasPrefix("[")) else {
            throw ProxyError(
                .invalidConfiguration,
                "the host \"\(host)\" of a route is neither a name without a port nor one such as *.example.com")
        }
    }

    private static func check(path: String) throws(ProxyError) {
        guard path.hasPrefix("/"), FieldSyntax.isTarget(path), !path.utf8.contains(UInt8(ascii: "?")) else {
            throw ProxyError(
                .invalidConfiguration,
                "the path \"\(path)\" of a route does not begin with a slash, or has a query, spaces, or other bytes that paths have not"
            )
        }
        var bytes = Array(path.utf8)
        guard bytes.withUnsafeMutableBytes({ PathReading.normalise($0) }) != nil else {
            throw ProxyError(
                .invalidConfiguration,
                "the path \"\(path)\" of a route could be read in two ways: it has a segment of dots, an encoded slash, or a backslash"
            )
        }
    }
}

/// What must hold of the header fields with one name.
public struct HeaderMatch: Hashable, Sendable {
    /// What must hold. Values are compared with regard to case, without the whitespace around them; where several lines have the name,
    /// one of them is enough.
    public enum Test: Hashable, Sendable {
        /// There is such a field.
        case present
        /// There is none.
        case absent
        /// A value is this.
        case exact(String)
        /// A value begins so.
        case prefix(String)
        /// A value has this in it.
        case contains(String)
    }

    /// The name of the field, in letters of either case.
    public let name: String
    /// What must hold of it.
    public let test: Test

    /// Makes a condition.
    ///
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(_ name: String, _ test: Test = .present) throws(ProxyError) {
        try FieldSyntax.check(name: name)
        switch test {
        case .present, .absent: break
        case .exact(let value), .prefix(let value), .contains(let value): try FieldSyntax.check(value: value, of: name)
        }
        self.name = name
        self.test = test
    }
}
