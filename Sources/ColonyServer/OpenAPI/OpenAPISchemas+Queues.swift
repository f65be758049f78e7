import ColonyCore
import ColonyQueues

/// The shapes of queues.
extension OpenAPISchemas {
    var queues: [(String, JSONValue)] { self.queueSettings + self.messages + self.settling + self.queueRecords }

    // MARK: Parts

    static func span(_ range: ClosedRange<Duration>) -> JSONValue {
        [
            "type": "integer", "minimum": .number(self.milliseconds(range.lowerBound)),
            "maximum": .number(self.milliseconds(range.upperBound)),
        ]
    }

    static func span(_ least: UInt64, _ most: UInt64) -> JSONValue {
        ["type": "integer", "minimum": .number(least), "maximum": .number(most)]
    }

    static let overflow: JSONValue = [
        "enum": .array(QueueSettings.Overflow.allCases.map { .string($0.rawValue) })
    ]
    static let count: JSONValue = ["type": "integer", "minimum": 0]
    static let text: JSONValue = ["type": "string"]
    static let base64: JSONValue = [
        "type": "string", "contentEncoding": "base64",
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    ]
    static let durability: JSONValue = [
        "enum": .array(Durability.allCases.map { .string("\($0)") }),
        "description": "How far a message has got when it is confirmed.",
    ]
    static let time: JSONValue = ["type": "string", "format": "date-time"]

    var wait: JSONValue { Self.span(.zero...self.limits.wait) }

    func list(_ items: JSONValue) -> JSONValue {
        ["type": "array", "maxItems": .number(UInt64(self.limits.batch)), "items": items]
    }

    static func required(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }

    /// An object whose members are all there.
    static func full(_ members: [(String, JSONValue)]) -> JSONValue {
        .closed(required: self.required(members.map(\.0)), members)
    }

    // MARK: Settings

    private var queueSettings: [(String, JSONValue)] {
        let settings: [(String, JSONValue)] = [
            ("capacity", Self.span(1, UInt64(Int64.max))), ("capacity_bytes", Self.span(1, UInt64(Int64.max))),
            ("overflow", Self.overflow),
            ("order", ["enum": .array(QueueSettings.Order.allCases.map { .string($0.rawValue) })]),
            (
                "delivery_limit",
                Self.span(
                    UInt64(QueueSettingsBody.deliveryLimits.lowerBound),
                    UInt64(QueueSettingsBody.deliveryLimits.upperBound))
            ),
            ("lease_ms", Self.span(MessageLimits.lease)), ("retention_ms", Self.span(QueueSettingsBody.periods)),
            ("deduplication_window_ms", Self.span(QueueSettingsBody.windows)),
            ("dead_letter_queue", .reference("Name")),
            (
                "backoff",
                .closed(
                    required: [],
                    [
                        ("initial_ms", Self.span(QueueSettingsBody.periods)),
                        ("maximum_ms", Self.span(QueueSettingsBody.periods)),
                    ])
            ),
        ]
        return [
            ("QueueSettings", .closed(required: [], settings)),
            ("DeclaredQueue", Self.full([("name", Self.text), ("settings", .reference("QueueSettings"))])),
            ("DeletedQueue", Self.full([("deleted", ["const": true])])),
            ("PausedQueue", Self.full([("is_paused", ["type": "boolean"]), ("changed", ["type": "boolean"])])),
            ("QueueChanges", Self.full([("changes", ["type": "integer"])])),
        ]
    }

    // MARK: Messages

    /// A member that is text or bytes, in its two forms.
    static func bodied(
        _ required: [String], _ members: [(String, JSONValue)], also extra: (String, JSONValue)? = nil
    ) -> JSONValue {
        [
            "oneOf": [
                .closed(required: self.required(["body"] + required), [("body", self.text)] + members, also: extra),
                .closed(
                    required: self.required(["body_base64"] + required), [("body_base64", self.base64)] + members,
                    also: extra),
            ]
        ]
    }

