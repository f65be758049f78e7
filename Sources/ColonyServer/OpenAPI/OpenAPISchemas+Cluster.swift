import ColonyCluster
import ColonyClusterTransport

/// The shapes of the cluster.
extension OpenAPISchemas {
    var cluster: [(String, JSONValue)] {
        let count = Self.span(0, .max)
        return [
            (
                "ClusterMember",
                .closed(
                    required: Self.required(["node", "address", "state", "incarnation"]),
                    [
                        ("node", Self.text), ("address", Self.text),
                        (
                            "state",
                            [
                                "enum": .array(MemberState.allCases.map { .string("\($0)") }),
                                "description": "A suspected one is there until it is known that it is not.",
                            ]
                        ),
                        ("incarnation", count),
                        (
                            "share",
                            [
                                "type": "number",
                                "description": "Of all keys, on the standard ring of those that are there.",
                            ]
                        ), ("url", Self.text),
                    ])
            ),
            (
                "Cluster",
                .closed(
                    required: Self.required([
                        "cluster", "node", "standing", "sealed", "health_score", "ignored", "members",
                    ]),
                    [
                        ("cluster", Self.text), ("node", Self.text), ("address", Self.text),
                        ("standing", ["enum": .array(ClusterStanding.allCases.map { .string($0.rawValue) })]),
                        ("displaced_by", Self.text), ("sealed", ["type": "boolean"]), ("health_score", count),
                        ("ignored", count), ("members", ["type": "array", "items": .reference("ClusterMember")]),
                        ("election", .reference("ClusterElection")),
                    ])
            ),
            ("ClusterLeft", Self.full([("left", ["const": true])])),
        ] + self.election
    }

    private var election: [(String, JSONValue)] {
        let term = Self.span(0, .max)
        let role: JSONValue = ["enum": ["voter", "observer"]]
        let priority = Self.span(0, 255)
        let flag: JSONValue = ["type": "boolean"]
        return [
            (
                "ClusterVoter",
                .closed(
                    required: Self.required(["node", "role", "priority"]),
                    [
                        ("node", Self.text), ("role", role), ("priority", priority),
                        ("answers", ["type": "boolean", "description": "Known to the leader only."]),
                    ])
            ),
            (
                "ClusterTerm",
                .closed(
                    required: Self.required(["term", "leader", "since"]),
                    [
                        ("term", term), ("leader", Self.text), ("since", Self.text), ("until", Self.text),
                        ("reason", ["type": "string", "description": "Why this server does not lead any more."]),
                    ])
            ),
            (
                "ClusterElection",
                .closed(
                    required: Self.required(["term", "schedules", "voters", "terms"]),
                    [
                        ("term", term),
                        ("position", ["enum": .array(VotingPosition.allCases.map { .string($0.rawValue) })]),
                        ("leader", Self.text), ("leader_url", Self.text), ("settled", flag),
                        (
                            "schedules",
                            [
                                "enum": .array(
                                    DaemonConfiguration.Cluster.SchedulePublishers.allCases.map { .string($0.rawValue) }
                                )
                            ]
                        ),
                        ("voters", ["type": "array", "items": .reference("ClusterVoter")]),
                        (
                            "terms",
                            [
                                "type": "array", "items": .reference("ClusterTerm"),
                                "description": "The latest that this server has heard of, the newest first.",
                            ]
                        ),
                    ])
            ),
            ("HandOverRequest", .closed(required: ["node"], [("node", .reference("Name"))])),
            ("VoterRequest", .closed(required: [], [("role", role), ("priority", priority)])),
        ]
    }
}
