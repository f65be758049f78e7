import ColonyCore
import ColonyResilience

/// The shapes of limits.
extension OpenAPISchemas {
    private static let amount: JSONValue = Self.span(1, UInt64(RateLimitRule.maximumPermits))

    private static var period: [(name: String, schema: (String, JSONValue))] {
        let longest = RateLimitRule.longestFill
        return [
            ("per_ms", ("per_ms", Self.span(1, UInt64(longest.clampedMilliseconds)))),
            ("per_ns", ("per_ns", Self.span(1_000, UInt64(longest.clampedNanoseconds)))),
        ]
    }

    var rateLimits: [(String, JSONValue)] {
        let permits: (String, JSONValue) = (
            "permits",
            [
                "type": "integer", "minimum": 0, "maximum": .number(UInt64(RateLimitRule.maximumPermits)), "default": 1,
                "description": "How many are taken together, at most as many as the burst; 0 only looks.",
            ]
        )
        let rate: (String, JSONValue) = ("rate", Self.amount)
        let burst: (String, JSONValue) = (
            "burst",
            [
                "type": "integer", "minimum": 1, "maximum": .number(UInt64(RateLimitRule.maximumPermits)),
                "description":
                    "How many an idle limit holds; without it, as many as `rate`. It must fill up within 366 days.",
            ]
        )
        func requests(named: Bool) -> JSONValue {
            let name: [(String, JSONValue)] = named ? [("name", .reference("Name"))] : []
            return [
                "oneOf": .array(
                    Self.period.map { period in
                        .closed(
                            required: Self.required((named ? ["name"] : []) + ["rate", period.name]),
                            name + [permits, rate, period.schema, burst])
                    })
            ]
        }
        let decision: [(String, JSONValue)] = [
            ("allowed", ["type": "boolean"]), ("remaining", ["type": "integer", "minimum": 0]),
            ("retry_after_ms", .reference("Milliseconds")), ("reset_after_ms", .reference("Milliseconds")),
        ]
        let limits: [JSONValue] = Self.period.map { period in
            Self.full(
                [("name", Self.text), rate, period.schema, ("burst", Self.amount)] + decision + [
                    ("position", .reference("SwitchPosition"))
                ])
        }
        return [
            ("TakeLimitRequest", requests(named: false)),
            (
                "TakeLimitsRequest",
                Self.full([
                    (
                        "requests",
                        [
                            "type": "array", "minItems": 1,
                            "maxItems": .number(UInt64(min(self.limits.batch, RateLimitLimits.batch))),
                            "items": requests(named: true),
                        ]
                    )
                ])
            ),
            ("LimitDecision", Self.full(decision)),
            (
                "LimitDecisions",
                Self.full([("decisions", ["type": "array", "items": .reference("LimitDecision")])])
            ),
            ("Limit", ["oneOf": .array(limits)]),
            (
                "LimitPage",
                .closed(
                    required: ["limits"],
                    [("limits", ["type": "array", "items": .reference("Limit")]), ("next", Self.text)])
            ),
            ("LimitReset", Self.full([("reset", ["const": true])])),
        ]
    }
}