    /// What a message has beside its body.
    static var outgoing: [(String, JSONValue)] {
        [
            ("key", .reference("MessageKey")), ("priority", Self.span(0, 9)), ("dedup_id", .reference("MessageKey")),
            ("headers", .reference("Headers")), ("delay_ms", Self.span(.zero...MessageLimits.delay)),
            ("at", Self.time),
        ]
    }

    /// Two times of one message would be one too many.
    static let onceTimed: (String, JSONValue) = ("not", ["required": ["delay_ms", "at"]])

    private var messages: [(String, JSONValue)] {
        let key: JSONValue = [
            "type": "string", "minLength": 1, "maxLength": .number(UInt64(MessageLimits.keyBytes)),
            "pattern": #"^[^\u0000-\u001F\u007F-\u009F]+$"#,
            "description": .string("UTF-8 without control characters, of 1 to \(MessageLimits.keyBytes) bytes."),
        ]
        let headers: JSONValue = [
            "type": "object", "maxProperties": .number(UInt64(MessageLimits.headers)),
            "propertyNames": .reference("MessageKey"), "additionalProperties": Self.text,
            "description": .string("Names and values, of \(MessageLimits.headerBytes) bytes together at the most."),
        ]
        let delivered: [(String, JSONValue)] = [
            ("id", .reference("MessageID")), ("key", Self.text), ("priority", Self.span(0, 9)),
            ("headers", .reference("Headers")), ("published_at", Self.time),
        ]
        let given = ["id", "priority", "headers", "published_at"]
        let failure = Self.full([("attempt", Self.count), ("at", Self.time), ("reason", Self.text)])
        let stored: JSONValue = .closed(
            required: ["id", "durability"],
            [
                ("id", .reference("MessageID")),
                ("durability", Self.durability),
                ("duplicate", ["const": true]),
            ])
        let next: (String, JSONValue) = ("next", .reference("MessageID"))
        return [
            ("MessageID", Self.span(1, UInt64(Int64.max))), ("MessageKey", key), ("Headers", headers),
            ("Message", Self.bodied([], Self.outgoing, also: Self.onceTimed)),
            (
                "PublishRequest",
                .closed(
                    required: ["messages"], [("messages", self.list(.reference("Message"))), ("wait_ms", self.wait)])
            ),
            (
                "PublishedMessages",
                [
                    "type": "array",
                    "items": ["oneOf": [stored, Self.full([("code", ["const": "full"])])]],
                ]
            ),
            (
                "ReceiveRequest",
                .closed(
                    required: [],
                    [
                        ("max", Self.span(1, UInt64(self.limits.batch))), ("lease_ms", Self.span(MessageLimits.lease)),
                        ("wait_ms", self.wait),
                    ])
            ),
            (
                "ReceivedMessages",
                Self.full([
                    (
                        "messages",
                        [
                            "type": "array",
                            "items": Self.bodied(
                                given + ["receipt", "attempt"],
                                delivered + [("receipt", .reference("Receipt")), ("attempt", Self.count)]),
                        ]
                    ), ("lease_ms", Self.count), ("waited_ms", Self.count),
                ])
            ),
            (
                "QueuedMessagePage",
                .closed(
                    required: ["messages"],
                    [
                        (
                            "messages",
                            [
                                "type": "array",
                                "items": Self.bodied(
                                    given + ["standing"],
                                    delivered + [
                                        (
                                            "standing",
                                            [
                                                "enum": .array(
                                                    QueuedMessage.Standing.allCases.map { .string($0.rawValue) })
                                            ]
                                        ), ("dedup_id", Self.text),
                                    ]),
                            ]
                        ), next,
                    ])
            ),
            (
                "DeadLetterPage",
                .closed(
                    required: ["dead_letters"],
                    [
                        (
                            "dead_letters",
                            [
                                "type": "array",
                                "items": Self.bodied(
                                    given + ["origin", "attempts", "reason", "died_at", "history"],
                                    delivered + [
                                        ("origin", Self.text), ("attempts", Self.count), ("reason", Self.text),
                                        ("died_at", Self.time), ("dedup_id", Self.text),
                                        ("history", ["type": "array", "items": failure]),
                                    ]),
                            ]
                        ), next,
                    ])
            ),
        ]
    }

