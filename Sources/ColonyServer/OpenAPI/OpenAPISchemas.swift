import ColonyCore

/// The shapes of what the API takes and gives.
struct OpenAPISchemas {
    let limits: DaemonConfiguration.Limits

    var all: JSONValue {
        .object(
            self.values + self.requests + self.answers + self.coordination + self.rateLimits + self.switches
                + self.proxies + self.transactions + self.cluster
                + self.identifiers + self.caches + self.queues + self.routing + self.problems)
    }

    private var values: [(String, JSONValue)] {
        // A schema counts characters, and names are counted in bytes. For names in ASCII the two are the same.
        let name: JSONValue = [
            "type": "string", "minLength": 1, "maxLength": .number(UInt64(self.limits.nameBytes)),
            "pattern": #"^[^\u0000-\u001F\u007F-\u009F]+$"#,
            "description": .string("UTF-8 without control characters, of 1 to \(self.limits.nameBytes) bytes."),
        ]
        return [
            ("Name", name),
            (
                "Owner",
                [
                    "type": "string", "minLength": 1, "maxLength": 255, "pattern": #"^[^\u0000-\u001F\u007F-\u009F]+$"#,
                    "description": "Who holds or wants a lock: one acquisition, not one machine. Up to 255 bytes.",
                ]
            ),
            (
                "Token",
                [
                    "type": "integer", "minimum": 0, "maximum": .number(.max),
                    "description":
                        "The fencing token of a grant; greater than that of every earlier grant of the name.",
                ]
            ),
            (
                "Duration",
                [
                    "type": "integer", "minimum": .number(Self.milliseconds(LeaseLimits.duration.lowerBound)),
                    "maximum": .number(Self.milliseconds(LeaseLimits.duration.upperBound)),
                    "description": "How long the lease runs without a renewal, in milliseconds.",
                ]
            ),
            ("Milliseconds", ["type": "integer", "minimum": 0]),
        ]
    }

    private var requests: [(String, JSONValue)] {
        [
            (
                "AcquireRequest",
                .closed(
                    required: ["ttl_ms"],
                    [
                        ("owner", .reference("Owner")), ("ttl_ms", .reference("Duration")),
                        (
                            "wait_ms",
                            [
                                "type": "integer", "minimum": 0,
                                "maximum": .number(Self.milliseconds(self.limits.wait)),
                                "description": "How long to wait in turn; zero asks once. Only in the queue.",
                            ]
                        ),
                        (
                            "queue",
                            [
                                "type": "boolean", "default": true,
                                "description": "Whether to stand in the server's queue; false cannot wait.",
                            ]
                        ),
                    ],
                    also: (
                        "not",
                        [
                            "properties": ["queue": ["const": false], "wait_ms": ["minimum": 1]],
                            "required": ["queue", "wait_ms"],
                        ]
                    ))
            ),
            (
                "RenewRequest",
                .closed(
                    required: ["owner", "token"],
                    [
                        ("owner", .reference("Owner")), ("token", .reference("Token")),
                        ("ttl_ms", .reference("Duration")),
                    ])
            ),
            (
                "ReleaseRequest",
                .closed(required: ["owner"], [("owner", .reference("Owner")), ("token", .reference("Token"))])
            ),
            (
                "RenewManyRequest",
                .closed(
                    required: ["leases"],
                    [
                        (
                            "leases",
                            [
                                "type": "array", "maxItems": .number(UInt64(self.limits.batch)),
                                "items": .closed(
                                    required: ["name", "owner", "token", "ttl_ms"],
                                    [
                                        ("name", .reference("Name")), ("owner", .reference("Owner")),
                                        ("token", .reference("Token")), ("ttl_ms", .reference("Duration")),
                                    ]),
                            ]
                        )
                    ])
            ),
        ]
    }

