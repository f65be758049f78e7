import ColonyProxy
import NIOCore
import Testing

@Suite("TLS with clients", .timeLimit(.minutes(3)), .enabled(if: TestCertificates.isAvailable))
struct ClientTLSTests {
    @Test(
        "curl gets an answer in the version of HTTP that it asks for, and the endpoint hears of https",
        arguments: [("--http2", "2"), ("--http1.1", "1.1"), ("--tlsv1.3", "2")])
    func answersCurl(_ option: String, _ version: String) async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], forwarding: ForwardingOptions(sendsForwarded: true),
            tls: ProxyTLS([files.forProxy]), mode: .http
        ) { proxy in
            async let ended = Program.curl(
                certificates, proxy.port, [option, "-w", "|%{http_version}|%{http_code}", "-H", "X-A: b"],
                path: "/a?b=c")
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.hasPrefix("GET /a?b=c HTTP/1.1\r\nHost: example.org:\(proxy.port)\r\n"))
            #expect(head.contains("X-Forwarded-Proto: https\r\n"))
            #expect(head.contains("Forwarded: for=127.0.0.1;proto=https;"))
            #expect(head.lowercased().contains("\r\nx-a: b\r\n"))
            try await server.send(HTTPRelayTests.answer("hello"))
            let result = try await ended
            #expect(result.output == "hello|\(version)|200", "\(result.complaint)")
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.handshakes == 1)
            #expect(statistics.traffic.failedHandshakes == 0)
            #expect(statistics.traffic.requests == 1)
        }
    }

    @Test("without HTTP/2, a client that would like it gets HTTP/1.1")
    func withoutHTTP2() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("hello"))
        try await withProxy(
            to: [endpoint.port], tls: ProxyTLS([files.forProxy], offersHTTP2: false), mode: .http
        ) { proxy in
            let result = try await Program.curl(certificates, proxy.port, ["--http2", "-w", "|%{http_version}"])
            #expect(result.output == "hello|1.1", "\(result.complaint)")
        }
    }

    @Test("the certificate is that for the host of the handshake, and the first one for others")
    func choosesByName() async throws {
        let certificates = try await TestCertificates()
        let first = try await certificates.issue("first", for: "DNS:first.example,DNS:example.org")
        let wild = try await certificates.issue("wild", for: "DNS:*.Second.example")
        let exact = try await certificates.issue("exact", for: "DNS:exact.second.example")
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("hello"))
        let tls = try ProxyTLS([first.forProxy, wild.forProxy, exact.forProxy])
        #expect(tls.warnings.isEmpty)
        try await withProxy(to: [endpoint.port], tls: tls, mode: .http) { proxy in
            for host in ["first.example", "any.second.example", "exact.second.example", "example.org"] {
                let result = try await Program.curl(certificates, proxy.port, host: host, [])
                #expect(result.output == "hello", "\(host): \(result.complaint)")
            }
            let expected = [
                ("exact.second.example", "exact"), ("EXACT.second.example", "exact"), ("b.second.example", "wild"),
                ("a.b.second.example", "first"), ("other.example", "first"), ("second.example", "first"),
            ]
            for (host, subject) in expected {
                let result = try await Program.run(
                    "openssl", ["s_client", "-connect", "127.0.0.1:\(proxy.port)", "-servername", host])
                #expect(result.output.contains("subject=CN = \(subject)\n"), "\(host): \(result.output)")
            }
            let nameless = try await Program.run(
                "openssl", ["s_client", "-connect", "127.0.0.1:\(proxy.port)", "-noservername"])
            #expect(nameless.output.contains("subject=CN = first\n"))
        }
    }

    @Test(
        "versions of TLS below the oldest one are refused, and counted",
        arguments: [
            (ProxyTLS.Version.tls12, ["-tls1_2": true, "-tls1_3": true, "-tls1_1": false]),
            (.tls13, ["-tls1_2": false, "-tls1_3": true]),
        ])
    func refusesOldVersions(_ minimum: ProxyTLS.Version, _ expected: [String: Bool]) async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        try await withProxy(
            to: [1], tls: ProxyTLS([files.forProxy], minimumVersion: minimum), mode: .http
        ) { proxy in
            for (option, isTaken) in expected {
                let result = try await Program.run(
                    "openssl",
                    [
                        "s_client", "-connect", "127.0.0.1:\(proxy.port)", option, "-CAfile", certificates.root,
                        "-cipher", "DEFAULT@SECLEVEL=0", "-verify_return_error",
                    ])
                #expect((result.status == 0) == isTaken, "\(option): \(result.output) \(result.complaint)")
            }
            let refused = UInt64(expected.values.count { !$0 })
            try await eventually("the failed handshakes counted") {
                await proxy.server.statistics().traffic.failedHandshakes == refused
            }
            #expect(await proxy.server.statistics().traffic.handshakes == UInt64(expected.count) - refused)
        }
    }

    @Test("a client that does not end its handshake is closed in the time for a head")
    func handshakeDeadline() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        try await withProxy(
            to: [1], timeouts: ProxyTimeouts(requestHead: .milliseconds(500)), tls: ProxyTLS([files.forProxy]),
            mode: .http
        ) { proxy in
            let silent = try await TestConnection.open(port: proxy.port)
            try await silent.waitForEnd()
            let slow = try await TestConnection.open(port: proxy.port)
            try? await slow.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
            try await slow.waitForEnd()
            let plain = try await TestConnection.open(port: proxy.port)
            try? await plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await plain.waitForEnd()
            try await eventually("three failed handshakes and no connection") {
                let traffic = await proxy.server.statistics().traffic
                return traffic.failedHandshakes == 3 && traffic.activeConnections == 0
            }
            #expect(await proxy.server.statistics().traffic.timeouts >= 2)
        }
    }

    @Test("where clients need a certificate, one without or with another one gets no answer")
    func clientCertificates() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let mine = try await certificates.issue("client", for: "DNS:client.example")
        let others = try await TestCertificates()
        let foreign = try await others.issue("foreign", for: "DNS:client.example")
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("hello"))
        try await withProxy(
            to: [endpoint.port], tls: ProxyTLS([files.forProxy], clientTrustRootsFile: certificates.root), mode: .http
        ) { proxy in
            let good = try await Program.curl(certificates, proxy.port, ["--cert", mine.chain, "--key", mine.key])
            #expect(good.output == "hello", "\(good.complaint)")
            let without = try await Program.curl(certificates, proxy.port, [])
            #expect(without.status != 0 && without.output.isEmpty)
            let wrong = try await Program.curl(
                certificates, proxy.port, ["--cert", foreign.chain, "--key", foreign.key])
            #expect(wrong.status != 0 && wrong.output.isEmpty)
            #expect(endpoint.count == 1)
        }
    }

    @Test(
        "the header of the PROXY protocol comes before the handshake, and its client is the one that endpoints hear of")
    func afterProxyHeader() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], proxyProtocol: ProxyProtocolOptions(accepts: TrustedSources(["127.0.0.1"])),
            tls: ProxyTLS([files.forProxy]), mode: .http
        ) { proxy in
            let client = try await TestConnection.open(
                port: proxy.port, tls: certificates.client(), before: "PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n")
            try await client.send(HTTPRelayTests.request())
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.contains("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"))
            try await server.send(HTTPRelayTests.answer("hello"))
            #expect(try await client.receiveText(through: "hello").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("in TCP mode TLS ends at the proxy, and no version of HTTP is agreed on")
    func endsTLSInTCPMode() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], tls: ProxyTLS([files.forProxy]), mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port, tls: certificates.client(protocols: ["h2"]))
            try await client.send("ping")
            let server = try await endpoint.connection()
            #expect(try await server.receiveText(4) == "ping")
            try await server.send("pong")
            #expect(try await client.receiveText(4) == "pong")
            await server.close()
            try await client.waitForEnd()
            #expect(!client.inbox.contents.isBroken)
        }
    }

    @Test("an answer that breaks off breaks off for a client in TLS too, without a goodbye")
    func brokenAnswer() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], tls: ProxyTLS([files.forProxy]), mode: .http) { proxy in
            for (number, head) in ["Content-Length: 100\r\n", "Connection: close\r\n"].enumerated() {
                let client = try await TestConnection.open(port: proxy.port, tls: certificates.client())
                try await client.send(HTTPRelayTests.request())
                let server = try await endpoint.connection(number)
                _ = try await server.receiveText(through: "\r\n\r\n")
                try await server.send("HTTP/1.1 200 OK\r\n\(head)\r\nhalf")
                _ = try await client.receiveText(through: "half")
                try await server.reset()
                try await client.waitForEnd()
                #expect(client.inbox.contents.isBroken)
            }
            #expect(await proxy.server.statistics().traffic.brokenAnswers == 2)
        }
    }

    @Test("a large answer without a length is whole for a client in TLS that is slow to read, and ends with a goodbye")
    func largeAnswer() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], tls: ProxyTLS([files.forProxy]), mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port, tls: certificates.client())
            try await client.send(HTTPRelayTests.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await client.channel.setOption(.autoRead, value: false).get()
            let size = 5 << 20
            server.sendLater(Array("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".utf8))
            server.sendLater([UInt8](repeating: 7, count: size))
            async let end: Void = server.endOutput()
            try await client.startReading()
            try await client.waitForEnd()
            try await end
            let contents = client.inbox.contents
            #expect(!contents.isBroken)
            #expect(contents.bytes.count { $0 == 7 } == size)
        }
    }
}
