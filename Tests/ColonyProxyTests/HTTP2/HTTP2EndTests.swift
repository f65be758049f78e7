import ColonyProxy
import NIOCore
import Testing

@Suite("How HTTP/2 ends", .timeLimit(.minutes(3)), .enabled(if: TestCertificates.isAvailable))
struct HTTP2EndTests {
    @Test("a client whose socket takes nothing loses its connection, and nothing of its streams is left")
    func takesNothing() async throws {
        let timeouts = ProxyTimeouts(clientIdle: .seconds(2))
        try await HTTP2RelayTests.with(timeouts: timeouts) { proxy, endpoint, certificates in
            // Windows are no reason for the proxy to wait.
            let client = try await HTTP2Wire.open(certificates, port: proxy.port, settings: [(4, 0x7FFF_FFFF)])
            try await client.send(HTTP2Wire.Kind.windowUpdate, 0, 0, [0x7F, 0, 0, 0])
            try await client.request(1, HTTP2Wire.usual())
            let first = try await endpoint.connection()
            _ = try await first.receiveText(through: "\r\n\r\n")
            try await client.connection.channel.setOption(.autoRead, value: false).get()
            first.sendLater(Array("HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n".utf8))
            first.sendLater([UInt8](repeating: 7, count: 60_000_000))
            // Those that come when nothing is taken any more have nobody but the proxy to end them.
            for stream in [3, 5, 7] { try await client.request(stream, HTTP2Wire.usual()) }
            try await eventually("no connection and no load") {
                let traffic = await proxy.server.statistics().traffic
                return traffic.activeConnections == 0 && traffic.activeRequests == 0 && proxy.loads == 0
            }
            #expect(await proxy.server.statistics().traffic.timeouts >= 1)
        }
    }

    @Test("an answer to HEAD that is refused early has no body, and the connection goes on")
    func earlyHead() async throws {
        try await HTTP2RelayTests.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("HEAD", "/" + String(repeating: "a", count: 9_000)))
            let refused = try await client.answer(1)
            #expect(refused.status == "414")
            #expect(refused.body.isEmpty && refused.reset == nil)
            try await client.request(3, HTTP2Wire.usual())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(HTTPRelayTests.answer("two"))
            #expect(try await client.answer(3).text == "two")
        }
    }

    @Test("frames for a stream that never was end the connection, though another stream is under way")
    func unknownStreams() async throws {
        try await HTTP2RelayTests.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await client.send(HTTP2Wire.Kind.windowUpdate, 0, 999_999, [0, 0, 0, 1])
            try await client.connection.waitForEnd()
            try await eventually("no connection and no load") {
                await proxy.server.statistics().traffic.activeConnections == 0 && proxy.loads == 0
            }
        }
    }
}
