import ColonyCore
import ColonyServer
import Foundation
import RealServers
import Testing

/// Daemons of one cluster by their names, each with a data directory and a store of its own.
private struct Electorate {
    let folder: URL
    let voters: [String]

    init(_ names: [String]) throws {
        self.folder = FileManager.default.temporaryDirectory.appending(path: "colony-votes-\(UUID().uuidString)")
        let ports = try FreePort.take(names.count)
        self.voters = zip(names, ports).map { "\($0)=127.0.0.1:\($1)" }
    }

    private var names: [String] { self.voters.map { String($0.prefix { $0 != "=" }) } }

    func configure(
        _ node: String, joining address: String?, _ change: (inout DaemonConfiguration) -> Void = { _ in }
    ) -> (inout DaemonConfiguration) -> Void {
        { configuration in
            configuration.dataDirectory = self.folder.appending(path: node).path
            configuration.cluster.name = "orders"
            configuration.cluster.node = node
            configuration.cluster.port = 0
            configuration.cluster.join = address.map { [$0] } ?? []
            configuration.cluster.voters = self.voters
            configuration.cluster.electionTimeout = .milliseconds(500)
            configuration.cluster.schedules = .leader
        }
    }

    /// Runs all of them while `body` does.
    func run(
        _ started: [String: TestServer] = [:], first address: String? = nil,
        _ body: ([String: TestServer]) async throws -> Void
    ) async throws {
        guard let next = self.names.first(where: { started[$0] == nil }) else { return try await body(started) }
        try await withServer(configure: self.configure(next, joining: address)) { server in
            let address = address ?? server.daemon.clusterAddress
            try await self.run(started.merging([next: server]) { $1 }, first: address, body)
        }
    }

    func clean() { try? FileManager.default.removeItem(at: self.folder) }
}

private func election(_ server: TestServer) async throws -> [String: Any] {
    let cluster = try await server.send(.GET, "/v1/cluster")
    return try #require(cluster.json["election"] as? [String: Any])
}

/// Waits until all of them have heard of one leader that is not `former`.
private func leader(of servers: [String: TestServer], after former: String? = nil) async throws -> String {
    var found: String?
    try await eventually("one of them leads, and all have heard of it") {
        var leaders: Set<String?> = []
        for server in servers.values { leaders.insert(try await election(server)["leader"] as? String) }
        found = leaders.count == 1 ? leaders.first ?? nil : nil
        return found != nil && found != former
    }
    return try #require(found)
}

private func messages(_ server: TestServer?) async throws -> Int {
    let server = try #require(server)
    let queue = try await server.send(.GET, "/v1/queues/q")
    let statistics = try #require(queue.json["statistics"] as? [String: Any])
    return try #require(statistics["ready"] as? Int)
}

