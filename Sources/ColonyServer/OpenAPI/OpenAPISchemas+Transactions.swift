import ColonyCore
import ColonyResilience
import ColonyTransactions

/// The shapes of transactions.
extension OpenAPISchemas {
    /// States with commas between them.
    static var statesPattern: String {
        let one = TransactionState.allCases.map(\.rawValue).joined(separator: "|")
        return "^(\(one))(,(\(one)))*$"
    }

    private static func name(upTo bytes: Int, _ description: String) -> JSONValue {
        [
            "type": "string", "minLength": 1, "maxLength": .number(UInt64(bytes)),
            "pattern": #"^[^\u0000-\u001F\u007F-\u009F]+$"#, "description": .string(description),
        ]
    }

    private static func list(_ schema: JSONValue) -> JSONValue { ["type": "array", "items": schema] }

    private static func oneOf(_ values: [String]) -> JSONValue { ["enum": .array(values.map { .string($0) })] }

    var transactions: [(String, JSONValue)] {
        self.transactionRequests + self.decisionRequests + self.transactionAnswers
    }

    private var transactionRequests: [(String, JSONValue)] {
        let start: [(String, JSONValue)] = [
            ("id", .reference("TransactionID")), ("name", .reference("Name")),
            ("payload", ["description": "Any JSON. It is sent to every URL byte by byte; `null` without it."]),
            ("timeout_ms", Self.span(StartRequest.timeouts)), ("wait_ms", Self.span(.zero...self.limits.wait)),
        ]
        let calling: [(String, JSONValue)] = [
            ("timeout_ms", Self.span(StepPolicy.timeouts)), ("retry", .reference("CallRetry")),
        ]
        let name: (String, JSONValue) = ("name", .reference("StepName"))
        let url = JSONValue.reference("CallURL")
        let outputs: (String, JSONValue) = (
            "outputs",
            [
                "type": "boolean", "default": false,
                "description":
                    "Whether `{\"payload\", \"outputs\"}` is sent in place of the payload, with what earlier steps gave.",
            ]
        )
        let step: JSONValue = .closed(
            required: ["name", "action"],
            [
                name, ("action", url), ("compensation", url), ("read", ["type": "boolean", "default": false]),
                ("retryable", ["type": "boolean", "default": false]), outputs,
            ] + calling)
        let branches: JSONValue = .closed(
            required: ["parallel"],
            [
                (
                    "parallel",
                    [
                        "type": "array", "minItems": 1,
                        "items": ["type": "array", "minItems": 1, "items": .reference("SagaStep")],
                    ]
                )
            ])
        return [
            (
                "TransactionID",
                Self.name(upTo: TransactionID.maximumBytes, "Up to \(TransactionID.maximumBytes) bytes of UTF-8.")
            ),
            ("StepName", Self.name(upTo: StepName.maximumBytes, "Up to \(StepName.maximumBytes) bytes of UTF-8.")),
            (
                "CallURL",
                [
                    "type": "string", "maxLength": .number(UInt64(CallAddress.maximumBytes)),
                    "pattern": "^https?://[A-Za-z0-9]", "examples": ["http://127.0.0.1:9/participant"],
                    "description": "An http or https URL without a user. Which addresses are called is configured.",
                ]
            ),
            (
                "CallRetry",
                .closed(
                    required: [],
                    [
                        ("initial_ms", Self.span(HTTPRetry.waits)), ("maximum_ms", Self.span(HTTPRetry.waits)),
                        ("attempts", Self.span(1, 1_000_000)),
                    ])
            ),
            ("SagaStep", ["anyOf": [step, branches]]),
            (
                "StartSagaRequest",
                .closed(
                    required: ["name", "steps"],
                    start + [
                        (
                            "steps",
                            [
                                "type": "array", "minItems": 1, "maxItems": .number(UInt64(TransactionLimits.steps)),
                                "items": .reference("SagaStep"),
                                "description":
                                    "Steps with a `compensation` or that only `read`, then at most one with neither, which decides, then `retryable` ones.",
                            ]
                        )
                    ])
            ),
            (
                "TransferBranch",
                .closed(
                    required: ["name", "try", "confirm", "cancel"],
                    [name, ("try", url), ("confirm", url), ("cancel", url)] + calling)
            ),
            (
                "StartTransferRequest",
                .closed(
                    required: ["name", "branches"],
                    start + [
                        ("order", Self.oneOf(TCCOrder.allCases.map(\.rawValue))),
                        (
                            "branches",
                            [
                                "type": "array", "minItems": 1,
                                "maxItems": .number(UInt64(TransferRequest.mostBranches)),
                                "items": .reference("TransferBranch"),
                            ]
                        ),
                    ])
            ),
        ]
    }