    private var answers: [(String, JSONValue)] {
        let text: JSONValue = ["type": "string"]
        let lock: JSONValue = .closed(
            required: ["name", "owner", "token", "ttl_ms", "remaining_ms", "age_ms", "renewals", "waiters"],
            [
                ("name", text), ("owner", text), ("token", .reference("Token")), ("ttl_ms", .reference("Milliseconds")),
                ("remaining_ms", .reference("Milliseconds")), ("age_ms", .reference("Milliseconds")),
                ("renewals", ["type": "integer", "minimum": 0]),
                (
                    "waiters",
                    [
                        "type": "array",
                        "items": .closed(
                            required: ["owner", "age_ms"], [("owner", text), ("age_ms", .reference("Milliseconds"))]),
                    ]
                ),
            ])
        let changed: JSONValue = .closed(required: ["changed"], [("changed", ["type": "boolean"])])
        return [
            (
                "Lease",
                .closed(
                    required: ["name", "owner", "token", "ttl_ms"],
                    [
                        ("name", text), ("owner", text), ("token", .reference("Token")),
                        ("ttl_ms", .reference("Milliseconds")),
                        (
                            "waited_ms",
                            [
                                "type": "integer", "minimum": 0,
                                "description":
                                    "Of an acquisition that waited: how long after its request came the lease began; else 0.",
                            ]
                        ),
                    ])
            ),
            ("Released", .closed(required: ["released"], [("released", ["const": true])])),
            (
                "RenewedMany",
                .closed(required: ["renewed"], [("renewed", ["type": "array", "items": ["type": "boolean"]])])
            ),
            ("Lock", lock),
            ("LockOrChange", ["oneOf": [.reference("Lock"), changed]]),
            (
                "LockPage",
                .closed(
                    required: ["locks"],
                    [("locks", ["type": "array", "items": .reference("Lock")]), ("next", text)])
            ),
            (
                "Server",
                .closed(
                    required: ["version", "uptime_ms", "store", "guarantee", "longest_lease_ms", "data"],
                    [
                        ("version", text), ("uptime_ms", .reference("Milliseconds")), ("store", text),
                        ("guarantee", self.guarantee), ("longest_lease_ms", .reference("Milliseconds")),
                        ("data", ["type": ["string", "null"]]), ("token", .reference("AccessToken")),
                    ])
            ),
            (
                "AccessToken",
                .closed(
                    required: ["name", "scopes"],
                    [
                        ("name", text),
                        (
                            "scopes",
                            [
                                "type": "array",
                                "items": ["enum": .array(Scope.allCases.map { .string($0.rawValue) })],
                            ]
                        ),
                    ])
            ),
            ("Status", .closed(required: ["status"], [("status", text)])),
        ]
    }

    private var problems: [(String, JSONValue)] {
        let codes = ProblemCode.allCases.filter { $0 != .clientGone }.map { JSONValue.string($0.rawValue) }
        let members: [(String, JSONValue)] = [
            ("type", ["type": "string"]), ("title", ["type": "string"]), ("status", ["type": "integer"]),
            ("code", ["enum": .array(codes)]), ("detail", ["type": "string"]),
        ]
        let required: JSONValue = ["type", "title", "status", "code", "detail"]
        return [
            ("Problem", .closed(required: required, members)),
            (
                "FullProblem",
                .closed(
                    required: .array(["type", "title", "status", "code", "detail", "queue"]),
                    members + [("queue", ["type": "string"]), ("overflow", Self.overflow)])
            ),
            (
                "HeldProblem",
                .closed(
                    required: .array(["type", "title", "status", "code", "detail", "holder", "token", "remaining_ms"]),
                    members + [
                        ("holder", ["type": "string"]), ("token", .reference("Token")),
                        ("remaining_ms", .reference("Milliseconds")),
                    ])
            ),
            (
                "PermitsHeldProblem",
                .closed(
                    required: .array([
                        "type", "title", "status", "code", "detail", "holder", "token", "remaining_ms", "available",
                    ]),
                    members + [
                        ("holder", ["type": "string"]), ("token", .reference("Token")),
                        ("remaining_ms", .reference("Milliseconds")),
                        ("available", ["type": "integer", "minimum": 0]),
                    ])
            ),
            ("RecordProblem", .closed(required: required, members + [("record", .reference("Record"))])),
        ]
    }

    /// What the daemon's store is worth.
    var guarantee: JSONValue {
        .closed(
            required: ["reach", "survival"],
            [
                ("reach", ["enum": .array(Guarantee.Reach.allCases.map { .string("\($0)") })]),
                ("survival", ["enum": .array(Guarantee.Survival.allCases.map { .string("\($0)") })]),
            ])
    }

    static func milliseconds(_ duration: Duration) -> UInt64 {
        UInt64(duration.clampedMilliseconds)
    }
}

extension JSONValue {
    /// An object with exactly these members.
    static func closed(
        required: JSONValue, _ members: [(String, JSONValue)], also extra: (String, JSONValue)? = nil
    ) -> JSONValue {
        var schema: [(String, JSONValue)] = [
            ("type", "object"), ("required", required), ("properties", .object(members)),
            ("additionalProperties", false),
        ]
        if let extra { schema.append(extra) }
        return .object(schema)
    }
}
