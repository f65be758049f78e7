import ColonyCaches
import ColonyCore

/// The shapes of the shared cache.
extension OpenAPISchemas {
    /// `*`, or entity tags with commas between.
    static let entityTags: JSONValue = [
        "anyOf": [["const": "*"], ["type": "string", "pattern": #"^(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*$"#]]
    ]

    var caches: [(String, JSONValue)] {
        let text: JSONValue = ["type": "string"]
        let count: JSONValue = ["type": "integer", "minimum": 0]
        let timeToLive: JSONValue = [
            "type": "integer", "minimum": .number(UInt64(CacheService.timeToLive.lowerBound)),
            "maximum": .number(UInt64(CacheService.timeToLive.upperBound)),
        ]
        let batch: JSONValue = .number(UInt64(self.limits.batch))
        func list(_ items: JSONValue) -> JSONValue { ["type": "array", "maxItems": batch, "items": items] }
        let type: JSONValue = [
            "type": "string", "maxLength": .number(UInt64(CacheService.contentTypeBytes)), "pattern": "^[ -~]*$",
        ]
        let base64: JSONValue = [
            "type": "string", "contentEncoding": "base64",
            "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        ]
        let keyed: [(String, JSONValue)] = [("key", .reference("CacheKey"))]
        let options: [(String, JSONValue)] = [("content_type", type), ("ttl_ms", timeToLive)]
        let known: [(String, JSONValue)] = [
            ("content_type", text), ("etag", text), ("age_ms", count), ("ttl_ms", count),
        ]
        let entry: JSONValue = [
            "oneOf": [
                .closed(required: ["key", "value"], keyed + [("value", text)] + options),
                .closed(required: ["key", "value_base64"], keyed + [("value_base64", base64)] + options),
            ]
        ]
        let found: JSONValue = [
            "oneOf": [
                ["type": "null"],
                .closed(required: ["key", "value", "etag", "age_ms"], keyed + [("value", text)] + known),
                .closed(required: ["key", "value_base64", "etag", "age_ms"], keyed + [("value_base64", text)] + known),
            ]
        ]
        return [
            (
                "CacheKey",
                [
                    "type": "string", "minLength": 1, "maxLength": .number(UInt64(CacheKey.maximumBytes)),
                    "pattern": #"^[^\u0000-\u001F\u007F-\u009F]+$"#,
                    "description": .string(
                        "UTF-8 without control characters, of 1 to \(CacheKey.maximumBytes) bytes."),
                ]
            ),
            ("Writer", ["type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"]),
            (
                "CacheBulkRequest",
                [
                    "oneOf": [
                        .closed(required: ["get"], [("get", list(.reference("CacheKey")))]),
                        .closed(required: ["set"], [("set", list(entry))]),
                        .closed(required: ["delete"], [("delete", list(.reference("CacheKey")))]),
                    ]
                ]
            ),
            (
                "CacheBulkAnswer",
                [
                    "oneOf": [
                        .closed(required: ["entries"], [("entries", list(found)), ("next", count)]),
                        .closed(required: ["stored"], [("stored", list(text))]),
                        .closed(required: ["deleted"], [("deleted", list(["type": "boolean"]))]),
                    ]
                ]
            ),
            (
                "CacheStored",
                .closed(
                    required: ["key", "etag", "bytes"],
                    keyed + [("etag", text), ("bytes", count), ("ttl_ms", timeToLive)])
            ),
            ("CacheDeleted", .closed(required: ["deleted"], [("deleted", ["const": true])])),
            ("CacheEmptied", .closed(required: ["removed"], [("removed", count)])),
            ("CacheStatistics", self.cacheStatistics),
        ]
    }

    private var cacheStatistics: JSONValue {
        let count: JSONValue = ["type": "integer", "minimum": 0]
        let numbers = [
            "entries", "bytes", "capacity_bytes", "value_bytes", "request_bytes", "request_keys", "hits", "misses",
            "writes", "listeners",
        ]
        let causes = CacheRemovalCause.allCases.map(\.rawValue)
        let step: JSONValue = .closed(required: ["hits", "misses"], [("hits", count), ("misses", count)])
        return .closed(
            required: .array((["policy"] + numbers + ["removals", "hottest", "history"]).map { .string($0) }),
            [("policy", ["enum": .array(EvictionPolicy.allCases.map { .string($0.rawValue) })])]
                + numbers.map { ($0, count) } + [
                    ("hit_ratio", ["type": "number", "minimum": 0, "maximum": 1]),
                    ("removals", .closed(required: .array(causes.map { .string($0) }), causes.map { ($0, count) })),
                    (
                        "hottest",
                        [
                            "type": "array",
                            "items": .closed(
                                required: ["key", "lookups", "error"],
                                [("key", .reference("CacheKey")), ("lookups", count), ("error", count)]),
                        ]
                    ),
                    (
                        "history",
                        .closed(
                            required: ["interval_ms", "steps"],
                            [("interval_ms", count), ("steps", ["type": "array", "items": step])])
                    ),
                ])
    }
}
