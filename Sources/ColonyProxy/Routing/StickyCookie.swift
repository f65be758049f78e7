/// A cookie that keeps a client with the endpoint that it began with.
///
/// The proxy sets it with the first answer. Its value is a keyed hash of the endpoint's name (SipHash, 128 bits): it says nothing of names or
/// addresses. The client is kept as long as the endpoint is in health and not in maintenance; otherwise the balancer chooses another one, and
/// the cookie is set anew. A value that belongs to no endpoint, because it was made up or the endpoint is gone, is as none.
public struct StickyCookie: Hashable, Sendable {
    /// To which requests of other sites the cookie is sent along (RFC 6265bis, section 5.6.7).
    public enum SameSite: String, Hashable, Sendable {
        /// To those that open a page.
        case lax = "Lax"
        /// To none.
        case strict = "Strict"
        /// To all; only possible together with ``StickyCookie/isSecure``.
        case none = "None"
    }

    /// The name of the cookie.
    public let name: String
    /// How long the client keeps it, from a second to 400 days, in whole seconds; `nil` until it closes.
    public let lifetime: Duration?
    /// For which paths the client sends it.
    public let path: String
    /// Whether it is only sent through TLS.
    public let isSecure: Bool
    /// Whether it is hidden from scripts.
    public let isHTTPOnly: Bool
    /// To which requests of other sites it is sent along.
    public let sameSite: SameSite?
    /// The secret of the hash; `nil` for one that each start of the proxy chooses by chance.
    let secret: String?

    /// Describes a cookie.
    ///
    /// - Parameters:
    ///   - name: A token of at most 64 characters.
    ///   - path: Begins with a slash, has no semicolon.
    ///   - secret: At least 16 bytes, the same for all proxies that serve the same clients, so that each knows the cookies of the others and
    ///     they outlive a restart. Without it, a restart or another proxy begins anew.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value; a secret is not quoted.
    public init(
        _ name: String, lifetime: Duration? = nil, path: String = "/", isSecure: Bool = false,
        isHTTPOnly: Bool = true, sameSite: SameSite? = .lax, secret: String? = nil
    ) throws(ProxyError) {
        guard FieldSyntax.isToken(name), name.utf8.count <= 64 else {
            throw ProxyError(.invalidConfiguration, "\"\(name)\" is no name of a cookie of at most 64 characters")
        }
        if let lifetime, lifetime < .seconds(1) || lifetime > .seconds(400 * 86_400) {
            throw ProxyError(
                .invalidConfiguration, "a cookie for \(lifetime) is not possible: from a second to 400 days")
        }
        guard path.hasPrefix("/"), FieldSyntax.isTarget(path), !path.utf8.contains(UInt8(ascii: ";")) else {
            throw ProxyError(.invalidConfiguration, "the path \"\(path)\" of a cookie is not possible")
        }
        if sameSite == SameSite.none, !isSecure {
            throw ProxyError(
                .invalidConfiguration,
                "the cookie \"\(name)\" with SameSite=None is refused by clients unless it is secure")
        }
        if let secret, secret.utf8.count < 16 {
            throw ProxyError(
                .invalidConfiguration, "the secret of the cookie \"\(name)\" has less than 16 bytes")
        }
        self.name = name
        self.lifetime = lifetime
        self.path = path
        self.isSecure = isSecure
        self.isHTTPOnly = isHTTPOnly
        self.sameSite = sameSite
        self.secret = secret
    }
}
