import ColonyCore
import ColonyServer
import Testing

@Suite("Access")
struct AccessTests {
    private static let reader = AccessToken(name: "reader", token: "read-secret", scopes: [.read])
    private static let worker = AccessToken(
        name: "worker", token: "work-secret", scopes: [.write], prefixes: ["orders/", "mail/"])
    private static let admin = AccessToken(name: "admin", token: "admin-secret", scopes: [.admin])

    private func bearer(_ token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }

    @Test("A missing, malformed, or unknown token is 401, and the answer says what to send")
    func unauthorized() async throws {
        try await withServer {
            $0.tokens = [Self.reader]
        } _: { server in
            for headers in [[:], ["Authorization": "Basic eDp5"], ["Authorization": "Bearer"], self.bearer("wrong")] {
                let reply = try await server.send(.GET, "/v1/locks", headers: headers)
                #expect(reply.status == 401)
                #expect(reply.code == "unauthorized")
                #expect(reply.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
                #expect(!reply.text.contains("wrong"), "the token is not quoted")
            }
            #expect(try await server.send(.GET, "/v1/locks", headers: self.bearer("read-secret")).status == 200)
            #expect(
                try await server.send(.GET, "/v1/locks", headers: ["Authorization": "bearer read-secret"]).status == 200
            )
        }
    }

    @Test("What everybody may see needs no token, and the metrics do")
    func openRoutes() async throws {
        try await withServer {
            $0.tokens = [Self.reader]
        } _: { server async throws in
            for path in ["/healthz", "/readyz", "/v1/openapi.json", "/", "/console/console.js"] {
                #expect(try await server.send(.GET, path).status == 200, "\(path)")
            }
            for path in ["/metrics", "/v1/server", "/v1/events", "/v1/locks/a"] {
                #expect(try await server.send(.GET, path).status == 401, "\(path)")
            }
        }
    }

    @Test("Who shows a token is told its name and scopes, and never more")
    func ownToken() async throws {
        try await withServer {
            $0.tokens = [Self.reader, Self.admin]
        } _: { server in
            let about = try await server.send(.GET, "/v1/server", headers: self.bearer("read-secret"))
            let token = try #require(about.json["token"] as? [String: Any])
            #expect(token["name"] as? String == Self.reader.name)
            #expect(token["scopes"] as? [String] == ["locks:read"])
            #expect(!about.text.contains("secret"))
            #expect(token.count == 2)
        }
        try await withServer { server in
            let about = try await server.send(.GET, "/v1/server")
            #expect(about.json["token"] == nil, "without tokens there is none")
        }
    }

    @Test("A scope allows what it says and no more")
    func scopes() async throws {
        try await withServer {
            $0.tokens = [Self.reader, Self.worker, Self.admin]
        } _: { server in
            func status(_ method: TestServer.Verb, _ path: String, _ body: String?, _ token: String) async throws -> Int
            {
                try await server.send(method, path, body, headers: self.bearer(token)).status
            }
            let body = #"{"owner":"o","ttl_ms":60000}"#
            #expect(try await status(.POST, "/v1/locks/orders%2F1/acquire", body, "read-secret") == 403)
            #expect(try await status(.POST, "/v1/locks/orders%2F1/acquire", body, "work-secret") == 200)
            #expect(
                try await status(.GET, "/v1/locks/orders%2F1", nil, "work-secret") == 200, "writing includes reading")
            #expect(try await status(.DELETE, "/v1/locks/orders%2F1", nil, "work-secret") == 403)
            #expect(try await status(.DELETE, "/v1/locks/orders%2F1", nil, "admin-secret") == 200)
            #expect(try await status(.POST, "/v1/locks/x/acquire", body, "admin-secret") == 200)
            let forbidden = try await server.send(
                .POST, "/v1/locks/x/acquire", body, headers: self.bearer("work-secret"))
            #expect(forbidden.code == "forbidden")
            let batch = #"{"leases":[{"name":"x","owner":"o","token":1,"ttl_ms":1000}]}"#
            #expect(try await status(.POST, "/v1/locks/renew", batch, "work-secret") == 403)
        }
    }

    @Test("A list shows only the names that the token is for")
    func prefixes() async throws {
        try await withServer {
            $0.tokens = [Self.worker, Self.admin]
        } _: { server in
            for name in ["mail%2F1", "orders%2F1", "orders%2F2", "zoo"] {
                _ = try await server.send(
                    .POST, "/v1/locks/\(name)/acquire", #"{"ttl_ms":60000}"#, headers: self.bearer("admin-secret"))
            }
            func names(_ query: String, _ token: String) async throws -> [String] {
                let reply = try await server.send(.GET, "/v1/locks\(query)", headers: self.bearer(token))
                return (reply.json["locks"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
            }
            #expect(try await names("", "admin-secret").count == 4)
            #expect(try await names("", "work-secret") == ["mail/1", "orders/1", "orders/2"])
            #expect(try await names("?prefix=orders/2", "work-secret") == ["orders/2"])
            #expect(try await names("?prefix=zoo", "work-secret") == [])
            #expect(try await names("?limit=2", "work-secret") == ["mail/1", "orders/1"])
            #expect(try await names("?after=mail/1", "work-secret") == ["orders/1", "orders/2"])
        }
    }

    @Test("Without tokens a web page cannot use the daemon, whatever name it reaches it by")
    func browsers() async throws {
        try await withServer { server in
            func reply(_ headers: [String: String]) async throws -> TestServer.Reply {
                try await server.send(.POST, "/v1/locks/a/acquire", #"{"owner":"o","ttl_ms":1000}"#, headers: headers)
            }
            let rebound = try await reply(["Host": "evil.example:\(server.port)"])
            #expect(rebound.status == 403)
            #expect(rebound.code == "host_refused")
            #expect(rebound.detail.contains("evil.example"))
            let foreign = try await reply(["Origin": "https://evil.example"])
            #expect(foreign.status == 403)
            #expect(foreign.code == "origin_refused")
            #expect(try await reply(["Origin": "null"]).code == "origin_refused")
            #expect(
                try await reply(["Origin": "http://127.0.0.1:1"]).code == "origin_refused",
                "another port is another site")
            #expect(try await reply(["Sec-Fetch-Site": "cross-site"]).code == "origin_refused")
            #expect(try await reply(["Origin": "http://127.0.0.1:\(server.port)"]).status == 200)
            #expect(try await reply(["Host": "localhost:\(server.port)"]).status == 200)
            #expect(try await reply(["Host": "[::1]:\(server.port)"]).status == 200)
            #expect(try await server.send(.GET, "/healthz", headers: ["Host": "probe.example"]).status == 200)
        }
    }

    @Test("The daemon does not listen where the network reaches it without tokens or a word that this is wanted")
    func unsafeAddress() async throws {
        var configuration = DaemonConfiguration()
        configuration.host = "0.0.0.0"
        let error = #expect(throws: DaemonError.self) { try configuration.validate() }
        #expect(error?.code == .unsafeAddress)
        #expect(error?.message.contains("0.0.0.0") == true)
        configuration.isInsecure = true
        #expect(throws: Never.self) { try configuration.validate() }
        configuration.isInsecure = false
        configuration.tokens = [Self.reader]
        #expect(throws: Never.self) { try configuration.validate() }
    }

    @Test("A second daemon on the same port says so")
    func portInUse() async throws {
        try await withServer { server in
            let error = await #expect(throws: DaemonError.self) {
                try await withServer {
                    $0.port = server.port
                } _: { _ in
                }
            }
            #expect(error?.code == .addressInUse)
            #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
        }
    }
}
