import ColonyCoordination
import ColonyResilience

/// The shapes of switches.
extension OpenAPISchemas {
    var switches: [(String, JSONValue)] {
        let position: (String, JSONValue) = ("position", .reference("SwitchPosition"))
        let reason: (String, JSONValue) = (
            "reason",
            [
                "type": "string", "maxLength": .number(UInt64(SwitchSetting.maximumReasonBytes)),
                "description": .string(
                    "Why; up to \(SwitchSetting.maximumReasonBytes) bytes, kept until it is automatic."),
            ]
        )
        let setting: [(String, JSONValue)] = [
            ("id", Self.text), ("kind", .reference("SwitchKind")), ("name", Self.text), position, reason,
        ]
        let required: [String] = ["id", "kind", "name", "position"]
        let counts = ["successes", "failures", "refusals"].map { ($0, Self.span(0, .max)) }
        return [
            ("SwitchKind", ["enum": .array(SwitchID.Kind.allCases.map { .string($0.rawValue) })]),
            (
                "SwitchName",
                [
                    "type": "string", "minLength": 1,
                    "maxLength": .number(UInt64(min(self.limits.nameBytes, SwitchID.maximumNameBytes))),
                    "pattern": #"^[^\u0000-\u001F\u007F-\u009F]+$"#,
                    "description": .string(
                        "UTF-8 without control characters, of 1 to \(SwitchID.maximumNameBytes) bytes."),
                ]
            ),
            (
                "SwitchPosition",
                [
                    "enum": .array(SwitchPosition.allCases.map { .string($0.rawValue) }),
                    "description":
                        "Whether it decides by itself, refuses every call, or lets every call pass uncounted.",
                ]
            ),
            ("SetSwitchRequest", .closed(required: ["position"], [position, reason])),
            ("SwitchSetting", .closed(required: Self.required(required), setting)),
            ("SwitchReport", Self.full([("node", Self.text), ("state", Self.text), position] + counts)),
            (
                "Switch",
                .closed(
                    required: Self.required(required + ["reports"]),
                    setting + [("reports", ["type": "array", "items": .reference("SwitchReport")])])
            ),
            ("Switches", Self.full([("switches", ["type": "array", "items": .reference("Switch")])])),
        ]
    }
}
