import ColonyCore
import ColonyIdentifiers

/// The shapes of identifiers and ranges.
extension OpenAPISchemas {
    var identifiers: [(String, JSONValue)] {
        self.issued + self.parsed + self.segments
    }

    private var issued: [(String, JSONValue)] {
        let kinds: JSONValue = ["enum": .array(IdentifierKind.allCases.map { .string($0.rawValue) })]
        let text: JSONValue = ["type": "string"]
        return [
            ("IdentifierKind", kinds),
            ("IssueRequest", .closed(required: [], [])),
            (
                "Issued",
                .closed(
                    required: ["kind", "ids"],
                    [
                        ("kind", .reference("IdentifierKind")),
                        (
                            "ids",
                            [
                                "type": "array", "minItems": 1,
                                "maxItems": .number(UInt64(IdentifierService.largestBatch)), "items": text,
                                "description": "Always text, because JavaScript changes numbers beyond 2^53.",
                            ]
                        ),
                    ])
            ),
            (
                "Identifiers",
                .closed(
                    required: ["kinds", "namespace", "layout", "datacenter"],
                    [
                        ("kinds", ["type": "array", "items": .reference("IdentifierKind")]),
                        ("guarantee", self.guarantee), ("namespace", text), ("layout", text),
                        ("datacenter", ["type": "integer", "minimum": 0]),
                        ("state", ["enum": .array(NodeKeeper.Phase.allCases.map { .string($0.rawValue) })]),
                        ("worker", ["type": "integer", "minimum": 0]), ("leased", ["type": "boolean"]),
                        ("reserved_until", ["type": "string", "format": "date-time"]),
                        ("reserved_until_ms", ["type": "integer"]),
                        ("failure", .closed(required: ["code", "detail"], [("code", text), ("detail", text)])),
                    ])
            ),
        ]
    }

    private var parsed: [(String, JSONValue)] {
        let text: JSONValue = ["type": "string"]
        let count: JSONValue = ["type": "integer", "minimum": 0]
        let time: [(String, JSONValue)] = [
            ("time", ["type": "string", "format": "date-time"]), ("time_ms", ["type": "integer"]),
        ]
        return [
            (
                "ParsedIdentifier",
                [
                    "oneOf": [
                        .closed(
                            required: [
                                "id", "kind", "time", "time_ms", "datacenter", "worker", "sequence", "layout",
                            ],
                            [("id", text), ("kind", ["const": "snowflake"])] + time + [
                                ("datacenter", count), ("worker", count), ("sequence", count), ("layout", text),
                            ]),
                        .closed(
                            required: ["id", "kind", "version", "variant"],
                            [("id", text), ("kind", ["const": "uuid"])] + time + [
                                ("version", ["type": "integer", "minimum": 0, "maximum": 15]),
                                ("variant", ["enum": .array(IdentifierService.variants.map { .string($0) })]),
                            ]),
                        .closed(
                            required: ["id", "kind", "time_ms"], [("id", text), ("kind", ["const": "ulid"])] + time),
                    ]
                ]
            )
        ]
    }

    private var segments: [(String, JSONValue)] {
        let decimal: JSONValue = ["type": "string", "pattern": "^[0-9]+$"]
        let record: JSONValue = .closed(
            required: ["tag", "next", "segments"],
            [
                ("tag", ["type": "string"]), ("next", decimal), ("segments", ["type": "integer", "minimum": 1]),
                ("scheme", ["type": "string"]),
            ])
        return [
            (
                "TakeSegmentRequest",
                .closed(
                    required: ["count"],
                    [
                        ("count", Self.decimal(in: SegmentLimits.count, "How many numbers.")),
                        ("above", Self.decimal(in: 0...Int64.max, "A number that exists already.")),
                        (
                            "scheme",
                            [
                                "type": "string", "maxLength": .number(UInt64(SegmentLimits.schemeBytes)),
                                "pattern": #"^[^\u0000-\u001F\u007F-\u009F]*$"#,
                                "description": "How the numbers are used, which everybody must agree on.",
                            ]
                        ),
                    ])
            ),
            (
                "Segment",
                .closed(
                    required: ["tag", "first", "count"],
                    [
                        ("tag", ["type": "string"]), ("first", decimal), ("count", ["type": "integer", "minimum": 1]),
                    ])
            ),
            ("SegmentRecord", record),
            (
                "SegmentPage",
                .closed(
                    required: ["segments"],
                    [
                        ("segments", ["type": "array", "items": .reference("SegmentRecord")]),
                        ("next", ["type": "string"]),
                    ])
            ),
        ]
    }

    /// A whole number, or its digits as text.
    private static func decimal(in range: ClosedRange<Int64>, _ description: StaticString) -> JSONValue {
        [
            "oneOf": [
                [
                    "type": "integer", "minimum": .number(UInt64(range.lowerBound)),
                    "maximum": .number(UInt64(range.upperBound)),
                ],
                ["type": "string", "pattern": .string(Self.pattern(of: range))],
            ],
            "description": .string(description.description),
        ]
    }

    /// What identifiers look like. Text of digits only is a decimal number, whatever its length.
    static let identifierPatterns = [
        Self.pattern(of: 0...Int64.max), "^(?=.*[A-Z])[0-7][0-9A-HJKMNP-TV-Z]{12}$",
        "^(?=.*[A-Za-z])[0-9][0-9A-Za-z]{10}$",
        "^(?=.*[A-Z])[0-7][0-9A-HJKMNP-TV-Z]{25}$", "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
    ]

    /// The regular expression of the decimal numbers of a range that begins at 0 or 1.
    static func pattern(of range: ClosedRange<Int64>) -> String {
        let digits = Array(String(range.upperBound))
        // Fewer digits; as many with a smaller one somewhere after an equal beginning; and the largest itself.
        var choices = range.lowerBound == 0 ? ["0"] : []
        if digits.count > 1 { choices.append("[1-9][0-9]{0,\(digits.count - 2)}") }
        for (index, digit) in digits.enumerated() {
            guard let value = digit.wholeNumberValue, value > (index == 0 ? 1 : 0) else { continue }
            choices.append(
                "\(String(digits[..<index]))[\(index == 0 ? 1 : 0)-\(value - 1)][0-9]{\(digits.count - index - 1)}")
        }
        choices.append(String(digits))
        return "^(\(choices.joined(separator: "|")))$"
    }
}
