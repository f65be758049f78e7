import ColonyCore
import ColonyProxy

/// `sticky_cookie` of a route. A name alone is a cookie with all that is usual.
struct StickyCookieDocument: Sendable {
    var name: String?
    var lifetime: Duration?
    var path = "/"
    var secure = false
    var httpOnly = true
    var sameSite: StickyCookie.SameSite? = .lax
    var secret: String?

    private static let keys: [SectionKey<StickyCookieDocument>] = [
        .text("name", \.name), .duration("lifetime", \.lifetime), .text("path", \.path), .flag("secure", \.secure),
        .flag("http_only", \.httpOnly),
        .choice(
            "same_site", \.sameSite,
            [("lax", .lax), ("strict", .strict), ("none", StickyCookie.SameSite.none), ("off", nil)]),
        .text("secret", \.secret),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> StickyCookie {
        if value.scalar != nil {
            do {
                return try StickyCookie(try value.text())
            } catch {
                throw value.refused(error)
            }
        }
        return try value.make(Self.keys, from: StickyCookieDocument()) { document in
            guard let name = document.name else {
                throw ProxyError(.invalidConfiguration, "the cookie has no name")
            }
            return try StickyCookie(
                name, lifetime: document.lifetime, path: document.path, isSecure: document.secure,
                isHTTPOnly: document.httpOnly, sameSite: document.sameSite, secret: document.secret)
        }
    }
}