@Suite("Daemons that elect a leader", .timeLimit(.minutes(3)))
struct ClusterElectionTests {
    @Test func `one leads, hands over, is replaced when it goes, and alone publishes for schedules`() async throws {
        let electorate = try Electorate(["a", "b", "c"])
        defer { electorate.clean() }
        try await electorate.run { servers in
            let first = try await leader(of: servers)
            for (name, server) in servers {
                let seen = try await election(server)
                #expect(seen["position"] as? String == (name == first ? "leader" : "follower"))
                #expect((seen["voters"] as? [[String: Any]])?.map { $0["node"] as? String } == ["a", "b", "c"])
                let metrics = try await server.send(.GET, "/metrics").text
                #expect(metrics.contains("colony_cluster_leads \(name == first ? 1 : 0)\n"))
                #expect(metrics.contains("colony_cluster_voters 3\n"))
            }

            // The same schedule in three stores: only one of them gets messages.
            for server in servers.values {
                _ = try await server.send(.PUT, "/v1/queues/q")
                let put = try await server.send(
                    .PUT, "/v1/schedules/each-second",
                    #"{"cron":"* * * * * *","queue":"q","message":{"body":"go"},"missed":"skip"}"#)
                #expect(put.status == 200, "\(put.text)")
            }
            try await eventually("the leader publishes") { try await messages(servers[first]) >= 2 }
            for (name, server) in servers where name != first {
                let before = try await messages(server)
                #expect(before == 0)
                try await eventually("\(name) lets ticks pass") {
                    let metrics = try await server.send(.GET, "/metrics").text
                    return metrics.contains("colony_schedule_let_pass_total")
                        && !metrics.contains("colony_schedule_let_pass_total 0\n")
                }
                let after = try await messages(server)
                #expect(after == 0)
            }

            // Who does not lead says who does, and where.
            let other = try #require(servers.keys.sorted().first { $0 != first })
            let follower = try #require(servers[other])
            let refused = try await follower.post("/v1/cluster/leader", #"{"node":"\#(other)"}"#)
            #expect((refused.status, refused.code) == (409, "not_leader"))
            let place = try #require(servers[first]?.url)
            #expect(refused.detail.contains(place), "\(refused.detail)")

            let former = try #require(servers[first])
            let asked = try await former.post("/v1/cluster/leader", #"{"node":"\#(other)"}"#)
            #expect(asked.status == 200 && asked.json["changed"] as? Bool == true, "\(asked.text)")
            let second = try await leader(of: servers, after: first)
            #expect(second == other)
            let again = try await follower.post("/v1/cluster/leader", #"{"node":"\#(second)"}"#)
            #expect(again.json["changed"] as? Bool == false, "\(again.text)")
            let seen = try await election(former)
            let terms = try #require(seen["terms"] as? [[String: Any]])
            #expect(terms.map { $0["leader"] as? String }.prefix(2) == [second, first])
            #expect(terms.dropFirst().first?["reason"] as? String == "handed_over", "\(terms)")
            try await eventually("the next one publishes") { try await messages(servers[second]) >= 1 }

            await servers[second]?.stop()
            var left = servers
            left[second] = nil
            let third = try await leader(of: left, after: second)
            #expect(third != second)
        }
    }

    @Test func `voters are added, changed, and removed one at a time, and by the leader`() async throws {
        let electorate = try Electorate(["a"])
        defer { electorate.clean() }
        try await electorate.run { servers in
            let first = try #require(servers["a"])
            let leading = try await leader(of: servers)
            #expect(leading == "a")
            let unknown = try await first.send(.PUT, "/v1/cluster/voters/nobody", "{}")
            #expect((unknown.status, unknown.code) == (404, "not_found"))

            let joining = electorate.configure("d", joining: first.daemon.clusterAddress)
            try await withServer(configure: {
                joining(&$0)
                $0.cluster.electionPort = 0
            }) { fourth in
                let outside = try await election(fourth)
                #expect(outside["position"] as? String == "outsider")
                try await eventually("it is added as soon as it is known where it listens") {
                    let added = try await first.send(.PUT, "/v1/cluster/voters/d", #"{"role":"observer"}"#)
                    return added.status == 200 && added.json["changed"] as? Bool == true
                }
                try await eventually("it looks on") {
                    let seen = try await election(fourth)
                    return seen["position"] as? String == "observer" && seen["leader"] as? String == "a"
                }
                let refused = try await fourth.send(.DELETE, "/v1/cluster/voters/a")
                #expect((refused.status, refused.code) == (409, "not_leader"))
                try await eventually("it votes") {
                    let changed = try await first.send(.PUT, "/v1/cluster/voters/d", #"{"role":"voter"}"#)
                    return changed.status == 200 && changed.json["changed"] as? Bool == false
                }
                try await eventually("it follows") {
                    try await election(fourth)["position"] as? String == "follower"
                }
                try await eventually("it is removed") {
                    try await first.send(.DELETE, "/v1/cluster/voters/d").json["changed"] as? Bool == false
                }
                let itself = try await first.send(.DELETE, "/v1/cluster/voters/a")
                #expect(itself.status == 409, "\(itself.text)")
            }
            for (body, part) in [
                (#"{"role":"king"}"#, "king"), (#"{"priority":256}"#, "256"), (#"{"vote":1}"#, "vote"),
                ("[]", "object"),
            ] {
                let refused = try await first.send(.PUT, "/v1/cluster/voters/a", body)
                #expect(refused.status == 400 && refused.text.contains(part), "\(body): \(refused.text)")
            }
            let nobody = try await first.post("/v1/cluster/leader", "{}")
            #expect(nobody.status == 400)
        }
    }

    @Test func `a cluster without voters says so`() async throws {
        try await withServer(configure: { configuration in
            configuration.cluster.name = "orders"
            configuration.cluster.node = "a"
            configuration.cluster.port = 0
        }) { server in
            let cluster = try await server.send(.GET, "/v1/cluster")
            #expect(cluster.json["election"] == nil)
            let refused = try await server.post("/v1/cluster/leader", #"{"node":"a"}"#)
            #expect((refused.status, refused.code) == (501, "not_offered"))
            #expect(refused.detail.contains("cluster.voters"))
        }
    }

    @Test func `what cannot work is refused before anything is started`() throws {
        func refusal(_ change: (inout DaemonConfiguration) -> Void) -> String? {
            clusterRefusal {
                $0.cluster.voters = ["a=127.0.0.1:7947", "b=127.0.0.1:7948"]
                change(&$0)
            }
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal { $0.cluster.voters = ["a"] }?.contains("\"a\"") == true)
        #expect(refusal { $0.cluster.voters = ["a=somewhere"] }?.contains("somewhere") == true)
        #expect(refusal { $0.cluster.voters = ["a=b:1", "a=c:2"] }?.contains("twice") == true)
        #expect(refusal { $0.cluster.voters = ["=b:1"] }?.contains("cluster.voters") == true)
        #expect(refusal { $0.cluster.electionTimeout = .milliseconds(1) }?.contains("1") == true)
        #expect(refusal { $0.cluster.name = nil }?.contains("cluster.name") == true)
        #expect(
            refusal {
                $0.cluster.voters = []; $0.cluster.schedules = .leader
            }?.contains("cluster.schedules") == true)
        let shared = refusal {
            $0.cluster.schedules = .leader
            $0.store = try? EngineURL("sqlite:/tmp/colony.db")
        }
        #expect(shared?.contains("would be lost") == true, "\(shared ?? "")")
    }

    @Test func `a data directory of another node, or of a daemon that runs, ends the start`() async throws {
        let electorate = try Electorate(["a"])
        defer { electorate.clean() }
        try await electorate.run { servers in
            let leading = try await leader(of: servers)
            #expect(leading == "a")
            let taken = await #expect(throws: (any Error).self) {
                try await withServer(configure: electorate.configure("a", joining: nil)) { _ in }
            }
            #expect("\(taken.map { "\($0)" } ?? "")".contains("another process votes"), "\(String(describing: taken))")
        }
        let configure = electorate.configure("b", joining: nil)
        let foreign = await #expect(throws: (any Error).self) {
            try await withServer(configure: {
                configure(&$0)
                $0.dataDirectory = electorate.folder.appending(path: "a").path
            }) { server in
                // Its votes are looked at when it has begun.
                try await eventually("it ends") { (try? await server.send(.GET, "/v1/cluster")) == nil }
            }
        }
        #expect("\(foreign.map { "\($0)" } ?? "")".contains("\"a\""), "\(String(describing: foreign))")
    }
}
