import AsyncHTTPClient
import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonyServer
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@Suite("The routes of proxies")
struct ProxyRoutesTests {
    /// A daemon with a proxy in front of some upstreams.
    private struct Setting {
        let server: TestServer
        let file: ConfigurationText
        let upstreams: [AnsweringUpstream]

        /// The port of a proxy, as the API tells it.
        func port(of proxy: String) async throws -> Int {
            let listen = try await self.server.send(.GET, "/v1/proxies/\(proxy)").json["listen"] as? [String]
            return Int(listen?.first?.split(separator: ":").last ?? "") ?? 0
        }

        /// Asks through a proxy.
        func ask(_ port: Int, _ path: String = "/") async throws -> (status: Int, body: String) {
            let response = try await self.server.client.execute(
                HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)"), timeout: .seconds(30))
            let body = try await response.body.collect(upTo: 65_536)
            return (Int(response.status.code), String(buffer: body))
        }

        /// The endpoints of the upstream `app` of a proxy by their names.
        func endpoints(_ proxy: String = "web") async throws -> [String: [String: Any]] {
            let upstreams =
                try await self.server.send(.GET, "/v1/proxies/\(proxy)").json["upstreams"] as? [[String: Any]]
            let all = upstreams?.first?["endpoints"] as? [[String: Any]] ?? []
            return Dictionary(uniqueKeysWithValues: all.map { ($0["name"] as? String ?? "", $0) })
        }
    }

    private static func yaml(_ upstreams: [AnsweringUpstream], more: String = "", upstream: String = "") -> String {
        let endpoints = upstreams.map { "{address: \"127.0.0.1:\($0.port)\", name: \($0.name)}" }
        return """
            proxies:
              web:
                listen: 127.0.0.1:0
                workers: 1
                drain: 1s
            \(more)
                upstreams:
                  app:
                    algorithm: round-robin
                    endpoints: [\(endpoints.joined(separator: ", "))]
            \(upstream)
            """
    }

    private func withProxy(
        _ names: [String] = ["a", "b"], engine: MemoryLeaseEngine = MemoryLeaseEngine(), more: String = "",
        upstream: String = "", _ body: (Setting) async throws -> Void
    ) async throws {
        var upstreams: [AnsweringUpstream] = []
        for name in names { upstreams.append(try await AnsweringUpstream.start(name)) }
        let file = try ConfigurationText(Self.yaml(upstreams, more: more, upstream: upstream))
        let configuration = try file.load()
        try await withServer(engine: engine) {
            $0 = configuration
            $0.port = 0
        } _: { server in
            try await body(Setting(server: server, file: file, upstreams: upstreams))
        }
        for upstream in upstreams { await upstream.stop() }
    }

    @Test("A proxy is listed and shown, with what went through it")
    func looking() async throws {
        try await self.withProxy { setting in
            let port = try await setting.port(of: "web")
            var seen: Set<String> = []
            for _ in 0..<4 { seen.insert(try await setting.ask(port).body) }
            #expect(seen == ["a", "b"])
            let list = try await setting.server.send(.GET, "/v1/proxies").json["proxies"] as? [[String: Any]]
            #expect(list?.first?["name"] as? String == "web")
            #expect(list?.first?["endpoints_in_service"] as? Int == 2)
            let shown = try await setting.server.send(.GET, "/v1/proxies/web").json
            let traffic = shown["traffic"] as? [String: Any]
            #expect(traffic?["requests"] as? Int == 4)
            #expect((traffic?["answers"] as? [String: Any])?["2xx"] as? Int == 4)
            #expect((shown["latency"] as? [String: Any])?["count"] as? Int == 4)
            let endpoint = try await setting.endpoints()["a"]
            #expect(endpoint?["state"] as? String == "in_service")
            #expect(endpoint?["successes"] as? Int == 2)
            let metrics = try await setting.server.send(.GET, "/metrics").text
            #expect(metrics.contains("colony_proxy_requests_total{proxy=\"web\"} 4\n"))
            let labels = #"{proxy="web",upstream="app",endpoint="a"}"#
            #expect(metrics.contains("colony_proxy_endpoint_in_service\(labels) 1\n"))
        }
    }

