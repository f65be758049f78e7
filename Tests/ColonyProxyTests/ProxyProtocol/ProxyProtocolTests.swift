import ColonyProxy
import NIOCore
import Testing

@Suite("The PROXY protocol", .timeLimit(.minutes(2)))
struct ProxyProtocolTests {
    private static let loopback = "127.0.0.0/8"

    private static func reading(_ text: String) -> (ProxyProtocolHeader.Reading, rest: String) {
        var buffer = ByteBuffer(string: text)
        let reading = ProxyProtocolHeader.read(from: &buffer)
        return (reading, String(buffer: buffer))
    }

    @Test("a line is read to its end, and what follows is left")
    func readsLines() throws {
        let (reading, rest) = Self.reading("PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\nGET")
        let route = ProxyProtocolHeader.Route(
            client: try SocketAddress(ipAddress: "192.0.2.1", port: 4_000),
            destination: try SocketAddress(ipAddress: "192.0.2.2", port: 80))
        #expect(reading == .header(ProxyProtocolHeader(route: route)))
        #expect(rest == "GET")
        #expect(Self.reading("PROXY UNKNOWN what ever\r\n").0 == .header(ProxyProtocolHeader(route: nil)))
    }

    @Test("each beginning of a header asks for more", arguments: [ProxyProtocolOptions.Version.one, .two])
    func beginnings(version: ProxyProtocolOptions.Version) throws {
        let header = ProxyProtocolHeader(
            route: .init(
                client: try SocketAddress(ipAddress: "2001:db8::1", port: 65_535),
                destination: try SocketAddress(ipAddress: "2001:db8::2", port: 443)))
        var whole = ByteBuffer()
        header.write(version, to: &whole)
        for count in 0..<whole.readableBytes {
            var part = ByteBuffer(bytes: whole.readableBytesView.prefix(count))
            #expect(ProxyProtocolHeader.read(from: &part) == .incomplete, "after \(count) bytes")
            #expect(part.readableBytes == count)
        }
        #expect(ProxyProtocolHeader.read(from: &whole) == .header(header))
        #expect(whole.readableBytes == 0)
    }

    @Test(
        "what is no header is refused",
        arguments: [
            "GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            "PROXY TCP4 ::1 ::1 1 1\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
            "\r\n\r\n\0\r\nQUIX\n\u{21}\u{11}\0\u{c}",
            "\r\n\r\n\0\r\nQUIT\n\u{11}\u{11}\0\u{c}", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\0\u{b}12345678901",
            "PROXY TCP4 \(String(repeating: "1", count: 120))",
        ])
    func refuses(text: String) {
        #expect(Self.reading(text).0 == .invalid)
    }

    @Test(
        "clients behind a trusted balancer are told to endpoints", arguments: [ProxyProtocolOptions.Version.one, .two])
    func passesOn(version: ProxyProtocolOptions.Version) async throws {
        let endpoint = try await TestServer.start()
        let rules = ProxyProtocolOptions(accepts: try TrustedSources([Self.loopback]), sends: version)
        try await withProxy(to: [endpoint.port], proxyProtocol: rules, mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            let header = ProxyProtocolHeader(
                route: .init(
                    client: try SocketAddress(ipAddress: "203.0.113.9", port: 4_711),
                    destination: try SocketAddress(ipAddress: "203.0.113.1", port: 443)))
            var bytes = ByteBuffer()
            header.write(version, to: &bytes)
            let whole = Array(bytes.readableBytesView)
            // In two pieces, and with the first bytes of the connection behind it.
            try await client.send(Array(whole.prefix(9)))
            try await client.send(Array(whole.dropFirst(9)) + Array("hello".utf8))
            let server = try await endpoint.connection()
            #expect(try await server.receive(whole.count) == whole)
            #expect(try await server.receiveText(5) == "hello")
            try await server.send("world")
            #expect(try await client.receiveText(5) == "world")
        }
    }

    @Test("a header from somebody who is not trusted is a part of the bytes")
    func untrusted() async throws {
        let endpoint = try await TestServer.start()
        let rules = ProxyProtocolOptions(accepts: try TrustedSources(["192.0.2.0/24"]))
        try await withProxy(to: [endpoint.port], proxyProtocol: rules, mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n")
            let server = try await endpoint.connection()
            #expect(try await server.receiveText(32) == "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n")
        }
    }

    @Test("a trusted balancer whose header is bad or does not come is cut off, and no endpoint hears of it")
    func badHeader() async throws {
        let endpoint = try await TestServer.start()
        let rules = ProxyProtocolOptions(accepts: try TrustedSources([Self.loopback]))
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(requestHead: .milliseconds(50)), proxyProtocol: rules,
            mode: .tcp
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send("GET / HTTP/1.1\r\n")
            try await client.waitForEnd()
            let silent = try await TestConnection.open(port: proxy.port)
            try await silent.waitForEnd()
            #expect(endpoint.count == 0)
        }
    }

    @Test("addresses are in ranges bit by bit")
    func ranges() throws {
        let sources = try TrustedSources(["10.0.0.0/8", "192.0.2.7", "2001:db8::/33", "fd00::/8"])
        for address in ["10.255.0.1", "192.0.2.7", "2001:db8:7fff::1", "fdff::1", "::ffff:10.1.2.3"] {
            #expect(sources.contains(NetworkAddress(address)), "\(address)")
        }
        for address in ["11.0.0.1", "192.0.2.8", "2001:db8:8000::1", "fc00::1", "::ffff:11.1.2.3", "::10.1.2.3"] {
            #expect(!sources.contains(NetworkAddress(address)), "\(address)")
        }
        #expect(try TrustedSources(["0.0.0.0/0"]).contains(NetworkAddress("1.2.3.4")))
        #expect(!TrustedSources.none.contains(NetworkAddress("127.0.0.1")))
        for text in ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0", "::/129", "example.org", ""] {
            let error = #expect(throws: ProxyError.self) { try TrustedSources([text]) }
            #expect(error?.code == .invalidConfiguration)
        }
    }
}
