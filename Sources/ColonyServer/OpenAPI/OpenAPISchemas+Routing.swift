import ColonyCore
import ColonyQueues

/// The shapes of exchanges, topics, and schedules.
extension OpenAPISchemas {
    var routing: [(String, JSONValue)] { self.exchanges + self.topics + self.schedules }

    /// Words with dots between; the empty text has none.
    private static let topic: JSONValue = [
        "type": "string", "maxLength": 255, "pattern": #"^[^\u0000-\u001F\u007F-\u009F]*$"#,
    ]
    /// The empty name is that of the exchange that takes each message to the queue that is named like its routing key.
    private static let exchangeName: JSONValue = ["anyOf": [.reference("Name"), ["const": ""]]]
    private static let flag: JSONValue = ["type": "boolean"]

    private static func array(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }

    // MARK: Exchanges

    private var exchanges: [(String, JSONValue)] {
        let kind: JSONValue = ["enum": .array(ExchangeKind.allCases.map { .string($0.rawValue) })]
        let copy: JSONValue = .closed(
            required: ["queue", "id"],
            [("queue", Self.text), ("id", .reference("MessageID")), ("duplicate", ["const": true])])
        return [
            ("Changed", Self.full([("changed", Self.flag)])), ("Binding", self.binding),
            ("ExchangeRequest", .closed(required: ["kind"], [("kind", kind), ("alternate", Self.exchangeName)])),
            (
                "DeclaredExchange",
                .closed(
                    required: ["name", "kind"], [("name", Self.text), ("kind", kind), ("alternate", Self.text)])
            ),
            (
                "Exchange",
                .closed(
                    required: ["name", "kind", "bindings"],
                    [
                        ("name", Self.text), ("kind", kind), ("alternate", Self.text),
                        ("bindings", Self.array(.reference("Binding"))),
                    ])
            ),
            (
                "ExchangePage",
                .closed(
                    required: ["exchanges"],
                    [("exchanges", Self.array(.reference("Exchange"))), ("next", Self.text)])
            ),
            (
                "RoutedRequest",
                .closed(
                    required: ["messages"],
                    [
                        (
                            "messages",
                            self.list(
                                Self.bodied(
                                    [], Self.outgoing + [("routing_key", Self.topic)], also: Self.onceTimed))
                        ), ("wait_ms", self.wait),
                    ])
            ),
            (
                "RoutedMessages",
                Self.array([
                    "oneOf": [
                        Self.full([("queues", Self.array(copy))]),
                        Self.full([
                            ("code", ["const": "full"]), ("queue", Self.text), ("overflow", Self.overflow),
                        ]),
                        Self.full([("code", ["const": "unroutable"])]),
                    ]
                ])
            ),
        ]
    }

    /// A destination, and at most one condition.
    private var binding: JSONValue {
        let conditions: [([String], [(String, JSONValue)])] = [
            ([], []), (["key"], [("key", Self.topic)]), (["pattern"], [("pattern", Self.topic)]),
            (
                ["headers"],
                [
                    ("headers", .reference("Headers")),
                    ("match", ["enum": .array(BindingBody.Match.allCases.map { .string($0.rawValue) })]),
                ]
            ),
        ]
        let destinations: [(String, JSONValue)] = [("queue", .reference("Name")), ("exchange", Self.exchangeName)]
        var forms: [JSONValue] = []
        for destination in destinations {
            for (required, members) in conditions {
                forms.append(
                    .closed(required: Self.required([destination.0] + required), [destination] + members))
            }
        }
        return ["oneOf": .array(forms)]
    }

    // MARK: Topics

    private var topics: [(String, JSONValue)] {
        let retention: [(String, JSONValue)] = [
            ("retention_ms", Self.span(TopicBodies.retentions)), ("retention_bytes", Self.span(1, UInt64(Int64.max))),
        ]
        return [
            (
                "TopicRequest",
                Self.full([
                    (
                        "messages",
                        self.list(
                            Self.bodied([], [("key", .reference("MessageKey")), ("headers", .reference("Headers"))]))
                    )
                ])
            ),
            (
                "TopicMessages",
                Self.array([
                    "oneOf": [
                        Self.full([("offset", Self.count)]),
                        Self.full([
                            ("code", ["const": "full"]), ("queue", Self.text), ("overflow", Self.overflow),
                        ]),
                    ]
                ])
            ),
            ("RetentionRequest", .closed(required: ["retention_ms"], retention)),
            ("Retention", Self.full([("pattern", Self.text)] + retention)),
            (
                "Topics",
                Self.full([
                    (
                        "retentions",
                        Self.array(
                            Self.full(
                                [("pattern", Self.text)] + retention + [
                                    ("messages", Self.count), ("bytes", Self.count),
                                ]))
                    ), ("subscriptions", Self.array(Self.full([("pattern", Self.text), ("queue", Self.text)]))),
                ])
            ),
        ]
    }

    // MARK: Schedules

    private var schedules: [(String, JSONValue)] {
        let message = Self.bodied(
            [],
            [
                ("key", .reference("MessageKey")), ("priority", Self.span(0, 9)), ("headers", .reference("Headers")),
            ])
        let missed: JSONValue = ["enum": .array(ScheduleBody.Missed.allCases.map { .string($0.rawValue) })]
        let limit = Self.span(1, UInt64(MessageLimits.batch))
        let cron: JSONValue = [
            "type": "string", "maxLength": 255,
            "description": "Five fields as cron has them, or six with a second before them.",
            "examples": ["30 2 * * MON-FRI"],
        ]
        let zone: JSONValue = [
            "type": "string", "description": "A name of the IANA database.", "default": "UTC",
            "examples": ["Europe/Berlin"],
        ]
        return [
            (
                "ScheduleRequest",
                .closed(
                    required: ["cron", "queue", "message"],
                    [
                        ("cron", cron), ("zone", zone), ("queue", .reference("Name")), ("message", message),
                        ("missed", missed), ("missed_limit", limit), ("is_paused", Self.flag),
                    ],
                    also: (
                        "anyOf",
                        [
                            ["not": ["required": ["missed_limit"]]],
                            ["properties": ["missed": ["const": "all"]], "required": ["missed"]],
                        ]
                    ))
            ),
            (
                "Schedule",
                .closed(
                    required: ["name", "cron", "zone", "queue", "missed", "is_paused", "message", "taken"],
                    [
                        ("name", Self.text), ("cron", Self.text), ("zone", Self.text), ("queue", Self.text),
                        ("missed", missed), ("missed_limit", limit), ("is_paused", Self.flag), ("message", message),
                        ("taken", Self.count), ("next", Self.time), ("last", Self.time),
                    ])
            ),
            ("PutSchedule", Self.full([("changed", Self.flag), ("schedule", .reference("Schedule"))])),
            (
                "SchedulePage",
                .closed(
                    required: ["schedules"],
                    [("schedules", Self.array(.reference("Schedule"))), ("next", Self.text)])
            ),
        ]
    }
}
