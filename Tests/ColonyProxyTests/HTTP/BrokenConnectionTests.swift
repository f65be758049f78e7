import ColonyBalancing
import ColonyProxy
import Testing

@Suite("The proxy when connections break", .timeLimit(.minutes(3)))
struct BrokenConnectionTests {
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
}
