import ColonyCore
import ColonyProxy

/// An entry of `routes`.
struct RouteDocument: Sendable {
    var name = ""
    var hosts: [String] = []
    var path: String?
    var pathPrefix: String?
    var methods: [String] = []
    var headers: [HeaderMatch] = []
    var isSecure: Bool?
    var forward: RouteForward?
    var redirect: RouteRedirect?
    var respond: RouteAnswer?
    var limits = RouteLimits.none

    private static let keys: [SectionKey<RouteDocument>] = [
        .text("name", \.name), .texts("hosts", \.hosts), .text("path", \.path), .text("path_prefix", \.pathPrefix),
        .texts("methods", \.methods),
        SectionKey("headers") { value, route throws(DaemonError) in
            route.headers = try HeaderMatchDocument.readAll(value)
        },
        SectionKey("secure") { value, route throws(DaemonError) in route.isSecure = try value.flag() },
        SectionKey("forward") { value, route throws(DaemonError) in
            route.forward = try RouteForwardDocument.read(value)
        },
        SectionKey("redirect") { value, route throws(DaemonError) in
            route.redirect = try RouteRedirectDocument.read(value)
        },
        SectionKey("respond") { value, route throws(DaemonError) in
            route.respond = try RouteAnswerDocument.read(value)
        },
        SectionKey("limits") { value, route throws(DaemonError) in
            route.limits = try RouteLimitsDocument.read(value)
        },
    ]

    static func read(_ value: SectionValue, defaultName: String) throws(DaemonError) -> ProxyRoute {
        try value.make(Self.keys, from: RouteDocument(name: defaultName)) { try $0.route() }
    }

    private func route() throws(ProxyError) -> ProxyRoute {
        let match = try ColonyProxy.RouteMatch(
            hosts: self.hosts, path: try self.wantedPath(), methods: self.methods, headers: self.headers,
            isSecure: self.isSecure)
        return try ProxyRoute(self.name, match, try self.action(), limits: self.limits)
    }

    private func wantedPath() throws(ProxyError) -> ColonyProxy.RouteMatch.Path {
        switch (self.path, self.pathPrefix) {
        case (nil, nil): .any
        case (let path?, nil): .exact(path)
        case (nil, let prefix?): .prefix(prefix)
        case (_?, _?): throw ProxyError(.invalidConfiguration, "path and path_prefix exclude each other")
        }
    }

    private func action() throws(ProxyError) -> RouteAction {
        switch (self.forward, self.redirect, self.respond) {
        case (let forward?, nil, nil): return .forward(forward)
        case (nil, let redirect?, nil): return .redirect(redirect)
        case (nil, nil, let answer?): return .respond(answer)
        default:
            throw ProxyError(.invalidConfiguration, "a route has exactly one of forward, redirect, and respond")
        }
    }
}
