/// What is changed in a request on its way to an endpoint, and in the answer on its way back.
public struct RouteRewrite: Hashable, Sendable {
    /// What stands in place of the prefix that the route matches; `nil` leaves the path as it is. `/` takes the prefix away.
    public let prefix: String?
    /// What stands in place of the host that the client asked for, with a port if it needs one; `nil` leaves it as it is. Endpoints hear of
    /// the other one through `X-Forwarded-Host`.
    public let host: String?
    /// What is changed in the header fields of requests.
    public let request: HeaderEdits
    /// What is changed in the header fields of answers of endpoints, but for interim ones.
    public let response: HeaderEdits

    /// Nothing.
    public static let none = RouteRewrite()

    private init() {
        self.prefix = nil
        self.host = nil
        self.request = .none
        self.response = .none
    }

    /// Says what is changed.
    ///
    /// - Parameters:
    ///   - prefix: Begins with a slash and has no query. A slash at its end says nothing.
    ///   - host: A host as it may stand in `Host`.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        prefix: String? = nil, host: String? = nil, request: HeaderEdits = .none, response: HeaderEdits = .none
    ) throws(ProxyError) {
        if let prefix {
            guard prefix.hasPrefix("/"), !prefix.hasPrefix("//"), FieldSyntax.isTarget(prefix),
                !prefix.utf8.contains(UInt8(ascii: "?"))
            else {
                throw ProxyError(
                    .invalidConfiguration, "the prefix \"\(prefix)\" does not begin with one slash, or has a query")
            }
        }
        if let host, !FieldSyntax.isHost(host) {
            throw ProxyError(.invalidConfiguration, "\"\(host)\" is no host, with or without a port")
        }
        self.prefix = prefix
        self.host = host
        self.request = request
        self.response = response
    }
}

/// What is changed in header fields.
public struct HeaderEdits: Hashable, Sendable {
    /// A field.
    public struct Field: Hashable, Sendable {
        /// Its name, in letters of either case.
        public let name: String
        /// Its value.
        public let value: String

        /// Makes a field. It is checked with the edits.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Fields that are written in place of all with their names.
    public let set: [Field]
    /// Fields that are written besides those that are there.
    public let add: [Field]
    /// Names of fields that go no further.
    public let remove: [String]

    /// Nothing.
    public static let none = HeaderEdits()

    private init() {
        self.set = []
        self.add = []
        self.remove = []
    }

    /// Names that nobody may set: what frames a message or belongs to one connection, and what the proxy itself says of clients.
    private static let forbidden: FieldSet = .hopByHop.union(
        FieldSet(
            .host, .contentLength, .trailer, .expect, .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost,
            .via))

    /// Says what is changed: 64 fields at most.
    ///
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value: for what is no name or no value of a field, and for
    ///   fields that frame a message (`Content-Length`, `Transfer-Encoding`, `Trailer`), that belong to one connection (`Connection`,
    ///   `Upgrade`, `Keep-Alive`, `TE`, …), or that have a setting of their own (`Host`, `X-Forwarded-For`, `Via`, …).
    public init(set: [Field] = [], add: [Field] = [], remove: [String] = []) throws(ProxyError) {
        guard set.count + add.count + remove.count <= 64 else {
            throw ProxyError(
                .invalidConfiguration,
                "\(set.count + add.count + remove.count) changes of header fields are not possible: at most 64")
        }
        for field in set + add {
            try Self.check(field.name)
            try FieldSyntax.check(value: field.value, of: field.name)
        }
        for name in remove { try Self.check(name) }
        self.set = set
        self.add = add
        self.remove = remove
    }

    private static func check(_ name: String) throws(ProxyError) {
        try FieldSyntax.check(name: name)
        let bytes = name.utf8.map { ByteScan.lowerWithHyphens($0) }
        let field = bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { KnownField.named($0, 0, count: bytes.count) } ?? .other
        }
        guard !Self.forbidden.contains(field) else {
            throw ProxyError(
                .invalidConfiguration,
                "the header field \"\(name)\" frames messages, belongs to one connection, or has a setting of its own")
        }
    }

    var isEmpty: Bool { self.set.isEmpty && self.add.isEmpty && self.remove.isEmpty }
}