    // MARK: Settling

    private var settling: [(String, JSONValue)] {
        let receipt: JSONValue = [
            "type": "string", "pattern": "^[1-9][0-9]{0,17}-[1-9][0-9]{0,17}-[0-9a-f]{16}$",
            "description": "What a consumer shows to settle one delivery of a message.",
        ]
        let rest = Self.span(.zero...MessageLimits.delay)
        let reason: JSONValue = ["type": "string", "maxLength": .number(UInt64(MessageLimits.reasonLength))]
        let ids = self.list(.reference("MessageID"))
        let rate = Self.span(1, UInt64(SelectionRequest.fastest))
        let more: (String, JSONValue) = ("more", ["const": true])
        let selected: [(String, JSONValue)] = [("to", .reference("Name")), ("per_second", rate)]
        return [
            ("Receipt", receipt),
            (
                "SettleRequest",
                .closed(
                    required: [],
                    [
                        ("ack", self.list(.reference("Receipt"))),
                        (
                            "reject",
                            self.list(
                                [
                                    "oneOf": [
                                        .closed(
                                            required: ["receipt"],
                                            [
                                                ("receipt", .reference("Receipt")), ("delay_ms", rest),
                                                ("reason", reason), ("dead_letter", ["const": false]),
                                            ]),
                                        .closed(
                                            required: ["receipt", "dead_letter"],
                                            [
                                                ("receipt", .reference("Receipt")), ("reason", reason),
                                                ("dead_letter", ["const": true]),
                                            ]),
                                    ]
                                ])
                        ),
                        (
                            "extend",
                            self.list(
                                Self.full([
                                    ("receipt", .reference("Receipt")), ("lease_ms", Self.span(MessageLimits.lease)),
                                ]))
                        ), ("hand_back", self.list(.reference("Receipt"))),
                    ])
            ),
            (
                "Settled",
                Self.full([
                    ("settled", Self.count),
                    (
                        "refused",
                        [
                            "type": "array",
                            "items": Self.full([("receipt", .reference("Receipt")), ("code", ["const": "stale"])]),
                        ]
                    ),
                ])
            ),
            (
                "RedriveRequest",
                [
                    "oneOf": [
                        .closed(required: ["ids"], [("ids", ids)] + selected),
                        .closed(required: ["all"], [("all", ["const": true])] + selected),
                    ]
                ]
            ),
            (
                "DropRequest",
                [
                    "oneOf": [
                        Self.full([("ids", ids)]), Self.full([("all", ["const": true])]),
                    ]
                ]
            ),
            ("MovedMessages", .closed(required: ["moved"], [("moved", Self.count), more])),
            ("RemovedMessages", .closed(required: ["removed"], [("removed", Self.count), more])),
            ("CancelRequest", Self.full([("ids", ids)])),
            ("CancelledMessage", Self.full([("cancelled", ["const": true])])),
            ("CancelledMessages", Self.full([("cancelled", ["type": "array", "items": ["type": "boolean"]])])),
        ]
    }

    // MARK: Records

    private var queueRecords: [(String, JSONValue)] {
        let standing = ["ready", "waiting", "delayed", "leased", "dead", "count", "bytes"].map { ($0, Self.count) }
        let totals = [
            "published", "delivered", "acknowledged", "dropped", "leases_lost", "undelayed", "lateness_ms",
        ].map { ($0, Self.count) }
        return [
            (
                "Queue",
                .closed(
                    required: ["name", "settings", "is_paused", "statistics", "totals"],
                    [
                        ("name", Self.text), ("settings", .reference("QueueSettings")),
                        ("is_paused", ["type": "boolean"]), ("statistics", Self.full(standing)),
                        ("totals", Self.full(totals)), ("oldest_ready_at", Self.time), ("oldest_age_ms", Self.count),
                    ])
            ),
            (
                "QueuePage",
                .closed(
                    required: ["durability", "queues"],
                    [
                        ("durability", Self.durability),
                        ("queues", ["type": "array", "items": .reference("Queue")]), ("next", Self.text),
                    ])
            ),
        ]
    }
}
