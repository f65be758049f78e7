import ColonyCore
import ColonyServer
import Testing

/// Which token may do what with which queue.
@Suite("Access to queues", .timeLimit(.minutes(1)))
struct QueueAccessTests {
    private static let tokens = [
        AccessToken(name: "reader", token: "read", scopes: [.read]),
        AccessToken(name: "worker", token: "work", scopes: [.write], prefixes: ["orders/"]),
        AccessToken(name: "admin", token: "admin", scopes: [.admin]),
    ]

    private func reply(
        _ server: TestServer, _ method: TestServer.Verb, _ path: String, _ body: String? = nil, as token: String
    ) async throws -> TestServer.Reply {
        try await server.send(method, "/v1/queues\(path)", body, headers: ["Authorization": "Bearer \(token)"])
    }

    @Test func `a scope allows what it says and no more`() async throws {
        try await withServer {
            $0.tokens = Self.tokens
        } _: { server in
            let (queue, publish) = ("/orders%2Fq", #"{"messages":[{"body":"a"}]}"#)
            #expect(try await self.reply(server, .PUT, queue, as: "read").status == 403)
            #expect(try await self.reply(server, .PUT, queue, as: "work").status == 201)
            #expect(try await self.reply(server, .POST, "\(queue)/messages", publish, as: "read").status == 403)
            #expect(try await self.reply(server, .POST, "\(queue)/messages", publish, as: "work").status == 200)
            #expect(try await self.reply(server, .POST, "\(queue)/receive", "{}", as: "read").status == 403)
            #expect(try await self.reply(server, .POST, "\(queue)/settle", "{}", as: "read").status == 403)
            for path in [queue, "\(queue)/messages", "\(queue)/dead", "\(queue)/changes"] {
                #expect(try await self.reply(server, .GET, path, as: "read").status == 200, "\(path)")
                #expect(try await self.reply(server, .GET, path, as: "work").status == 200, "\(path)")
            }
            for (method, path, body) in [
                (.DELETE, "\(queue)/messages", nil), (.POST, "\(queue)/pause", nil), (.POST, "\(queue)/resume", nil),
                (.POST, "\(queue)/dead/redrive", #"{"all":true}"#), (.POST, "\(queue)/dead/drop", #"{"all":true}"#),
                (.DELETE, queue, nil),
            ] as [(TestServer.Verb, String, String?)] {
                let refused = try await self.reply(server, method, path, body, as: "work")
                #expect(refused.code == "forbidden", "\(method) \(path)")
                #expect(try await self.reply(server, method, path, body, as: "admin").status == 200, "\(method) \(path)")
            }
            #expect(try await server.send(.GET, "/v1/queues").status == 401)
        }
    }

    @Test func `a token with prefixes reaches no other queue, also not through another one`() async throws {
        try await withServer {
            $0.tokens = Self.tokens + [
                AccessToken(name: "operator", token: "operate", scopes: [.admin], prefixes: ["orders/"])
            ]
        } _: { server in
            for name in ["mail", "orders%2Fa", "orders%2Fb", "zoo"] {
                _ = try await self.reply(server, .PUT, "/\(name)", as: "admin")
            }
            #expect(try await self.reply(server, .GET, "/mail", as: "work").code == "forbidden")
            #expect(try await self.reply(server, .POST, "/mail/receive", "{}", as: "work").code == "forbidden")
            let graves = try await self.reply(
                server, .PUT, "/orders%2Fc", #"{"dead_letter_queue":"mail"}"#, as: "work")
            #expect(graves.code == "forbidden")
            let moved = try await self.reply(
                server, .POST, "/orders%2Fa/dead/redrive", #"{"all":true,"to":"mail"}"#, as: "operate")
            #expect(moved.code == "forbidden")
            func names(_ query: String, as token: String) async throws -> [String] {
                let page = try await self.reply(server, .GET, query, as: token)
                return (page.json["queues"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
            }
            #expect(try await names("", as: "read") == ["mail", "orders/a", "orders/b", "zoo"])
            #expect(try await names("", as: "work") == ["orders/a", "orders/b"])
            #expect(try await names("?limit=1", as: "work") == ["orders/a"])
            #expect(try await names("?limit=1&after=orders/a", as: "work") == ["orders/b"])
        }
    }
}
