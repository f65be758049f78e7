/// Where clients are sent: the address that they asked for, with some parts changed.
public struct RouteRedirect: Hashable, Sendable {
    /// What becomes of the path.
    public enum Path: Hashable, Sendable {
        /// It stays.
        case kept
        /// This one takes its place.
        case replaced(String)
        /// This takes the place of the prefix that the route matches; `/` takes the prefix away.
        case prefixReplaced(String)

        var replacesPrefix: Bool { if case .prefixReplaced = self { true } else { false } }
    }

    /// 301, 302, 303, 307, or 308.
    public let status: Int
    /// `http` or `https`; `nil` for that of the request.
    public let scheme: String?
    /// A host, with a port if it needs one; `nil` for that of the request. If the scheme changes, the port of the request goes.
    public let host: String?
    /// What becomes of the path.
    public let path: Path
    /// Whether the query stays.
    public let keepsQuery: Bool

    /// Makes a redirect. Where neither scheme nor host is said, `Location` has only the path, so that it is right behind any other proxy.
    ///
    /// - Parameters:
    ///   - status: 308 and 307 keep the method, 303 makes it `GET`; what clients make of 301 and 302 is not one thing.
    ///   - path: New ones begin with one slash; one in place of the whole path may have a query, and that of the request is then put behind it.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value, also if nothing would change.
    public init(
        status: Int = 308, scheme: String? = nil, host: String? = nil, path: Path = .kept, keepsQuery: Bool = true
    ) throws(ProxyError) {
        guard [301, 302, 303, 307, 308].contains(status) else {
            throw ProxyError(
                .invalidConfiguration, "the status \(status) is none of a redirect: 301, 302, 303, 307, or 308")
        }
        if let scheme, scheme != "http", scheme != "https" {
            throw ProxyError(.invalidConfiguration, "the scheme \"\(scheme)\" is neither http nor https")
        }
        if let host, !FieldSyntax.isHost(host) {
            throw ProxyError(.invalidConfiguration, "\"\(host)\" is no host, with or without a port")
        }
        switch path {
        case .kept:
            guard scheme != nil || host != nil || !keepsQuery else {
                throw ProxyError(.invalidConfiguration, "a redirect that changes nothing would have no end")
            }
        case .replaced(let text), .prefixReplaced(let text):
            let isWhole = path == .replaced(text)
            guard text.hasPrefix("/"), !text.hasPrefix("//"), FieldSyntax.isTarget(text), !text.hasPrefix("/\\"),
                isWhole || !text.utf8.contains(UInt8(ascii: "?"))
            else {
                throw ProxyError(
                    .invalidConfiguration,
                    "the path \"\(text)\" of a redirect does not begin with one slash, or is none")
            }
        }
        self.status = status
        self.scheme = scheme
        self.host = host
        self.path = path
        self.keepsQuery = keepsQuery
    }
}
