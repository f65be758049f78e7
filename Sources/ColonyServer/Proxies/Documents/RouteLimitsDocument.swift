import ColonyCore
import ColonyProxy
import ColonyResilience

/// `limits` of a route.
struct RouteLimitsDocument: Sendable {
    var bodyBytes: Int?
    var rate: RouteRateLimit?
    var concurrentRequests: Int?

    private static let keys: [SectionKey<RouteLimitsDocument>] = [
        .integer("body_bytes", \.bodyBytes), .integer("concurrent_requests", \.concurrentRequests),
        SectionKey("rate") { value, limits throws(DaemonError) in limits.rate = try RouteRateDocument.read(value) },
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> RouteLimits {
        try value.make(Self.keys, from: RouteLimitsDocument()) { document in
            try RouteLimits(
                bodyBytes: document.bodyBytes.map(Int64.init), rateLimit: document.rate,
                concurrentRequests: document.concurrentRequests)
        }
    }
}

/// `rate` of the limits of a route: so many requests in a time, for each key.
struct RouteRateDocument: Sendable {
    var requests = 0
    var period = Duration.seconds(1)
    var burst: Int?
    var key = RouteRateLimit.Key.client
    var capacity = 100_000

    private static let keys: [SectionKey<RouteRateDocument>] = [
        .integer("requests", \.requests), .duration("per", \.period), .integer("burst", \.burst),
        SectionKey("key") { value, rate throws(DaemonError) in rate.key = try Self.key(value) },
        .integer("capacity", \.capacity),
    ]

    private static let headerKeys: [SectionKey<String?>] = [
        SectionKey("header") { value, name throws(DaemonError) in name = try value.text() }
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> RouteRateLimit {
        try value.make(Self.keys, from: RouteRateDocument()) { document in
            let rule = try RateLimitRule(document.requests, per: document.period, burst: document.burst)
            return try RouteRateLimit(rule, for: document.key, capacity: document.capacity)
        }
    }

    private static func key(_ value: SectionValue) throws(DaemonError) -> RouteRateLimit.Key {
        if value.scalar != nil { return try value.choice([("client", .client), ("all", .all)]) }
        guard let name = try value.read(Self.headerKeys, into: nil) else {
            throw value.refused("\(value.path) has no header")
        }
        return .header(name)
    }
}
