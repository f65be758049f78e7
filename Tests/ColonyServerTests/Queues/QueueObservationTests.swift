import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonyServer
import ColonySimulation
import Testing

/// What the metrics and the events tell of queues.
@Suite("Watching queues", .timeLimit(.minutes(1)))
struct QueueObservationTests {
    @Test func `the metrics tell how each queue stands and what has happened in it`() async throws {
        let (clock, wall) = (ManualClock(), ManualWallClock())
        let queues = MemoryQueueEngine(clock: clock, wallClock: wall)
        try await withServer(queues: queues, wallClock: wall) { server in
            _ = try await server.send(.PUT, "/v1/queues/q%22uoted", #"{"capacity":10}"#)
            _ = try await server.post(
                "/v1/queues/q%22uoted/messages",
                #"{"messages":[{"body":"1"},{"body":"2","delay_ms":60000},{"body":"3"},{"body":"4"}]}"#)
            let receipts = try await server.post("/v1/queues/q%22uoted/receive", #"{"max":2,"lease_ms":3600000}"#)
                .messages.compactMap { $0["receipt"] as? String }
            _ = try await server.post(
                "/v1/queues/q%22uoted/settle",
                #"{"ack":["\#(receipts[0])"],"reject":[{"receipt":"\#(receipts[1])","dead_letter":true}]}"#)
            wall.step(by: .seconds(30))
            let text = try await server.send(.GET, "/metrics").text
            for line in [
                #"colony_queue_published_total{queue="q\"uoted"} 4"#,
                #"colony_queue_delivered_total{queue="q\"uoted"} 2"#,
                #"colony_queue_acknowledged_total{queue="q\"uoted"} 1"#,
                #"colony_queue_messages{queue="q\"uoted",state="ready"} 1"#,
                #"colony_queue_messages{queue="q\"uoted",state="delayed"} 1"#,
                #"colony_queue_messages{queue="q\"uoted",state="dead"} 1"#,
                #"colony_queue_capacity{queue="q\"uoted"} 10"#,
                #"colony_queue_oldest_age_seconds{queue="q\"uoted"} 30"#,
                #"colony_queue_paused{queue="q\"uoted"} 0"#,
            ] {
                #expect(text.contains("\n\(line)\n"), "\(line)")
            }
            #expect(text.contains("# TYPE colony_queue_published_total counter\n"))
        }
    }

    @Test func `no more queues are told of than was set, and none that a token may not see`() async throws {
        try await withServer {
            $0.queues.measured = 2
            $0.tokens = [
                AccessToken(name: "admin", token: "admin", scopes: [.admin]),
                AccessToken(name: "b", token: "b", scopes: [.read], prefixes: ["b"]),
            ]
        } _: { server in
            for name in ["a", "b", "c"] {
                _ = try await server.send(.PUT, "/v1/queues/\(name)", nil, headers: ["Authorization": "Bearer admin"])
            }
            func measured(_ token: String) async throws -> [String] {
                let text = try await server.send(.GET, "/metrics", headers: ["Authorization": "Bearer \(token)"]).text
                return ["a", "b", "c"].filter { text.contains("colony_queue_bytes{queue=\"\($0)\"} 0\n") }
            }
            #expect(try await measured("admin") == ["a", "b"])
            #expect(try await measured("b") == ["b"])
        }
    }

    @Test func `the stream of events tells that queues have changed, and that locks have not`() async throws {
        try await withServer { server in
            let stream = try await RawConnection.open(port: server.port)
            try await stream.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            func count(_ subject: String) -> Int { stream.text.ranges(of: "event: \(subject)\n").count }
            try await eventually("the first events") { count("locks") == 2 && count("queues") == 1 }
            _ = try await server.send(.PUT, "/v1/queues/q")
            try await eventually("a queue has changed") { count("queues") == 2 }
            _ = try await server.send(.GET, "/v1/queues/q")
            _ = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"a"}]}"#)
            try await eventually("a message has come") { count("queues") == 3 }
            #expect(count("locks") == 2)
        }
    }
}
