import ColonyCore
import ColonyQueues
import ColonyServer
import Testing

/// Every route of exchanges, as clients in any language see it.
@Suite("The routes of exchanges", .timeLimit(.minutes(1)))
struct ExchangeRoutesTests {
    private func queues(_ names: [String], _ server: TestServer, settings: String? = nil) async throws {
        for name in names {
            #expect(try await server.send(.PUT, "/v1/queues/\(name)", settings).status == 201)
        }
    }

    private func bind(_ exchange: String, _ binding: String, _ server: TestServer) async throws {
        let reply = try await server.post("/v1/exchanges/\(exchange)/bindings", binding)
        #expect(reply.json["changed"] as? Bool == true, "\(reply.text)")
    }

    @Test func `an exchange is made once, found again, shown with its bindings, and removed`() async throws {
        try await withServer { server in
            try await self.queues(["q"], server)
            let made = try await server.send(.PUT, "/v1/exchanges/x", #"{"kind":"topic","alternate":"rest"}"#)
            #expect(made.status == 201)
            #expect(made.json["alternate"] as? String == "rest")
            #expect(
                try await server.send(.PUT, "/v1/exchanges/x", #"{"kind":"topic","alternate":"rest"}"#).status == 200)
            let other = try await server.send(.PUT, "/v1/exchanges/x", #"{"kind":"fanout"}"#)
            #expect(other.status == 409)
            #expect(other.code == "exchange_conflict")
            try await self.bind("x", #"{"queue":"q","pattern":"a.#"}"#, server)
            let again = try await server.post("/v1/exchanges/x/bindings", #"{"queue":"q","pattern":"a.#"}"#)
            #expect(again.json["changed"] as? Bool == false)
            let shown = try await server.send(.GET, "/v1/exchanges/x")
            #expect(shown.json["kind"] as? String == "topic")
            #expect((shown.json["bindings"] as? [[String: String]]) == [["queue": "q", "pattern": "a.#"]])
            let page = try await server.send(.GET, "/v1/exchanges?limit=1")
            #expect((page.json["exchanges"] as? [[String: Any]])?.count == 1)
            let next = try #require(page.json["next"] as? String)
            let rest = try await server.send(.GET, "/v1/exchanges?after=\(next)")
            #expect((rest.json["exchanges"] as? [[String: Any]])?.map { $0["name"] as? String } == ["x"])
            let unbound = try await server.post("/v1/exchanges/x/unbind", #"{"queue":"q","pattern":"a.#"}"#)
            #expect(unbound.json["changed"] as? Bool == true)
            #expect(try await server.send(.DELETE, "/v1/exchanges/x").status == 200)
            #expect(try await server.send(.DELETE, "/v1/exchanges/x").code == "unknown_exchange")
            #expect(try await server.send(.GET, "/v1/exchanges/x").code == "unknown_exchange")
        }
    }

    @Test func `each kind of exchange sends messages where its bindings say`() async throws {
        try await withServer { server in
            try await self.queues(["a", "b"], server)
            for kind in ["direct", "topic", "fanout", "headers"] {
                _ = try await server.send(.PUT, "/v1/exchanges/\(kind)", #"{"kind":"\#(kind)"}"#)
            }
            try await self.bind("direct", #"{"queue":"a","key":"k"}"#, server)
            try await self.bind("topic", #"{"queue":"a","pattern":"*.paid"}"#, server)
            try await self.bind("topic", #"{"queue":"b","pattern":"orders.#"}"#, server)
            try await self.bind("fanout", #"{"queue":"a"}"#, server)
            try await self.bind("fanout", #"{"exchange":"topic"}"#, server)
            try await self.bind("headers", #"{"queue":"a","headers":{"x":"1","y":"2"}}"#, server)
            try await self.bind("headers", #"{"queue":"b","headers":{"x":"1","y":"2"},"match":"any"}"#, server)
            func route(_ exchange: String, _ message: String) async throws -> [String] {
                let reply = try await server.post("/v1/exchanges/\(exchange)/publish", #"{"messages":[\#(message)]}"#)
                return (reply.list?.first?["queues"] as? [[String: Any]] ?? []).compactMap { $0["queue"] as? String }
            }
            #expect(try await route("direct", #"{"body":"1","routing_key":"k"}"#) == ["a"])
            #expect(try await route("topic", #"{"body":"2","routing_key":"orders.paid"}"#) == ["a", "b"])
            #expect(try await route("topic", #"{"body":"3","routing_key":"orders"}"#) == ["b"])
            #expect(try await route("fanout", #"{"body":"4","routing_key":"orders.x"}"#) == ["a", "b"])
            #expect(try await route("headers", #"{"body":"5","headers":{"x":"1","y":"2"}}"#) == ["a", "b"])
            #expect(try await route("headers", #"{"body":"6","headers":{"x":"1"}}"#) == ["b"])
            let found = try await server.post("/v1/queues/a/receive", #"{"max":9}"#).messages
            #expect(found.map { $0["body"] as? String } == ["1", "2", "4", "5"])
        }
    }

    @Test func `a message that nobody is bound for is told, and a request of nothing else is unprocessable`()
        async throws
    {
        try await withServer { server in
            try await self.queues(["q"], server)
            _ = try await server.send(.PUT, "/v1/exchanges/x", #"{"kind":"direct"}"#)
            try await self.bind("x", #"{"queue":"q","key":"k"}"#, server)
            let mixed = try await server.post(
                "/v1/exchanges/x/publish",
                #"{"messages":[{"body":"1","routing_key":"nobody"},{"body":"2","routing_key":"k"}]}"#)
            #expect(mixed.status == 200)
            #expect(mixed.list?.map { $0["code"] as? String } == ["unroutable", nil])
            let none = try await server.post(
                "/v1/exchanges/x/publish", #"{"messages":[{"body":"1","routing_key":"nobody"}]}"#)
            #expect(none.status == 422)
            #expect(none.code == "unroutable")
            #expect(try await server.send(.GET, "/v1/queues/q").numbers("statistics")["count"] == 1)
            let unknown = try await server.post("/v1/exchanges/y/publish", #"{"messages":[{"body":"1"}]}"#)
            #expect(unknown.code == "unknown_exchange")
        }
    }

    @Test func `a queue without room is named, and waited for if asked to`() async throws {
        try await withServer { server in
            try await self.queues(["roomy"], server)
            try await self.queues(["small"], server, settings: #"{"capacity":1}"#)
            _ = try await server.send(.PUT, "/v1/exchanges/x", #"{"kind":"fanout"}"#)
            try await self.bind("x", #"{"queue":"roomy"}"#, server)
            try await self.bind("x", #"{"queue":"small"}"#, server)
            let some = try await server.post(
                "/v1/exchanges/x/publish", #"{"messages":[{"body":"1"},{"body":"2"}],"wait_ms":20}"#)
            #expect(some.list?.map { $0["code"] as? String } == [nil, "full"])
            #expect(some.list?.last?["queue"] as? String == "small")
            let none = try await server.post("/v1/exchanges/x/publish", #"{"messages":[{"body":"3"}]}"#)
            #expect(none.code == "queue_full")
            #expect(try await server.send(.GET, "/v1/queues/roomy").numbers("statistics")["count"] == 1)
            let publisher = try await RawConnection.open(port: server.port)
            try await publisher.send(
                RawConnection.post("/v1/exchanges/x/publish", #"{"messages":[{"body":"4"}],"wait_ms":60000}"#))
            try await eventually("it waits") {
                try await server.send(.GET, "/metrics").text.contains("colony_queue_waiters 1\n")
            }
            let receipt = try #require(
                try await server.post("/v1/queues/small/receive", "{}").messages.first?["receipt"] as? String)
            _ = try await server.post("/v1/queues/small/settle", #"{"ack":["\#(receipt)"]}"#)
            try await eventually("it is stored in both") { publisher.text.contains(#""queue":"small""#) }
            #expect(publisher.text.contains(#""queue":"roomy""#))
        }
    }

    @Test(arguments: [
        ("PUT", "x", "{}", "kind is missing"), ("PUT", "x", #"{"kind":"tpic"}"#, "did you mean topic?"),
        ("POST", "x/bindings", "{}", "queue or exchange is missing"),
        ("POST", "x/bindings", #"{"queue":"q","exchange":"y"}"#, "both queue and exchange"),
        ("POST", "x/bindings", #"{"queue":"q","key":"a","pattern":"b"}"#, "one of key, pattern, and headers"),
        ("POST", "x/bindings", #"{"queue":"q","match":"all"}"#, "headers are missing"),
        ("POST", "x/bindings", #"{"queue":"q","key":"a"}"#, "is fanout"),
        ("POST", "x/publish", "{}", "messages is missing"),
        ("POST", "x/publish", #"{"messages":[{"body":"a","routing_key":"\u0007"}]}"#, "routing_key"),
    ])
    func `what cannot be right is refused with the reason`(
        verb: String, path: String, body: String, reason: String
    ) async throws {
        try await withServer { server in
            try await self.queues(["q"], server)
            _ = try await server.send(.PUT, "/v1/exchanges/x", #"{"kind":"fanout"}"#)
            let reply = try await server.send(verb == "PUT" ? .PUT : .POST, "/v1/exchanges/\(path)", body)
            #expect(reply.status == 400)
            #expect(reply.detail.contains(reason), "\(reply.detail)")
        }
    }

    @Test func `a token binds only what it may write to`() async throws {
        try await withServer {
            $0.tokens = [
                AccessToken(name: "admin", token: "admin", scopes: [.admin]),
                AccessToken(name: "worker", token: "work", scopes: [.write], prefixes: ["orders"]),
            ]
        } _: { server in
            func send(_ verb: TestServer.Verb, _ path: String, _ body: String?, _ token: String) async throws
                -> TestServer.Reply
            {
                try await server.send(verb, path, body, headers: ["Authorization": "Bearer \(token)"])
            }
            for name in ["orders", "mail"] { _ = try await send(.PUT, "/v1/queues/\(name)", nil, "admin") }
            #expect(try await send(.PUT, "/v1/exchanges/x", #"{"kind":"fanout"}"#, "work").code == "forbidden")
            #expect(
                try await send(.PUT, "/v1/exchanges/orders", #"{"kind":"fanout","alternate":"mail"}"#, "work").code
                    == "forbidden")
            #expect(try await send(.PUT, "/v1/exchanges/orders", #"{"kind":"fanout"}"#, "work").status == 201)
            let path = "/v1/exchanges/orders/bindings"
            #expect(try await send(.POST, path, #"{"queue":"mail"}"#, "work").code == "forbidden")
            #expect(try await send(.POST, path, #"{"exchange":"mail"}"#, "work").code == "forbidden")
            #expect(try await send(.POST, path, #"{"queue":"orders"}"#, "work").status == 200)
            #expect(try await send(.DELETE, "/v1/exchanges/orders", nil, "work").code == "forbidden")
        }
    }
}
