extension Route {
    /// What the document says of a route of proxies.
    var proxyDescription: RouteDescription {
        switch self {
        case .listProxies:
            RouteDescription(
                summary: "List the proxies.", success: "All of them, in the order of the configuration file.",
                answer: "Proxies", problems: [.invalidRequest, .unknownField])
        case .inspectProxy:
            RouteDescription(
                summary: "Look at a proxy: its traffic, its routes, and its upstreams with their endpoints.",
                success: "How it stands. Counts are those since its start.", answer: "Proxy",
                problems: [.invalidName, .invalidRequest, .unknownField, .notFound])
        case .reloadProxies:
            RouteDescription(
                summary: "Read the configuration file again, and make what it says of proxies hold.",
                success: "What has come of it. Requests go on, and endpoints that stay keep what is known of them.",
                answer: "ProxyChanges", problems: [.invalidConfiguration])
        case .setEndpoint:
            RouteDescription(
                summary:
                    "Take an endpoint out of new calls, put it back, or change its weight. Enabling it ends an ejection.",
                success: "How the endpoint stands.", request: "SetEndpointRequest", answer: "ProxyEndpoint",
                problems: [.notFound])
        case .explainPick:
            RouteDescription(
                summary: "Why a call would go where it goes.",
                success: "The rule, and what speaks for or against each endpoint. Nothing is picked.",
                answer: "PickExplanation", problems: [.invalidName, .invalidRequest, .unknownField, .notFound])
        default: preconditionFailure("\(self) is no route of proxies")
        }
    }
}

extension OpenAPIDocument {
    /// The places in paths that take a name.
    static let namedPlaces = [
        "owner", "semaphore", "group", "exchange", "topic", "schedule", "limit", "switch", "kind", "endpoint",
        "upstream", "proxy", "transaction", "node",
    ]

    /// The parameters of a route of proxies; none for any other route.
    func proxyParameters(_ route: Route) -> [JSONValue] {
        guard route == .explainPick else { return [] }
        return [
            [
                "name": "key", "in": "query", "schema": ["type": "string"],
                "description": "What the call is placed by: the value of a header, a cookie, a parameter, or a path.",
            ],
            [
                "name": "client", "in": "query", "schema": ["type": "string"],
                "description": "The address that the call comes from. Not both.",
            ],
        ]
    }
}
