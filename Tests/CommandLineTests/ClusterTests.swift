import Foundation
import RealServers
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

    @Test func `a leader is shown, and the voters of a cluster are changed through any daemon`() async throws {
        try await Scene.run { scene in
            // The third never starts.
            let ports = try FreePort.take(3)
            let voters = zip(["a", "b", "c"], ports).map { "\($0)=127.0.0.1:\($1)" }.joined(separator: ",")
            func variables(_ node: String, joining address: String? = nil) -> [String: String] {
                Self.variables(node, joining: address).merging([
                    "COLONY_CLUSTER_VOTERS": voters, "COLONY_CLUSTER_ELECTION_TIMEOUT": "500ms",
                    "COLONY_DATA": scene.path("data-\(node)"),
                ]) { $1 }
            }
            try await scene.whileServing(variables: variables("a")) { first in
                let list = ["cluster", "leader", "--server", first.url]
                // One of three is no majority.
                for words in [list, list + ["--hand-over", "b"]] {
                    let none = try await scene.colony(words)
                    #expect(none.code == 75 && none.errors.contains("nobody leads"), "\(none.errors)")
                }
                let alone = try Self.json(
                    try await scene.colony("cluster", "members", "--server", first.url, "--json").output)
                let address = try #require(alone["address"] as? String)
                try await scene.whileServing(store: "memory:", variables: variables("b", joining: address)) { second in
                    try await eventually("one of them leads, and both know where it serves") {
                        let here = try await scene.colony(list)
                        let there = try await scene.colony("cluster", "leader", "--server", second.url)
                        return here.code == 0 && there.code == 0 && here.output.contains("serves   at http")
                            && there.output.contains("serves   at http")
                    }
                    let seen = try Self.json(try await scene.colony(list + ["--json"]).output)
                    let leader = try #require(seen["leader"] as? String)
                    let other = leader == "a" ? "b" : "a"
                    let table = try await scene.colony("cluster", "voters", "--server", second.url)
                    #expect(table.output.contains("\(leader) (leads)"), "\(table.output)")
                    // Asked through the one that does not lead.
                    let through = leader == "a" ? second.url : first.url
                    let handed = try await scene.colony(
                        "cluster", "leader", "--hand-over", other, "--server", through)
                    #expect(handed.code == 0, "\(handed.errors)")
                    try await eventually("the other one leads") {
                        try await scene.colony(list).output.contains("leader   \(other)")
                    }
                    let shown = try await scene.colony(list)
                    #expect(shown.output.contains("before   \(leader) in term"), "\(shown.output)")
                    try await eventually("a priority is set") {
                        let set = try await scene.colony(
                            "cluster", "voters", "set", other, "--priority", "7", "--server", first.url)
                        return set.code == 0
                    }
                    try await eventually("it is seen") {
                        try await scene.colony("cluster", "voters", "list", "--server", through).output.contains("7")
                    }
                    let wrong = try await scene.colony(
                        "cluster", "voters", "set", other, "--priority", "256", "--server", first.url)
                    #expect(wrong.code == 64 && wrong.errors.contains("256"))
                    let silent = try await scene.colony(list + ["--hand-over", "c"])
                    #expect(silent.code == 75 && silent.errors.contains("has not answered lately"), "\(silent.errors)")
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
            let voter = try await scene.colony(
                "serve", "--http", "127.0.0.1:0", "--cluster", "orders", "--node", "a", "--voter", "b")
            #expect(voter.code != 0 && voter.errors.contains("NAME=HOST:PORT"), "\(voter.errors)")
            let count = try await scene.colony("cluster", "ring", "--count", "0", "--key", "a")
            #expect(count.code == 64 && count.errors.contains("--count 0"))
        }
    }
}
