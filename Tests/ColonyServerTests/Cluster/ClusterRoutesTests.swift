import ColonyCore
import ColonyServer
import Foundation
import Testing

@Suite("A cluster of daemons", .timeLimit(.minutes(2)))
struct ClusterRoutesTests {
    private static func join(_ node: String, _ others: [String] = []) -> (inout DaemonConfiguration) -> Void {
        { configuration in
            configuration.cluster.name = "orders"
            configuration.cluster.node = node
            configuration.cluster.port = 0
            configuration.cluster.join = others
        }
    }

    private static func members(_ server: TestServer) async throws -> [String: String] {
        let answer = try await server.send(.GET, "/v1/cluster")
        let members = try #require(answer.json["members"] as? [[String: Any]])
        return Dictionary(
            uniqueKeysWithValues: members.map { ($0["node"] as? String ?? "", $0["state"] as? String ?? "") })
    }

    @Test func `daemons find each other, and tell where they serve and who has left`() async throws {
        try await withServer(configure: Self.join("a")) { first in
            let address = try #require(first.daemon.clusterAddress)
            try await withServer(configure: Self.join("b", [address])) { second in
                for server in [first, second] {
                    try await eventually("both are known to both, with their addresses") {
                        let text = try await server.send(.GET, "/v1/cluster").text
                        return text.contains("http://127.0.0.1:\(first.port)")
                            && text.contains("http://127.0.0.1:\(second.port)")
                    }
                }
                // It knows of the other before the other has let it in.
                try await eventually("the second one is a member") {
                    try await second.send(.GET, "/v1/cluster").json["standing"] as? String == "member"
                }
                let answer = try await second.send(.GET, "/v1/cluster")
                #expect(answer.json["cluster"] as? String == "orders")
                #expect(answer.json["node"] as? String == "b")
                #expect(answer.json["sealed"] as? Bool == false)
                let metrics = try await first.send(.GET, "/metrics").text
                #expect(metrics.contains(#"colony_cluster_members{state="alive"} 2"#))
                #expect(metrics.contains("colony_cluster_admitted 1"))

                let left = try await second.post("/v1/cluster/leave", "")
                #expect(left.status == 200, "\(left.text)")
                // It serves on, knows that it is out, and can be told again.
                #expect(try await second.send(.GET, "/v1/cluster").json["standing"] as? String == "out")
                #expect(try await second.post("/v1/cluster/leave", "").status == 200)
                try await eventually("it has left, and has not failed") {
                    try await Self.members(first) == ["a": "alive", "b": "left"]
                }
            }
        }
    }

    @Test func `of two daemons of one name the second is told who has it`() async throws {
        try await withServer(configure: Self.join("a")) { first in
            let address = try #require(first.daemon.clusterAddress)
            try await withServer(configure: Self.join("a", [address])) { second in
                try await eventually("the second is told") {
                    let answer = try await second.send(.GET, "/v1/cluster")
                    return answer.json["standing"] as? String == "displaced"
                        && answer.json["displaced_by"] as? String == address
                }
                #expect(try await Self.members(first) == ["a": "alive"])
            }
        }
    }

    @Test func `a daemon by itself says so`() async throws {
        try await withServer { server in
            for answer in [try await server.send(.GET, "/v1/cluster"), try await server.post("/v1/cluster/leave", "")] {
                #expect((answer.status, answer.code) == (501, "not_offered"))
                #expect(answer.detail.contains("--cluster"))
            }
            #expect(try await server.send(.GET, "/metrics").text.contains("colony_cluster") == false)
        }
    }

    @Test func `what cannot work is refused before anything is started`() throws {
        #expect(clusterRefusal { _ in } == nil)
        #expect(clusterRefusal { $0.cluster.host = "0.0.0.0" }?.contains("advertise") == true)
        #expect(clusterRefusal { $0.cluster.host = "10.0.0.1" }?.contains("cluster.key_file") == true)
        #expect(clusterRefusal { $0.cluster.join = ["somewhere"] }?.contains("\"somewhere\"") == true)
        #expect(clusterRefusal { $0.cluster.join = ["a:0"] }?.contains("a:0") == true)
        #expect(clusterRefusal { $0.cluster.advertise = "x" }?.contains("\"x\"") == true)
        #expect(clusterRefusal { $0.cluster.name = "" }?.contains("cluster.name") == true)
        #expect(clusterRefusal { $0.cluster.node = "a\nb" }?.contains("cluster.node") == true)
        #expect(clusterRefusal { $0.cluster.port = 70_000 }?.contains("70000") == true)
        #expect(
            clusterRefusal {
                $0.cluster.name = nil; $0.cluster.join = ["a:1"]
            }?.contains("cluster.name") == true)
    }

    @Test func `a port that is taken, and a file of keys that is none, end the start with their names`() async throws {
        try await withServer(configure: Self.join("a")) { first in
            let port = try #require(first.daemon.clusterAddress?.split(separator: ":").last.flatMap { Int($0) })
            let taken = await #expect(throws: DaemonError.self) {
                try await withServer(configure: {
                    Self.join("b")(&$0)
                    $0.cluster.port = port
                }) { _ in }
            }
            #expect(taken?.message.contains("\(port)") == true, "\(taken.map { "\($0)" } ?? "")")
        }
        let missing = await #expect(throws: DaemonError.self) {
            try await withServer(configure: {
                Self.join("b")(&$0)
                $0.cluster.keyFile = "/nowhere/cluster.key"
            }) { _ in }
        }
        #expect(missing?.message.contains("/nowhere/cluster.key") == true)
    }
}
