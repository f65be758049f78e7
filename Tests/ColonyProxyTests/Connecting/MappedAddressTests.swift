import ColonyBalancing
import ColonyProxy
import Testing

@Suite("Clients of IPv4 that are seen with addresses of IPv6", .timeLimit(.minutes(3)))
struct MappedAddressTests {
    private static let line = "PROXY TCP6 ::ffff:203.0.113.9 ::ffff:203.0.113.1 4711 80\r\n"

    @Test("endpoints and logs are told the address of IPv4")
    func told() async throws {
        let endpoint = try await TestServer.start()
        let rules = ProxyProtocolOptions(accepts: try TrustedSources(["127.0.0.1"]))
        let (log, entries) = AccessLog.stream()
        try await withProxy(
            to: [endpoint.port], forwarding: ForwardingOptions(sendsForwarded: true), proxyProtocol: rules,
            accessLog: log, mode: .http
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.line + HTTPRelayTests.request())
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.contains("\r\nX-Forwarded-For: 203.0.113.9\r\n"))
            #expect(head.contains("\r\nForwarded: for=203.0.113.9;"))
            try await server.send(HTTPRelayTests.answer("ok"))
            _ = try await client.receiveText(through: "ok")
            var seen = entries.makeAsyncIterator()
            #expect(await seen.next()?.client == "203.0.113.9")
        }
    }

    @Test("the PROXY protocol tells the addresses of IPv4", arguments: [Self.line, "PROXY TCP6 ::1 ::2 3 4\r\n"])
    func sent(line: String) async throws {
        let endpoint = try await TestServer.start()
        let rules = ProxyProtocolOptions(accepts: try TrustedSources(["127.0.0.1"]), sends: .one)
        try await withProxy(to: [endpoint.port], proxyProtocol: rules, mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(line)
            let server = try await endpoint.connection()
            #expect(
                try await server.receiveText(through: "\r\n")
                    == (line == Self.line ? "PROXY TCP4 203.0.113.9 203.0.113.1 4711 80\r\n" : line))
        }
    }

    @Test("a socket for both versions knows clients of IPv4 by their addresses")
    func bothVersions() async throws {
        let endpoint = try await TestServer.start()
        do {
            try await withProxy(to: [endpoint.port], listen: "::", mode: .http) { proxy in
                let client = try await TestConnection.open(port: proxy.port)
                try await client.send(HTTPRelayTests.request())
                let server = try await endpoint.connection()
                let head = try await server.receiveText(through: "\r\n\r\n")
                #expect(head.contains("\r\nX-Forwarded-For: 127.0.0.1\r\n"))
            }
        } catch let error as ProxyError where error.code == .cannotListen {
            print("skipped: this host has no IPv6")
        }
    }
}
