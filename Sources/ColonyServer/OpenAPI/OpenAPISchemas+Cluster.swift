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
                        ("incarnation", count), ("url", Self.text),
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
                    ])
            ),
            ("ClusterLeft", Self.full([("left", ["const": true])])),
        ]
    }
}