    private var decisionRequests: [(String, JSONValue)] {
        let decision: [(String, JSONValue)] = [
            ("by", .reference("Owner")),
            ("note", ["type": "string", "maxLength": .number(UInt64(TransactionLimits.reasonLength))]),
        ]
        let ends = Self.oneOf(TransactionState.allCases.filter(\.isFinal).map(\.rawValue))
        return [
            ("DecisionRequest", .closed(required: [], decision)),
            (
                "SkipRequest",
                .closed(required: [], decision + [("output", ["description": "What the step would have given."])])
            ),
            ("ResolveRequest", .closed(required: ["state"], decision + [("state", ends)])),
        ]
    }

    private var transactionAnswers: [(String, JSONValue)] {
        let state = Self.oneOf(TransactionState.allCases.map(\.rawValue))
        let direction = Self.oneOf(StepDirection.allCases.map(\.rawValue))
        let time: JSONValue = ["type": "string", "format": "date-time"]
        let summary: [(String, JSONValue)] = [
            ("id", .reference("TransactionID")), ("kind", Self.oneOf(TransactionKind.allCases.map(\.rawValue))),
            ("name", Self.text), ("state", state), ("started_at", time), ("changed_at", time),
        ]
        let coordinator: (String, JSONValue) = ("coordinator", .reference("Token"))
        let required = summary.map(\.0)
        let entry: JSONValue = .closed(
            required: ["at", "event"],
            [
                ("at", time), ("event", Self.oneOf(TransactionEntries.names.map(\.description))), ("step", Self.text),
                ("direction", direction), ("attempt", Self.count), ("cause", Self.text), ("reason", Self.text),
                ("decision", Self.text), ("by", Self.text), ("note", Self.text), ("state", state),
            ])
        let step: JSONValue = .closed(
            required: ["name", "kind", "after", "state"],
            [
                ("name", Self.text), ("kind", Self.oneOf(["read"] + StepOutline.Kind.allCases.map(\.rawValue))),
                ("after", Self.list(Self.text)),
                ("state", Self.oneOf(["waiting", "started", "done", "refused", "compensating", "compensated"])),
                ("output", [:]), ("output_base64", Self.base64),
            ])
        return [
            ("StartedTransaction", Self.full([("id", .reference("TransactionID")), ("state", state)])),
            (
                "TransactionPage",
                .closed(
                    required: ["transactions", "counts"],
                    [
                        (
                            "transactions",
                            Self.list(.closed(required: Self.required(required), summary + [coordinator]))
                        ),
                        ("counts", Self.full(TransactionState.allCases.map { ($0.rawValue, Self.count) })),
                        ("next", Self.text),
                    ])
            ),
            (
                "Transaction",
                .closed(
                    required: Self.required(required + ["definition", "cancel_requested", "steps", "entries"]),
                    summary + [
                        coordinator, ("definition", Self.full([("name", Self.text), ("version", Self.count)])),
                        ("payload", [:]), ("input_base64", Self.base64), ("timeout_ms", .reference("Milliseconds")),
                        ("cancel_requested", ["type": "boolean"]),
                        (
                            "trouble",
                            Self.full([("step", Self.text), ("direction", direction), ("reason", Self.text)])
                        ),
                        ("steps", Self.list(step)), ("entries", Self.list(entry)),
                    ])
            ),
        ]
    }
}
