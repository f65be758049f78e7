import ColonyCore
import ColonyMemory
import ColonyServer
import Testing

@Suite("Requests that wait")
struct WaitingTests {
    private func waiterCount(_ server: TestServer, _ name: String) async throws -> Int? {
        let record = try await server.send(.GET, "/v1/locks/\(name)")
        return (record.json["waiters"] as? [[String: Any]])?.count
    }

    @Test("A client that goes away leaves the queue at once and gets nothing")
    func clientGoesAway() async throws {
        try await withServer { server in
            _ = try await server.post("/v1/locks/x/acquire", #"{"owner":"holder","ttl_ms":60000}"#)
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                RawConnection.post("/v1/locks/x/acquire", #"{"owner":"gone","ttl_ms":60000,"wait_ms":60000}"#))
            try await eventually("it waits") { try await self.waiterCount(server, "x") == 1 }
            try await connection.close()
            try await eventually("it has left the queue") { try await self.waiterCount(server, "x") == 0 }
            _ = try await server.post("/v1/locks/x/release", #"{"owner":"holder"}"#)
            #expect(try await server.send(.GET, "/v1/locks/x").status == 404, "nothing is held")
        }
    }

    @Test("A lock that is granted at the moment its client goes away is not left held")
    func grantMeetsDisconnect() async throws {
        try await withServer { server in
            for round in 0..<30 {
                let name = "r\(round)"
                _ = try await server.post("/v1/locks/\(name)/acquire", #"{"owner":"holder","ttl_ms":60000}"#)
                let connection = try await RawConnection.open(port: server.port)
                try await connection.send(
                    RawConnection.post("/v1/locks/\(name)/acquire", #"{"owner":"gone","ttl_ms":60000,"wait_ms":60000}"#)
                )
                try await eventually("it waits") { try await self.waiterCount(server, name) == 1 }
                // The daemon learns of the two events in this order, but on different threads.
                try await connection.close()
                _ = try await server.post("/v1/locks/\(name)/release", #"{"owner":"holder"}"#)
                try await eventually("nothing is held") {
                    try await server.send(.GET, "/v1/locks/\(name)").status == 404
                }
            }
        }
    }

    @Test("A long poll ends when its client goes away")
    func longPollEnds() async throws {
        try await withServer {
            $0.limits.waiters = 1
        } _: { server in
            let granted = try await server.post("/v1/locks/x/acquire", #"{"owner":"holder","ttl_ms":60000}"#)
            let token = try #require(granted.integer("token"))
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "GET /v1/locks/x?wait_ms=60000&token=\(token) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("the only place is taken") {
                try await server.send(.GET, "/metrics").text.contains("colony_lock_waiters 1\n")
            }
            #expect(try await server.send(.GET, "/v1/locks/x?wait_ms=1&token=\(token)").code == "too_many_waiters")
            try await connection.close()
            try await eventually("the place is free") {
                try await server.send(.GET, "/v1/locks/x?wait_ms=1&token=\(token)").status == 200
            }
        }
    }

    @Test("No more may wait than the limits say, for one name and in all")
    func limits() async throws {
        try await withServer {
            $0.limits.waiters = 2
            $0.limits.waitersPerName = 1
        } _: { server in
            for name in ["a", "b", "c"] {
                _ = try await server.post("/v1/locks/\(name)/acquire", #"{"owner":"holder","ttl_ms":60000}"#)
            }
            let first = try await RawConnection.open(port: server.port)
            try await first.send(
                RawConnection.post("/v1/locks/a/acquire", #"{"owner":"w","ttl_ms":1000,"wait_ms":60000}"#))
            try await eventually("it waits") { try await self.waiterCount(server, "a") == 1 }
            let perName = try await server.post("/v1/locks/a/acquire", #"{"owner":"v","ttl_ms":1000,"wait_ms":60000}"#)
            #expect(perName.status == 429)
            #expect(perName.code == "too_many_waiters")
            #expect(perName.headers["retry-after"] == "1")
            #expect(perName.detail.contains(#""a""#))
            let second = try await RawConnection.open(port: server.port)
            try await second.send(
                RawConnection.post("/v1/locks/b/acquire", #"{"owner":"w","ttl_ms":1000,"wait_ms":60000}"#))
            try await eventually("it waits") { try await self.waiterCount(server, "b") == 1 }
            let total = try await server.post("/v1/locks/c/acquire", #"{"owner":"v","ttl_ms":1000,"wait_ms":60000}"#)
            #expect(total.code == "too_many_waiters")
            try await first.close()
            try await second.close()
        }
    }

    @Test("On shutdown those who wait are told to come back, and what runs finishes")
    func drain() async throws {
        let engine = MemoryLeaseEngine()
        try await withServer(engine: engine) { server in
            _ = try await server.post("/v1/locks/d/acquire", #"{"owner":"holder","ttl_ms":60000}"#)
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                RawConnection.post("/v1/locks/d/acquire", #"{"owner":"w","ttl_ms":60000,"wait_ms":60000}"#))
            try await eventually("it waits") { try await self.waiterCount(server, "d") == 1 }
            await server.stop()
            try await eventually("the answer comes") { connection.text.contains("HTTP/1.1 503") }
            #expect(connection.text.contains(#""code":"draining""#))
            #expect(connection.text.lowercased().contains("retry-after: 1"))
            try await eventually("the connection ends") { connection.isClosed }
            #expect(try await engine.inspect("d")?.owner == "holder")
        }
    }

    @Test("Without the queue a request is refused at once")
    func withoutQueue() async throws {
        try await withServer { server in
            _ = try await server.post("/v1/locks/q/acquire", #"{"owner":"holder","ttl_ms":60000}"#)
            let reply = try await server.post("/v1/locks/q/acquire", #"{"owner":"o","ttl_ms":1000,"queue":false}"#)
            #expect(reply.code == "held")
        }
    }
}
