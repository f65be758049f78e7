import ColonyCore
import ColonyProxy

/// `redirect` of a route: where clients are sent.
struct RouteRedirectDocument: Sendable {
    var status = 308
    var scheme: String?
    var host: String?
    var path: String?
    var prefix: String?
    var keepsQuery = true

    private static let keys: [SectionKey<RouteRedirectDocument>] = [
        .integer("status", \.status), .text("scheme", \.scheme), .text("host", \.host), .text("path", \.path),
        .text("prefix", \.prefix), .flag("keep_query", \.keepsQuery),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> RouteRedirect {
        try value.make(Self.keys, from: RouteRedirectDocument()) { document in
            let path: RouteRedirect.Path
            switch (document.path, document.prefix) {
            case (_?, _?): throw ProxyError(.invalidConfiguration, "path and prefix exclude each other")
            case (let text?, nil): path = .replaced(text)
            case (nil, let text?): path = .prefixReplaced(text)
            case (nil, nil): path = .kept
            }
            return try RouteRedirect(
                status: document.status, scheme: document.scheme, host: document.host, path: path,
                keepsQuery: document.keepsQuery)
        }
    }
}
