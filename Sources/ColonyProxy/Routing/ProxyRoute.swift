/// Which requests something is done with, and what.
///
/// Of the routes of a proxy, the first one that matches is taken, in the order of the list. A request that none matches is answered with 404.
///
/// ```swift
/// let routes = [
///     try ProxyRoute("api", RouteMatch(path: .prefix("/api")), .forward(RouteForward("backend"))),
///     try ProxyRoute("rest", .any, .respond(RouteAnswer(status: 404))),
/// ]
/// ```
public struct ProxyRoute: Sendable {
    /// What statistics call it.
    public let name: String
    /// Which requests are meant.
    public let match: RouteMatch
    /// What is done with them.
    public let action: RouteAction
    /// How much of them is taken.
    public let limits: RouteLimits

    /// Makes a route.
    ///
    /// - Parameter name: One to 64 letters, digits, hyphens, dots, and underscores; each route of a proxy has its own.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value: also if the action replaces a prefix of the path and
    ///   `match` has none.
    public init(
        _ name: String, _ match: RouteMatch = .any, _ action: RouteAction, limits: RouteLimits = .none
    ) throws(ProxyError) {
        try ProxyName.check(name, "the name of a route")
        let replacesPrefix =
            switch action {
            case .forward(let forward): forward.rewrite.prefix != nil
            case .redirect(let redirect): redirect.path.replacesPrefix
            case .respond: false
            }
        if replacesPrefix {
            guard case .prefix = match.path else {
                throw ProxyError(
                    .invalidConfiguration, "the route \"\(name)\" replaces a prefix of the path and matches by none")
            }
        }
        self.name = name
        self.match = match
        self.action = action
        self.limits = limits
    }
}

/// What is done with the requests of a route.
public enum RouteAction: Sendable {
    /// They go to an endpoint.
    case forward(RouteForward)
    /// The client is sent elsewhere.
    case redirect(RouteRedirect)
    /// The proxy answers.
    case respond(RouteAnswer)
}
