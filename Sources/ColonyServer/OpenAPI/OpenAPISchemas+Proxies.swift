import ColonyBalancing
import ColonyCore

/// The shapes of proxies.
extension OpenAPISchemas {
    private static let flag: JSONValue = ["type": "boolean"]
    private static let number: JSONValue = ["type": "number", "minimum": 0]
    private static let texts: JSONValue = ["type": "array", "items": Self.text]

    private static func list(_ schema: String) -> JSONValue { ["type": "array", "items": .reference(schema)] }

    private static func counts(_ names: [String]) -> [(String, JSONValue)] { names.map { ($0, Self.count) } }

    var proxies: [(String, JSONValue)] {
        let head: [(String, JSONValue)] = [
            ("name", Self.text), ("mode", ["enum": ["http", "tcp"]]), ("listen", Self.texts),
        ]
        return [
            (
                "ProxySummary",
                Self.full(
                    head + Self.counts(["upstreams", "routes", "endpoints", "endpoints_in_service"]) + [
                        ("traffic", .reference("ProxyTraffic"))
                    ])
            ), ("Proxies", Self.full([("proxies", Self.list("ProxySummary"))])),
            (
                "Proxy",
                Self.full(
                    head + [
                        ("workers", Self.count), ("tls", Self.flag),
                        (
                            "now_ms",
                            [
                                "type": "integer", "minimum": 0,
                                "description": "The moment of the counts, from which rates can be made.",
                            ]
                        ),
                        ("traffic", .reference("ProxyTraffic")), ("latency", .reference("ProxyLatency")),
                        ("routes", Self.list("ProxyRoute")), ("upstreams", Self.list("ProxyUpstream")),
                    ])
            ),
            ("ProxyAnswerCounts", Self.full(Self.counts(["1xx", "2xx", "3xx", "4xx", "5xx"]))),
            (
                "ProxyTraffic",
                Self.full(
                    Self.counts([
                        "connections", "refused_connections", "active_connections", "requests", "active_requests",
                    ]) + [("answers", .reference("ProxyAnswerCounts"))]
                        + Self.counts([
                            "own_answers", "bytes_from_clients", "bytes_to_clients", "retries", "refused_retries",
                            "abandoned_requests", "broken_answers", "timeouts",
                        ]))
            ),
            (
                "ProxyLatency",
                .closed(
                    required: ["count"],
                    [("count", Self.count)]
                        + ["p50_ms", "p90_ms", "p99_ms", "p999_ms"].map { ($0, Self.number) })
            ),
            (
                "ProxyRoute",
                .closed(
                    required: ["name", "match", "action"],
                    [
                        ("name", Self.text), ("match", Self.text), ("action", Self.text), ("upstream", Self.text),
                        ("answers", .reference("ProxyAnswerCounts")), ("breaker", Self.text),
                    ]
                        + Self.counts([
                            "requests", "active_requests", "refused_by_rate", "refused_by_concurrency",
                            "refused_by_breaker",
                        ]))
            ),
        ] + self.upstreams + self.endpointShapes
    }

    private var upstreams: [(String, JSONValue)] {
        [
            (
                "ProxyUpstream",
                Self.full([
                    ("name", Self.text), ("algorithm", Self.text), ("source", .reference("ProxySource")),
                    ("tls", Self.flag), ("checks", Self.texts), ("endpoints", Self.list("ProxyEndpoint")),
                ])
            ),
            (
                "ProxySource",
                .closed(
                    required: ["kind"],
                    [
                        ("kind", ["enum": ["file", "dns", "registry"]]), ("name", Self.text), ("found", Self.count),
                        ("failures", Self.count), ("problem", Self.text), ("found_ago_ms", Self.count),
                    ])
            ),
        ]
    }

    private var endpointShapes: [(String, JSONValue)] {
        let needed: [(String, JSONValue)] =
            [
                ("name", Self.text), ("address", Self.text), ("weight", Self.count), ("weight_is_set", Self.flag),
                ("priority", Self.count),
                ("state", ["enum": .array(EndpointStatus.State.labels.map { .string($0) })]),
                ("reasons", Self.texts),
            ]
            + Self.counts([
                "calls_under_way", "successes", "failures", "connect_failures", "timeouts", "cancellations",
                "failures_in_a_row",
            ]) + [("slow_start_share", Self.number), ("expected_share", Self.number)]
            + Self.counts(["connections", "idle_connections", "waiting", "requests", "bytes_to", "bytes_from"])
            + [("checks", Self.list("ProxyCheck"))]
        return [
            (
                "ProxyEndpoint",
                .closed(
                    required: Self.required(needed.map(\.0)),
                    needed + [("zone", Self.text), ("latency_ms", Self.number)])
            ),
            (
                "ProxyCheck",
                Self.full([
                    ("name", Self.text), ("healthy", Self.flag), ("probed", Self.flag), ("reason", Self.text),
                ])
            ),
            (
                "SetEndpointRequest",
                .closed(
                    required: [],
                    [
                        (
                            "state",
                            ["enum": .array(SetEndpointRequest.State.allCases.map { .string($0.rawValue) })]
                        ),
                        (
                            "weight",
                            [
                                "type": "integer", "minimum": 0,
                                "maximum": .number(UInt64(Endpoint.weights.upperBound)),
                                "description": "It is kept over reloads; 0 gives back the one of the file.",
                            ]
                        ),
                    ],
                    also: ("minProperties", 1))
            ),
            (
                "PickExplanation",
                .closed(
                    required: ["rule", "levels", "endpoints"],
                    [
                        ("rule", Self.text), ("levels", Self.texts), ("chosen", Self.text),
                        ("endpoints", Self.list("PickFinding")),
                    ])
            ),
            (
                "PickFinding",
                Self.full([("name", Self.text), ("may_be_picked", Self.flag), ("reason", Self.text)])
            ),
            (
                "ProxyChanges",
                Self.full([("added", Self.texts), ("kept", Self.texts), ("removed", Self.texts)])
            ),
        ]
    }
}
