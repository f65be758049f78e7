import ColonyCoordination
import ColonyCore

/// The shapes of semaphores and of the registry.
extension OpenAPISchemas {
    var coordination: [(String, JSONValue)] { self.semaphores + self.records }

    private static let permits: JSONValue = Self.span(1, UInt64(PermitLimits.permits))
    private static let natural: JSONValue = ["type": "integer", "minimum": 0]

    // MARK: Semaphores

    private var semaphores: [(String, JSONValue)] {
        let duration = LeaseLimits.duration
        let holder: JSONValue = Self.full([
            ("owner", Self.text), ("permits", Self.permits), ("token", .reference("Token")),
            ("remaining_ms", .reference("Milliseconds")), ("age_ms", .reference("Milliseconds")),
        ])
        let waiter: JSONValue = Self.full([
            ("owner", Self.text), ("permits", Self.permits), ("age_ms", .reference("Milliseconds")),
        ])
        return [
            (
                "AcquirePermitsRequest",
                .closed(
                    required: ["limit", "ttl_ms"],
                    [
                        ("owner", .reference("Owner")), ("permits", Self.permits), ("limit", Self.permits),
                        ("ttl_ms", .reference("Duration")), ("wait_ms", self.wait),
                        (
                            "claim_ms",
                            [
                                "anyOf": [["const": 0], Self.span(duration)],
                                "description":
                                    "How long a refused request keeps its place before those who come later; 0 for no place. Without it, a request that waits has a place for as long as it waits.",
                            ]
                        ),
                    ])
            ),
            (
                "RenewPermitsRequest",
                Self.full([
                    ("owner", .reference("Owner")), ("token", .reference("Token")), ("ttl_ms", .reference("Duration")),
                ])
            ),
            (
                "PermitLease",
                .closed(
                    required: ["name", "owner", "token", "ttl_ms"],
                    [
                        ("name", Self.text), ("owner", Self.text), ("permits", Self.permits),
                        ("token", .reference("Token")), ("ttl_ms", .reference("Milliseconds")),
                        ("waited_ms", Self.natural),
                    ])
            ),
            (
                "Semaphore",
                .closed(
                    required: ["name", "held", "holders", "waiters"],
                    [
                        ("name", Self.text),
                        (
                            "limit",
                            [
                                "type": "integer", "minimum": 1,
                                "description":
                                    "What the latest request through this server brought; not there if it has seen none.",
                            ]
                        ),
                        ("held", Self.natural), ("holders", ["type": "array", "items": holder]),
                        ("waiters", ["type": "array", "items": waiter]),
                    ])
            ),
            (
                "SemaphorePage",
                .closed(
                    required: ["semaphores"],
                    [("semaphores", ["type": "array", "items": .reference("Semaphore")]), ("next", Self.text)])
            ),
            ("FreePermits", Self.full([("free", ["type": "boolean"])])),
            ("Evicted", Self.full([("evicted", ["const": true])])),
        ]
    }

    // MARK: Records

    private var records: [(String, JSONValue)] {
        let conditions: [(String, JSONValue)] = [
            ("if_absent", ["type": "boolean"]), ("if_version", .reference("Revision")),
            ("if_owner", .reference("Owner")),
        ]
        let lifetime: [(String, JSONValue)] = [("owner", .reference("Owner")), ("ttl_ms", .reference("Duration"))]
        let value: JSONValue = ["type": "string", "maxLength": .number(UInt64(RegistryLimits.value))]
        // Two conditions at once would have to be one.
        let alone: (String, JSONValue) = (
            "allOf",
            [
                ["not": ["required": ["if_absent", "if_version"]]], ["not": ["required": ["if_absent", "if_owner"]]],
                ["not": ["required": ["if_version", "if_owner"]]],
            ]
        )
        let forms: [JSONValue] = [("value", value), ("value_base64", Self.base64)].flatMap { content in
            [
                .closed(required: Self.required([content.0]), [content] + conditions, also: alone),
                .closed(
                    required: Self.required([content.0, "owner", "ttl_ms"]), [content] + lifetime + conditions,
                    also: alone),
            ]
        }
        let record: [(String, JSONValue)] = [
            ("key", Self.text), ("version", .reference("Revision")), ("owner", Self.text),
            ("remaining_ms", .reference("Milliseconds")), ("value", Self.text), ("value_base64", Self.text),
        ]
        return [
            (
                "Revision",
                [
                    "type": "integer", "minimum": 0, "maximum": .number(.max),
                    "description": "The number of a state; that of a later one is greater.",
                ]
            ),
            ("PutRecordRequest", ["oneOf": .array(forms)]),
            (
                "RenewRecordRequest",
                Self.full([("owner", .reference("Owner")), ("ttl_ms", .reference("Duration"))])
            ),
            ("Record", .closed(required: ["key", "version"], record)),
            ("RecordOfGroup", .closed(required: ["group", "key", "version"], [("group", Self.text)] + record)),
            (
                "WrittenRecord",
                .closed(
                    required: ["group", "key", "version"],
                    [
                        ("group", Self.text), ("key", Self.text), ("version", .reference("Revision")),
                        ("owner", Self.text),
                    ])
            ),
            ("RenewedRecord", Self.full([("renewed", ["const": true])])),
            ("RemovedRecord", Self.full([("removed", ["const": true])])),
            (
                "Group",
                Self.full([
                    ("group", Self.text), ("revision", .reference("Revision")),
                    ("records", ["type": "array", "items": .reference("Record")]),
                ])
            ),
            (
                "GroupPage",
                .closed(
                    required: ["groups"],
                    [
                        (
                            "groups",
                            ["type": "array", "items": Self.full([("group", Self.text), ("records", Self.natural)])]
                        ), ("next", Self.text),
                    ])
            ),
        ]
    }
}
