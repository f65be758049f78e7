import ColonyProxy
import NIOCore
import Testing

@Suite("TLS with endpoints", .timeLimit(.minutes(3)), .enabled(if: TestCertificates.isAvailable))
struct UpstreamTLSTests {
    @Test(
        "requests go over TLS, on a connection that is kept, for a name or for the numeric address of the certificate")
    func speaksTLS() async throws {
        let certificates = try await TestCertificates()
        let named = try await certificates.issue("named", for: "DNS:inner.example")
        let numeric = try await certificates.issue("numeric", for: "IP:127.0.0.1")
        for (files, name) in [(named, "inner.example"), (numeric, nil)] as [(TestCertificates.Files, String?)] {
            let endpoint = try await TestServer.start(tls: TestCertificates.server(files))
            try await withProxy(
                to: [endpoint.port],
                upstreamTLS: UpstreamTLS(serverName: name, trustRootsFile: certificates.root), mode: .http
            ) { proxy in
                let client = try await TestConnection.open(port: proxy.port)
                for number in 0..<3 {
                    try await client.send(HTTPRelayTests.request("GET", "/\(number)"))
                    let server = try await endpoint.connection()
                    #expect(try await server.receiveText(through: "\r\n\r\n").hasPrefix("GET /\(number) "))
                    try await server.send(HTTPRelayTests.answer("body \(number)"))
                    #expect(try await client.receiveText(through: "body \(number)").hasPrefix("HTTP/1.1 200 "))
                }
                #expect(endpoint.count == 1)
                #expect(await proxy.server.statistics().endpoints.first?.connections == 1)
            }
        }
    }

    @Test(
        "an endpoint whose certificate is for another name, or of another authority, gets no request, unless nobody looks"
    )
    func verifies() async throws {
        let certificates = try await TestCertificates()
        let others = try await TestCertificates()
        let files = try await certificates.issue("named", for: "DNS:inner.example")
        let refused: [UpstreamTLS] = [
            try UpstreamTLS(serverName: "other.example", trustRootsFile: certificates.root),
            try UpstreamTLS(serverName: "inner.example", trustRootsFile: others.root),
            try UpstreamTLS(serverName: "inner.example"),
            try UpstreamTLS(trustRootsFile: certificates.root),
        ]
        let endpoint = try await TestServer.start(tls: TestCertificates.server(files))
        for tls in refused {
            try await withProxy(to: [endpoint.port], upstreamTLS: tls, mode: .http) { proxy in
                let client = try await TestConnection.open(port: proxy.port)
                try await client.send(HTTPRelayTests.request())
                #expect(try await client.receiveText(through: "\r\n\r\n").hasPrefix("HTTP/1.1 502 "))
                #expect(await proxy.server.statistics().endpoints.first?.failedConnections == 1)
            }
        }
        let before = endpoint.count
        try await withProxy(to: [endpoint.port], upstreamTLS: UpstreamTLS(verification: .none), mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(HTTPRelayTests.request())
            let server = try await endpoint.connection(before)
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(HTTPRelayTests.answer("taken"))
            #expect(try await client.receiveText(through: "taken").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("an endpoint that takes the connection and never ends the handshake costs no more than the time to connect")
    func handshakeDeadline() async throws {
        let certificates = try await TestCertificates()
        let silent = try await TestServer.start()
        try await withProxy(
            to: [silent.port], timeouts: ProxyTimeouts(connect: .milliseconds(200)),
            upstreamTLS: UpstreamTLS(trustRootsFile: certificates.root), mode: .http
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(HTTPRelayTests.request())
            #expect(try await client.receiveText(through: "\r\n\r\n").hasPrefix("HTTP/1.1 504 "))
            try await silent.connection().waitForEnd()
        }
    }

    @Test("an answer without a length is whole if TLS says goodbye, and broken if only the connection ends")
    func seesTruncation() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("numeric", for: "IP:127.0.0.1")
        let endpoint = try await TestServer.start(tls: TestCertificates.server(files))
        try await withProxy(
            to: [endpoint.port], upstreamTLS: UpstreamTLS(trustRootsFile: certificates.root), mode: .http
        ) { proxy in
            for isWhole in [true, false] {
                let before = endpoint.count
                let client = try await TestConnection.open(port: proxy.port)
                try await client.send(HTTPRelayTests.request())
                let server = try await endpoint.connection(before)
                _ = try await server.receiveText(through: "\r\n\r\n")
                try await server.send("HTTP/1.1 200 OK\r\n\r\nto the end")
                _ = try await client.receiveText(through: "to the end")
                if isWhole { await server.close() } else { try await server.cut() }
                try await client.waitForEnd()
                #expect(client.inbox.contents.isBroken == !isWhole)
            }
            #expect(await proxy.server.statistics().traffic.brokenAnswers == 1)
        }
    }

    @Test("an answer without a length that comes in one piece with the goodbye is whole")
    func wholeInOnePiece() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("numeric", for: "IP:127.0.0.1")
        let endpoint = try await TestServer.start(tls: TestCertificates.server(files))
        try await withProxy(
            to: [endpoint.port], upstreamTLS: UpstreamTLS(trustRootsFile: certificates.root), mode: .http
        ) { proxy in
            for number in 0..<10 {
                let client = try await TestConnection.open(port: proxy.port)
                try await client.send(HTTPRelayTests.request())
                let server = try await endpoint.connection(number)
                _ = try await server.receiveText(through: "\r\n\r\n")
                let channel = server.channel
                try await channel.eventLoop.submit {
                    channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\nto the end"), promise: nil)
                    channel.close(promise: nil)
                }.get()
                try await client.waitForEnd()
                #expect(client.text.hasSuffix("to the end"))
                #expect(!client.inbox.contents.isBroken)
            }
            #expect(await proxy.server.statistics().traffic.brokenAnswers == 0)
        }
    }

    @Test("in TCP mode there is none, and that is said")
    func refusesTCPMode() async throws {
        await #expect(throws: ProxyError.self) {
            try await withProxy(to: [1], upstreamTLS: UpstreamTLS(verification: .none), mode: .tcp) { _ in }
        }
    }
}
