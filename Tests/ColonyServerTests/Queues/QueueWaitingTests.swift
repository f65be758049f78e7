import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonyServer
import Testing

/// Requests that wait for messages, for room, and for changes, and what becomes of what they are given.
@Suite("Waiting for queues", .timeLimit(.minutes(2)))
struct QueueWaitingTests {
    private func waiters(_ count: Int, _ server: TestServer) async throws {
        try await eventually("\(count) requests wait") {
            try await server.send(.GET, "/metrics").text.contains("colony_queue_waiters \(count)\n")
        }
    }

    private func open(_ server: TestServer, _ path: String, _ body: String) async throws -> RawConnection {
        let connection = try await RawConnection.open(port: server.port)
        try await connection.send(RawConnection.post("/v1/queues/q/\(path)", body))
        return connection
    }

    @Test func `a receive that waits is given the message that comes`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let consumer = try await self.open(server, "receive", #"{"wait_ms":60000,"lease_ms":60000}"#)
            try await self.waiters(1, server)
            _ = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"hello"}]}"#)
            try await eventually("it is delivered") { consumer.text.contains(#""body":"hello""#) }
            #expect(consumer.text.contains(#""waited_ms":"#))
            try await self.waiters(0, server)
        }
    }

    @Test func `a wait for nothing ends at its time with nothing`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let reply = try await server.post("/v1/queues/q/receive", #"{"wait_ms":30}"#)
            #expect(reply.status == 200)
            #expect(reply.messages.isEmpty)
            let before = try #require(try await server.send(.GET, "/v1/queues/q/changes").integer("changes"))
            let after = try await server.send(.GET, "/v1/queues/q/changes?since=\(before)&wait_ms=30")
            #expect(after.integer("changes") == before)
        }
    }

    @Test func `a publisher that waits is let in when there is room`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q", #"{"capacity":1}"#)
            _ = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"first"}]}"#)
            let publisher = try await self.open(
                server, "messages", #"{"messages":[{"body":"second"}],"wait_ms":60000}"#)
            try await self.waiters(1, server)
            let receipt = try #require(
                try await server.post("/v1/queues/q/receive", "{}").messages.first?["receipt"] as? String)
            _ = try await server.post("/v1/queues/q/settle", #"{"ack":["\#(receipt)"]}"#)
            try await eventually("it is stored") { publisher.text.contains(#""durability":"memory""#) }
            #expect(publisher.text.contains("HTTP/1.1 200"))
        }
    }

    @Test func `a publisher that waits in vain is told what was stored and what was not`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q", #"{"capacity":2}"#)
            let some = try await server.post(
                "/v1/queues/q/messages", #"{"messages":[{"body":"1"},{"body":"2"},{"body":"3"}],"wait_ms":30}"#)
            #expect(some.list?.map { $0["code"] as? String } == [nil, nil, "full"])
            let none = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"4"}],"wait_ms":30}"#)
            #expect(none.code == "queue_full")
        }
    }

    @Test func `a consumer that goes away while it waits takes nothing along`() async throws {
        try await withServer { server in
            for round in 0..<20 {
                _ = try await server.send(.PUT, "/v1/queues/q")
                let consumer = try await self.open(server, "receive", #"{"wait_ms":60000,"lease_ms":60000}"#)
                try await self.waiters(1, server)
                // The daemon learns of the two events in this order, but on different threads.
                try await consumer.close()
                _ = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"\#(round)"}]}"#)
                try await self.waiters(0, server)
                var messages: [[String: Any]] = []
                try await eventually("the message is there") {
                    messages = try await server.post("/v1/queues/q/receive", #"{"lease_ms":60000}"#).messages
                    return !messages.isEmpty
                }
                #expect(messages[0]["attempt"] as? Int == 1, "an attempt that nobody made is not counted")
                let receipt = try #require(messages[0]["receipt"] as? String)
                _ = try await server.post("/v1/queues/q/settle", #"{"ack":["\#(receipt)"]}"#)
            }
        }
    }

    @Test func `no more may wait than the limits say`() async throws {
        try await withServer {
            $0.limits.waitersPerName = 1
        } _: { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let first = try await self.open(server, "receive", #"{"wait_ms":60000}"#)
            try await self.waiters(1, server)
            let second = try await server.post("/v1/queues/q/receive", #"{"wait_ms":60000}"#)
            #expect(second.status == 429)
            #expect(second.code == "too_many_waiters")
            #expect(try await server.post("/v1/queues/q/receive", "{}").status == 200, "without a wait it is free")
            try await first.close()
            try await self.waiters(0, server)
        }
    }

    @Test func `on shutdown every wait ends with an answer, and no message is lost`() async throws {
        let queues = MemoryQueueEngine()
        try await withServer(queues: queues) { server in
            _ = try await server.send(.PUT, "/v1/queues/q", #"{"capacity":1}"#)
            _ = try await server.send(.PUT, "/v1/queues/empty")
            _ = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"kept","delay_ms":3600000}]}"#)
            let publisher = try await self.open(server, "messages", #"{"messages":[{"body":"x"}],"wait_ms":60000}"#)
            let consumer = try await self.open(server, "receive", #"{"wait_ms":60000}"#)
            let watcher = try await RawConnection.open(port: server.port)
            try await watcher.send(
                "GET /v1/queues/empty/changes?since=0&wait_ms=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await self.waiters(3, server)
            await server.stop()
            for connection in [publisher, consumer, watcher] {
                try await eventually("an answer comes") { connection.text.contains("HTTP/1.1 503") }
                #expect(connection.text.contains(#""code":"draining""#))
                try await eventually("the connection ends") { connection.isClosed }
            }
            let statistics = try await queues.inspect("q")?.statistics
            #expect(statistics?.delayed == 1)
            #expect(statistics?.leased == 0)
        }
    }
}
