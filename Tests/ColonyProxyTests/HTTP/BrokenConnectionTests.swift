import ColonyBalancing
import ColonyProxy
import Testing

@Suite("The proxy when connections break", .timeLimit(.minutes(3)))
struct BrokenConnectionTests {
    @Test("an answer without a length never looks whole if its connection breaks, also while the request is sent")
    func breaksWhileSending() async throws {
        let endpoint = try await TestServer.start()
        let chunk = Array("10000\r\n\(String(repeating: "a", count: 0x10000))\r\n".utf8)
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            // Whether the break is noticed by a read or by a write is a matter of chance.
            for round in 0..<30 {
                let client = try await TestConnection.open(port: proxy.port)
                try await client.send(HTTPRelayTests.request("POST", fields: "Transfer-Encoding: chunked\r\n"))
                for _ in 0..<100 { client.sendLater(chunk) }
                let server = try await endpoint.connection(round)
                try await server.send("HTTP/1.1 200 OK\r\n\r\npart")
                _ = try await client.receiveText(through: "part")
                try await server.reset()
                try await client.waitForEnd()
                #expect(client.inbox.contents.isBroken, "round \(round)")
            }
        }
    }

    @Test("after an upgrade a connection that breaks on one side breaks on the other, and does not end there")
    func tunnelBreaks() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            for breaksEndpoint in [true, false] {
                let client = try await TestConnection.open(port: proxy.port)
                let count = endpoint.count
                try await client.send(
                    HTTPRelayTests.request(fields: "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
                let server = try await endpoint.connection(count)
                _ = try await server.receiveText(through: "\r\n\r\n")
                try await server.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframe")
                _ = try await client.receiveText(through: "frame")
                let (breaking, other) = breaksEndpoint ? (server, client) : (client, server)
                try await breaking.reset()
                try await other.waitForEnd()
                #expect(other.inbox.contents.isBroken)
            }
        }
    }

    @Test("an answer is not held back if its connection passes on to a client that waited")
    func passesOn() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], pool: UpstreamPoolOptions(connections: 1, idleConnections: 1), mode: .http
        ) { proxy in
            let first = try await TestConnection.open(port: proxy.port)
            try await first.send(HTTPRelayTests.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            let second = try await TestConnection.open(port: proxy.port)
            try await second.send(HTTPRelayTests.request())
            try await eventually("a client that waits") {
                await proxy.server.statistics().endpoints.first?.waiting == 1
            }
            // The first answer fills what is read at once, so that the second one is read in the same round.
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\nX: "
            let fill = 2_048 - 2_000 - head.utf8.count - 4
            #expect(fill >= 0)
            let answer =
                head + String(repeating: "x", count: max(0, fill)) + "\r\n\r\n" + String(repeating: "a", count: 2_000)
            try await server.send(answer + HTTPRelayTests.answer("second"))
            #expect(try await second.receiveText(through: "second").hasPrefix("HTTP/1.1 200 "))
            #expect(try await first.receiveText(2_048) == answer)
            #expect(endpoint.count == 1)
        }
    }

    @Test("a connection that was opened for a client that left, and closes when it is used at last, is no failure")
    func restedUnused() async throws {
        let endpoint = try await TestServer.start()
        // Looking up a name takes the time in which a client can leave.
        try await withProxy(
            to: [endpoint.port], host: "localhost", retries: ProxyRetries(attempts: 1), mode: .http
        ) { proxy in
            try await eventually("a connection that rests unused") {
                if await proxy.server.statistics().endpoints.first?.idleConnections == 1 { return true }
                let leaving = try await TestConnection.open(port: proxy.port)
                try await leaving.send(HTTPRelayTests.request())
                await leaving.close()
                return false
            }
            try await eventually("no client") { await proxy.server.statistics().traffic.activeConnections == 0 }
            let client = try await TestConnection.open(port: proxy.port)
            let count = endpoint.count
            try await client.send(HTTPRelayTests.request("GET", "/used"))
            var used: TestConnection?
            try await eventually("a request on the connection that rested") {
                for index in 0..<count {
                    let server = try await endpoint.connection(index)
                    if server.text.contains("GET /used ") { used = server }
                }
                return used != nil
            }
            await used?.close()
            let fresh = try await endpoint.connection(count)
            _ = try await fresh.receiveText(through: "\r\n\r\n")
            try await fresh.send(HTTPRelayTests.answer("ok"))
            #expect(try await client.receiveText(through: "ok").hasPrefix("HTTP/1.1 200 "))
            #expect(await proxy.server.statistics().endpoints.first?.failures == 0)
        }
    }
}
