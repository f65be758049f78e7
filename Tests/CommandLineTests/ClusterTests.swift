import Foundation
import Testing

/// `colony serve --cluster` and `colony cluster`: daemons that know each other.
@Suite struct ClusterTests {
    private static func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private static func variables(_ node: String, joining address: String? = nil) -> [String: String] {
        var variables = [
            "COLONY_CLUSTER_NAME": "orders", "COLONY_CLUSTER_NODE": node, "COLONY_CLUSTER_PORT": "0",
        ]
        variables["COLONY_CLUSTER_JOIN"] = address
        return variables
    }

    @Test func `members are listed, share the ring, and leave`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing(variables: Self.variables("a")) { first in
                let alone = try Self.json(
                    try await scene.colony("cluster", "members", "--server", first.url, "--json").output)
                let address = try #require(alone["address"] as? String)
                try await scene.whileServing(store: "memory:", variables: Self.variables("b", joining: address)) {
                    second in
                    let members = ["cluster", "members", "--server", first.url]
                    try await eventually("both are listed with where they serve") {
                        let list = try await scene.colony(members)
                        return list.code == 0 && list.output.contains(second.url) && list.output.contains("a *")
                    }
                    let ring = try Self.json(
                        try await scene.colony("cluster", "ring", "--server", first.url, "--json").output)
                    let owners = try #require(ring["owners"] as? [[String: Any]])
                    #expect(owners.map { $0["node"] as? String } == ["a", "b"])
                    #expect(abs(owners.reduce(0) { $0 + ($1["share"] as? Double ?? 0) } - 1) < 0.001)
                    // Both find the same owners of a key.
                    let key = ["cluster", "ring", "--key", "user-42", "--count", "2", "--server"]
                    let here = try await scene.colony(key + [first.url])
                    let there = try await scene.colony(key + [second.url])
                    #expect(here.output == there.output)
                    #expect(Set(here.output.split(separator: "\n")) == ["a", "b"])
                    let many = try await scene.colony(
                        "cluster", "ring", "--key", "k", "--count", "3", "--server", first.url)
                    #expect(many.code == 64 && many.errors.contains("--count 3"))

                    #expect(try await scene.colony("cluster", "leave", "--server", second.url).code == 0)
                    try await eventually("the other one knows that it has left") {
                        try await scene.colony(members).output.contains("left")
                    }
                    let out = try await scene.colony("cluster", "members", "--server", second.url)
                    #expect(out.code == 75 && out.errors.contains("has left"), "\(out.errors)")
                }
            }
        }
    }

    @Test func `without a cluster, and with words that are wrong, it says what to do`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let alone = try await scene.colony("cluster", "members", "--server", daemon.url)
                #expect(alone.code == 1 && alone.errors.contains("--cluster"), "\(alone.errors)")
            }
            let joins = try await scene.colony("serve", "--http", "127.0.0.1:0", "--join", "10.0.0.1:7946")
            #expect(joins.code != 0 && joins.errors.contains("cluster.name"), "\(joins.errors)")
            let wrong = try await scene.colony(
                "serve", "--http", "127.0.0.1:0", "--cluster", "orders", "--join", "nobody")
            #expect(wrong.code != 0 && wrong.errors.contains("nobody"), "\(wrong.errors)")
            let count = try await scene.colony("cluster", "ring", "--count", "0", "--key", "a")
            #expect(count.code == 64 && count.errors.contains("--count 0"))
        }
    }
}
