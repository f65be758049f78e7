import ColonyCore
import ColonyQueues
import ColonyServer
import Testing

/// Publishing to topics, following them, and keeping them, as clients in any language see it.
@Suite("The routes of topics", .timeLimit(.minutes(1)))
struct TopicRoutesTests {
    private func follow(_ path: String, _ server: TestServer, _ field: String = "") async throws -> RawConnection {
        let connection = try await RawConnection.open(port: server.port)
        try await connection.send("GET /v1/topics/\(path) HTTP/1.1\r\nHost: localhost\r\n\(field)\r\n")
        try await eventually("the stream is open") { connection.text.contains("event: open\n") }
        return connection
    }

    private func publish(_ topic: String, _ bodies: [String], _ server: TestServer) async throws -> [Int] {
        let messages = bodies.map { #"{"body":"\#($0)","headers":{"h":"v"}}"# }.joined(separator: ",")
        let reply = try await server.post("/v1/topics/\(topic)/publish", #"{"messages":[\#(messages)]}"#)
        #expect(reply.status == 200, "\(reply.text)")
        return (reply.list ?? []).compactMap { $0["offset"] as? Int }
    }

    @Test func `a stream tells what is published to its pattern from now on`() async throws {
        try await withServer { server in
            _ = try await self.publish("orders.old", ["before"], server)
            let stream = try await self.follow("orders.%23/events", server)
            _ = try await self.publish("mail.new", ["other"], server)
            let offsets = try await self.publish("orders.new", ["one", "two"], server)
            try await eventually("both are told") { stream.text.contains(#""body":"two""#) }
            #expect(stream.text.contains("id: \(offsets[0])\n"))
            #expect(stream.text.contains(#""topic":"orders.new","body":"one","headers":{"h":"v"}"#))
            #expect(!stream.text.contains("before"))
            #expect(!stream.text.contains("other"))
            #expect(stream.text.contains("text/event-stream"))
        }
    }

    @Test func `a stream begins where it is asked to, and goes on where it was`() async throws {
        try await withServer { server in
            let offsets = try await self.publish("t", ["one", "two", "three"], server)
            let all = try await self.follow("t/events?from=beginning", server)
            try await eventually("all are told") { all.text.contains("three") }
            #expect(all.text.contains("one"))
            let rest = try await self.follow("t/events?from=\(offsets[0])", server)
            try await eventually("those after it are told") { rest.text.contains("three") }
            #expect(!rest.text.contains(#""body":"one""#))
            let resumed = try await self.follow(
                "t/events?from=beginning", server, "Last-Event-ID: \(offsets[1])\r\n")
            try await eventually("the last is told") { resumed.text.contains("three") }
            #expect(!resumed.text.contains(#""body":"two""#))
            let timed = try await self.follow("t/events?from=1999-01-01T00:00:00Z", server)
            try await eventually("all since then are told") { timed.text.contains("three") }
            for text in ["from=yesterday", "from=-1", "policy=drop", "form=end"] {
                #expect(try await server.send(.GET, "/v1/topics/t/events?\(text)").status == 400, "\(text)")
            }
        }
    }

    @Test func `a subscribed queue gets what is published, until it is unsubscribed`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let path = "/v1/topics/orders.*/subscriptions/q"
            #expect(try await server.send(.PUT, path).json["changed"] as? Bool == true)
            #expect(try await server.send(.PUT, path).json["changed"] as? Bool == false)
            #expect(try await server.send(.PUT, "/v1/topics/t/subscriptions/nobody").code == "unknown_queue")
            _ = try await self.publish("orders.paid", ["one"], server)
            let shown = try await server.send(.GET, "/v1/topics")
            #expect((shown.json["subscriptions"] as? [[String: String]]) == [["pattern": "orders.*", "queue": "q"]])
            #expect(try await server.send(.DELETE, path).json["changed"] as? Bool == true)
            _ = try await self.publish("orders.paid", ["two"], server)
            let messages = try await server.post("/v1/queues/q/receive", #"{"max":9}"#).messages
            #expect(messages.map { $0["body"] as? String } == ["one"])
        }
    }

    @Test func `a retention is declared, shown with what is kept, and taken back`() async throws {
        try await withServer { server in
            let kept = try await server.send(.PUT, "/v1/topics/t.%23/retention", #"{"retention_ms":3600000}"#)
            #expect(kept.status == 200)
            #expect(kept.integer("retention_bytes") == 1 << 30)
            _ = try await self.publish("t.a", ["one"], server)
            let shown = try await server.send(.GET, "/v1/topics")
            let record = try #require((shown.json["retentions"] as? [[String: Any]])?.first)
            #expect(record["pattern"] as? String == "t.#")
            #expect(record["messages"] as? Int == 1)
            #expect(try await server.send(.DELETE, "/v1/topics/t.%23/retention").status == 200)
            let rest = try await server.send(.GET, "/v1/topics").json["retentions"] as? [Any]
            #expect(rest?.isEmpty == true)
            for body in ["{}", #"{"retention_ms":999}"#, #"{"retention_ms":1000,"retention_bytes":0}"#] {
                #expect(try await server.send(.PUT, "/v1/topics/t/retention", body).status == 400, "\(body)")
            }
        }
    }

    @Test func `streams are bounded in number, and end when their reader goes away and on shutdown`() async throws {
        try await withServer {
            $0.limits.streams = 1
        } _: { server in
            let first = try await self.follow("t/events", server)
            #expect(try await server.send(.GET, "/v1/topics/t/events").code == "too_many_streams")
            try await first.close()
            try await eventually("the place is free") {
                try await server.send(.GET, "/metrics").text.contains("colony_topic_streams 0\n")
            }
            let second = try await self.follow("t/events", server)
            await server.stop()
            try await eventually("the stream ends") { second.isClosed }
        }
    }

    @Test func `a token follows and publishes only topics that it is for`() async throws {
        try await withServer {
            $0.tokens = [AccessToken(name: "worker", token: "work", scopes: [.write], prefixes: ["orders"])]
        } _: { server async throws in
            func status(_ verb: TestServer.Verb, _ path: String, _ body: String?) async throws -> Int {
                try await server.send(verb, path, body, headers: ["Authorization": "Bearer work"]).status
            }
            let body = #"{"messages":[{"body":"a"}]}"#
            #expect(try await status(.POST, "/v1/topics/orders.paid/publish", body) == 200)
            #expect(try await status(.POST, "/v1/topics/mail/publish", body) == 403)
            #expect(try await status(.GET, "/v1/topics/%23/events", nil) == 403)
            #expect(try await status(.PUT, "/v1/topics/orders/subscriptions/mail", nil) == 403)
            #expect(try await status(.PUT, "/v1/topics/orders/retention", #"{"retention_ms":1000}"#) == 403)
        }
    }
}