    @Test("What is not there is not found, and says what is missing")
    func missing() async throws {
        try await self.withProxy { setting in
            let server = setting.server
            #expect(try await server.send(.GET, "/v1/proxies/none").code == "not_found")
            let path = "/v1/proxies/web/upstreams"
            #expect(try await server.send(.GET, "\(path)/none/explain").detail.contains("has no upstream"))
            let endpoint = try await server.send(.PATCH, "\(path)/app/endpoints/none", #"{"state":"drain"}"#)
            #expect(endpoint.status == 404 && endpoint.detail.contains("has no endpoint"))
            let bad = try await server.send(.PATCH, "\(path)/app/endpoints/a", #"{"state":"gone"}"#)
            #expect(bad.status == 400 && bad.detail.contains("enabled, drain, maintenance"))
            #expect(try await server.send(.PATCH, "\(path)/app/endpoints/a", "{}").status == 400)
            #expect(try await server.send(.GET, "/v1/proxies/reload").status == 405)
            #expect(try await server.send(.GET, "/v1/proxies/web/upstreams/app").status == 404)
        }
    }

    @Test("A drained endpoint gets nothing, an enabled one gets its share, and a weight is kept until it is given back")
    func operators() async throws {
        try await self.withProxy { setting in
            let port = try await setting.port(of: "web")
            let path = "/v1/proxies/web/upstreams/app/endpoints/a"
            let drained = try await setting.server.send(.PATCH, path, #"{"state":"drain"}"#)
            #expect(drained.status == 200 && drained.json["state"] as? String == "draining")
            for _ in 0..<6 { #expect(try await setting.ask(port).body == "b") }
            #expect(try await setting.server.send(.PATCH, path, #"{"state":"maintenance"}"#).status == 200)
            #expect(try await setting.endpoints()["a"]?["state"] as? String == "maintenance")
            let heavy = try await setting.server.send(.PATCH, path, #"{"state":"enabled","weight":9}"#)
            #expect(heavy.json["weight"] as? Int == 9 && heavy.json["weight_is_set"] as? Bool == true)
            #expect(try await setting.server.post("/v1/proxies/reload", "").status == 200)
            #expect(try await setting.endpoints()["a"]?["weight"] as? Int == 9)
            let light = try await setting.server.send(.PATCH, path, #"{"weight":0}"#)
            #expect(light.json["weight"] as? Int == 1 && light.json["weight_is_set"] as? Bool == false)
        }
    }

    @Test("Why a call goes where it goes is told for a key, a client, and any call")
    func explanations() async throws {
        try await self.withProxy { setting in
            let path = "/v1/proxies/web/upstreams/app"
            let any = try await setting.server.send(.GET, "\(path)/explain")
            #expect((any.json["rule"] as? String)?.contains("take turns") == true)
            #expect((any.json["endpoints"] as? [[String: Any]])?.count == 2)
            _ = try await setting.server.send(.PATCH, "\(path)/endpoints/a", #"{"state":"drain"}"#)
            let keyed = try await setting.server.send(.GET, "\(path)/explain?key=user%3A42")
            #expect(keyed.json["chosen"] as? String == "b")
            #expect(keyed.text.contains("an operator has set it to draining"))
            #expect(try await setting.server.send(.GET, "\(path)/explain?client=10.0.0.1&key=x").status == 400)
        }
    }

    @Test("A check takes an endpoint out and brings it back, and the event stream tells")
    func health() async throws {
        let health = "        health: {interval: 50ms, rise: 1, fall: 1, jitter: 0}"
        try await self.withProxy(upstream: health) { setting in
            setting.upstreams[0].setWell(false)
            try await eventually("an endpoint is out") {
                try await setting.endpoints()["a"]?["state"] as? String == "unhealthy"
            }
            let reasons = try await setting.endpoints()["a"]?["reasons"] as? [String]
            #expect(reasons?.first?.contains("503") == true, "\(reasons ?? [])")
            setting.upstreams[0].setWell(true)
            try await eventually("it is back") {
                try await setting.endpoints()["a"]?["state"] as? String == "in_service"
            }
        }
    }

    @Test("Instances of the registry are endpoints")
    func registry() async throws {
        let engine = MemoryLeaseEngine()
        let third = try await AnsweringUpstream.start("third")
        try await self.withProxy(engine: engine) { setting in
            let yaml = """
                proxies:
                  web:
                    listen: 127.0.0.1:0
                    workers: 1
                    drain: 1s
                    upstreams: {app: {registry: third}}
                """
            try setting.file.write(yaml)
            #expect(try await setting.server.post("/v1/proxies/reload", "").status == 200)
            let instance = ServiceInstance(id: "third-1", address: "127.0.0.1", port: third.port)
            try await Registry(on: engine).withRegistration(instance, as: "third") { _ in
                try await eventually("the instance is the endpoint") {
                    try await setting.endpoints().keys.sorted() == ["third-1"]
                }
                #expect(try await setting.ask(try await setting.port(of: "web")).body == "third")
            }
        }
        await third.stop()
    }
}

@Suite("Reloading proxies")
struct ProxyReloadTests {
    @Test("A file with an error keeps all of the old state, and says where the error is")
    func brokenFile() async throws {
        try await self.withProxies { server, file, ports, upstream in
            let before = try await server.send(.GET, "/v1/proxies").text
            for (yaml, hint) in [
                ("proxies: [", "is not YAML"),
                (Self.yaml(ports, upstream.port).replacing("listen", with: "lissen"), "line 3, column 5"),
                (Self.yaml(ports, upstream.port) + "limits: {wait: never}\n", "limits.wait"),
                (Self.yaml(ports, upstream.port, second: server.port), "in use"),
            ] {
                try file.write(yaml)
                let answer = try await server.post("/v1/proxies/reload", "")
                #expect(answer.status == 409 && answer.code == "invalid_configuration", "\(answer.text)")
                #expect(answer.detail.contains(hint), "\(answer.detail)")
            }
            let names = try await server.send(.GET, "/v1/proxies").json["proxies"] as? [[String: Any]]
            #expect(names?.compactMap { $0["name"] as? String } == ["web"])
            #expect(before.contains("\"name\":\"web\""))
            #expect(try await Self.ask(server, ports).status == 200)
        }
    }

    @Test("Proxies come and go, and one that was renamed goes on at its address")
    func comingAndGoing() async throws {
        try await self.withProxies { server, file, port, upstream in
            try file.write(Self.yaml(port, upstream.port, second: 0))
            let added = try await server.post("/v1/proxies/reload", "")
            #expect(added.json["added"] as? [String] == ["second"] && added.json["kept"] as? [String] == ["web"])
            try file.write(Self.yaml(port, upstream.port).replacing("  web:", with: "  shop:"))
            let renamed = try await server.post("/v1/proxies/reload", "")
            #expect(renamed.status == 200, "\(renamed.text)")
            #expect(renamed.json["removed"] as? [String] == ["second"])
            #expect(try await Self.ask(server, port).status == 200)
            #expect(try await server.send(.GET, "/v1/proxies/web").status == 404)
            try file.write("proxies:\n")
            #expect(try await server.post("/v1/proxies/reload", "").status == 200)
            #expect(try await server.send(.GET, "/v1/proxies").text == #"{"proxies":[]}"#)
            try await eventually("nobody listens") {
                await (try? Self.ask(server, port)) == nil
            }
        }
    }

    @Test("Requests go on while the file is read again and again, and none fails")
    func underLoad() async throws {
        try await self.withProxies { server, file, port, upstream in
            let tally = Tally()
            await withDiscardingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { @Sendable in
                        while !tally.isOver {
                            do {
                                let answer = try await Self.ask(server, port)
                                tally.note(answer.status == 200 ? nil : "\(answer)")
                            } catch {
                                tally.note("\(error)")
                            }
                        }
                    }
                }
                group.addTask { @Sendable in
                    for round in 0..<30 {
                        let yaml = Self.yaml(port, upstream.port).replacing(
                            "round-robin", with: round % 2 == 0 ? "least-request" : "random")
                        do {
                            try file.write(yaml)
                            let answer = try await server.post("/v1/proxies/reload", "")
                            if answer.status != 200 { tally.note(answer.text) }
                        } catch {
                            tally.note("\(error)")
                        }
                    }
                    tally.end()
                }
            }
            #expect(tally.failures.isEmpty, "\(tally.failures.prefix(3))")
            #expect(tally.count > 0)
        }
    }

    @Test("Operators' words outlive a reload, also one that changes the algorithm")
    func stateIsKept() async throws {
        try await self.withProxies { server, file, port, upstream in
            let path = "/v1/proxies/web/upstreams/app/endpoints/one"
            #expect(try await server.send(.PATCH, path, #"{"state":"drain","weight":7}"#).status == 200)
            for algorithm in ["round-robin", "random"] {
                try file.write(Self.yaml(port, upstream.port).replacing("round-robin", with: algorithm))
                #expect(try await server.post("/v1/proxies/reload", "").status == 200)
                let shown = try await server.send(.GET, "/v1/proxies/web").text
                #expect(shown.contains(#""state":"draining""#) && shown.contains(#""weight":7"#))
                #expect(shown.contains("\"algorithm\":\"\(algorithm)\""))
            }
        }
    }

    private static func yaml(_ port: Int, _ upstream: Int, second: Int? = nil) -> String {
        func proxy(_ name: String, _ port: Int) -> String {
            """
              \(name):
                listen: 127.0.0.1:\(port)
                workers: 1
                drain: 1s
                upstreams:
                  app:
                    algorithm: round-robin
                    endpoints: [{address: "127.0.0.1:\(upstream)", name: one}]

            """
        }
        return "proxies:\n" + proxy("web", port) + (second.map { proxy("second", $0) } ?? "")
    }

    private static func ask(_ server: TestServer, _ port: Int) async throws -> (status: Int, body: String) {
        let response = try await server.client.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(port)/"), timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 65_536)
        return (Int(response.status.code), String(buffer: body))
    }

    /// A daemon whose proxy listens at a port that was free a moment ago.
    private func withProxies(
        _ body: (TestServer, ConfigurationText, Int, AnsweringUpstream) async throws -> Void
    ) async throws {
        let upstream = try await AnsweringUpstream.start("one")
        let port = try await AnsweringUpstream.freePort()
        let file = try ConfigurationText(Self.yaml(port, upstream.port))
        let configuration = try file.load()
        try await withServer {
            $0 = configuration
            $0.port = 0
        } _: { server in
            try await body(server, file, port, upstream)
        }
        await upstream.stop()
    }
}

/// What came of requests that several tasks make.
private final class Tally: Sendable {
    private let state = Mutex<(count: Int, failures: [String], isOver: Bool)>((0, [], false))

    var count: Int { self.state.withLock { $0.count } }
    var failures: [String] { self.state.withLock { $0.failures } }
    var isOver: Bool { self.state.withLock { $0.isOver } }

    /// - Parameter failure: What went wrong, if anything did.
    func note(_ failure: String?) {
        self.state.withLock { state in
            state.count += 1
            if let failure { state.failures.append(failure) }
        }
    }

    func end() { self.state.withLock { $0.isOver = true } }
}
