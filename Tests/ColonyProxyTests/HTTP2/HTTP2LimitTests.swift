import ColonyProxy
import NIOCore
import NIOHPACK
import Testing

@Suite("What HTTP/2 refuses", .timeLimit(.minutes(3)), .enabled(if: TestCertificates.isAvailable))
struct HTTP2LimitTests {
    /// What a client gets for a request, and what an endpoint that answers at once gets of it.
    struct Try: Sendable, CustomTestStringConvertible {
        let what: String
        let fields: [(String, String)]
        var ends = true
        var testDescription: String { self.what }
    }

    private static func with(_ changes: (inout [(String, String)]) -> Void) -> [(String, String)] {
        var fields = HTTP2Wire.usual()
        changes(&fields)
        return fields
    }

    private static func set(_ name: String, _ value: String) -> [(String, String)] {
        self.with { fields in
            for index in fields.indices where fields[index].0 == name { fields[index].1 = value }
        }
    }

    static let malformed: [Try] = [
        Try(what: "a line end in a value", fields: with { $0.append(("x-a", "b\r\nx-admin: 1")) }),
        Try(what: "a line feed in a value", fields: with { $0.append(("x-a", "b\nx-admin: 1")) }),
        Try(what: "a NUL in a value", fields: with { $0.append(("x-a", "b\0c")) }),
        Try(what: "a colon in a name", fields: with { $0.append(("x-a: b", "c")) }),
        Try(what: "a line end in a name", fields: with { $0.append(("x-a\r\nx-admin", "c")) }),
        Try(what: "a space in a name", fields: with { $0.append(("x a", "c")) }),
        Try(what: "capitals in a name", fields: with { $0.append(("X-A", "c")) }),
        Try(what: "an empty name", fields: with { $0.append(("", "c")) }),
        Try(what: "Transfer-Encoding", fields: with { $0.append(("transfer-encoding", "chunked")) }),
        Try(what: "Connection", fields: with { $0.append(("connection", "x-forwarded-for")) }),
        Try(what: "Upgrade", fields: with { $0.append(("upgrade", "h2c")) }),
        Try(what: "TE with something else", fields: with { $0.append(("te", "gzip")) }),
        Try(what: "a path with a line", fields: set(":path", "/ HTTP/1.1\r\nHost: evil\r\n\r\nGET /admin")),
        Try(what: "a path with a space", fields: set(":path", "/ HTTP/1.1")),
        Try(what: "a path without a slash", fields: set(":path", "admin")),
        Try(what: "a whole address as path", fields: set(":path", "http://evil/admin")),
        Try(what: "a path for a whole host", fields: set(":path", "*")),
        Try(what: "an empty path", fields: set(":path", "")),
        Try(what: "a method with a space", fields: set(":method", "GET /admin")),
        Try(what: "an empty method", fields: set(":method", "")),
        Try(what: "another scheme", fields: set(":scheme", "file")),
        Try(what: "a scheme with an address", fields: set(":scheme", "https://evil/?")),
        Try(what: "a user in the authority", fields: set(":authority", "example.org@evil")),
        Try(what: "an authority with a path", fields: set(":authority", "evil/x")),
        Try(what: "an authority with a comma", fields: set(":authority", "a,b")),
        Try(what: "another Host", fields: with { $0.append(("host", "evil")) }),
        Try(
            what: "two Hosts",
            fields: with { fields in
                fields.removeAll { $0.0 == ":authority" }
                fields += [("host", "a"), ("host", "b")]
            }),
        Try(what: "no host", fields: with { $0.removeAll { $0.0 == ":authority" } }),
        Try(what: "no path", fields: with { $0.removeAll { $0.0 == ":path" } }),
        Try(what: "no scheme", fields: with { $0.removeAll { $0.0 == ":scheme" } }),
        Try(what: "no method", fields: with { $0.removeAll { $0.0 == ":method" } }),
        Try(what: "a pseudo field twice", fields: with { $0.append((":path", "/b")) }),
        Try(what: "a pseudo field after others", fields: [("x-a", "b")] + HTTP2Wire.usual()),
        Try(what: "an unknown pseudo field", fields: with { $0.insert((":admin", "1"), at: 0) }),
        Try(what: "a status in a request", fields: with { $0.insert((":status", "200"), at: 0) }),
        Try(
            what: "an extended CONNECT", fields: set(":method", "CONNECT") + [(":protocol", "websocket")]),
        Try(what: "a length that is none", fields: with { $0.append(("content-length", "1x")) }, ends: false),
        Try(what: "a length with a sign", fields: with { $0.append(("content-length", "+1")) }, ends: false),
        Try(
            what: "two lengths",
            fields: with { $0 += [("content-length", "1"), ("content-length", "2")] }, ends: false),
        Try(what: "a length and no body", fields: with { $0.append(("content-length", "5")) }),
    ]

    @Test("a request that is none is refused, nothing of it reaches an endpoint, and the connection goes on")
    func refusesMalformed() async throws {
        try await HTTP2RelayTests.with { proxy, endpoint, certificates in
            for attempt in Self.malformed {
                let client = try await HTTP2Wire.open(certificates, port: proxy.port)
                try await client.request(1, attempt.fields, ends: attempt.ends)
                let answer = try await client.answer(1)
                let isRefused = answer.status == "400" || (answer.status == nil && answer.reset == 1)
                #expect(
                    isRefused || answer.goAway != nil,
                    "\(attempt.what): \(answer.status ?? "") \(answer.reset ?? 0)")
                #expect(endpoint.count == 0, "\(attempt.what)")
                // What is no list of fields at all says nothing of the lists that follow it.
                #expect((answer.goAway != nil) == (attempt.what == "an empty name"), "\(attempt.what)")
                guard answer.goAway == nil else { continue }
                try await client.send(HTTP2Wire.Kind.ping, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
                #expect(try await client.frame(HTTP2Wire.Kind.ping).payload == [1, 2, 3, 4, 5, 6, 7, 8])
            }
        }
    }

    @Test("CONNECT is not for this proxy")
    func refusesConnect() async throws {
        try await HTTP2RelayTests.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, [(":method", "CONNECT"), (":authority", "example.org:443")], ends: false)
            #expect(try await client.answer(1).status == "405")
            #expect(endpoint.count == 0)
        }
    }

    @Test("a body that is not as long as was said is no request, and one beyond the limit is refused")
    func refusesBodies() async throws {
        try await HTTP2RelayTests.with(limits: ProxyLimits(bodyBytes: 10)) { proxy, endpoint, certificates in
            let short = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await short.request(1, HTTP2Wire.usual("POST") + [("content-length", "5")], ends: false)
            try await short.send(HTTP2Wire.Kind.data, 1, 1, Array("abc".utf8))
            #expect(try await short.answer(1).reset == 1)
            let said = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await said.request(1, HTTP2Wire.usual("POST") + [("content-length", "11")], ends: false)
            #expect(try await said.answer(1).status == "413")
            let unsaid = try await HTTP2Wire.open(certificates, port: proxy.port)
            let before = endpoint.count
            try await unsaid.request(1, HTTP2Wire.usual("POST"), ends: false)
            _ = try await endpoint.connection(before).receiveText(through: "\r\n\r\n")
            try await unsaid.send(HTTP2Wire.Kind.data, 0, 1, Array("abcdefghijk".utf8))
            #expect(try await unsaid.answer(1).status == "413")
            let trailing = try await HTTP2Wire.open(certificates, port: proxy.port)
            let count = endpoint.count
            try await trailing.request(1, HTTP2Wire.usual("POST"), ends: false)
            _ = try await endpoint.connection(count).receiveText(through: "\r\n\r\n")
            try await trailing.send(HTTP2Wire.Kind.headers, 5, 1, HTTP2Wire.block([("authorization", "me")]))
            #expect(try await trailing.answer(1).status == "400")
        }
    }

    @Test("a head that is too large is refused, and so are fields that never end")
    func refusesLargeHeads() async throws {
        let limits = ProxyLimits(requestLineBytes: 1_024, headBytes: 2_048, headFields: 16)
        try await HTTP2RelayTests.with(limits: limits) { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("GET", "/" + String(repeating: "a", count: 1_100)))
            #expect(try await client.answer(1).status == "414")
            let large = String(repeating: "a", count: 2_100)
            try await client.request(3, HTTP2Wire.usual() + [("x-large", large)])
            #expect(try await client.answer(3).status == "431")
            try await client.request(5, HTTP2Wire.usual() + (0..<20).map { ("x-\($0)", "a") })
            #expect(try await client.answer(5).status == "431")

            let more = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await more.send(
                HTTP2Wire.Kind.headers, 4, 1,
                HTTP2Wire.block(HTTP2Wire.usual() + (0..<10).map { ("x-\($0)", large) }))
            #expect(try await more.frame(HTTP2Wire.Kind.goAway).errorCode != 0)
            try await more.connection.waitForEnd()

            let endless = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await endless.send(HTTP2Wire.Kind.headers, 0, 1, HTTP2Wire.block(HTTP2Wire.usual()))
            for _ in 0..<8 { try? await endless.send(HTTP2Wire.Kind.continuation, 0, 1, []) }
            #expect(try await endless.frame(HTTP2Wire.Kind.goAway).errorCode == 11)
            try await endless.connection.waitForEnd()
            #expect(endpoint.count == 0)
            try await eventually("no connection left") {
                await proxy.server.statistics().traffic.activeConnections == 1
            }
        }
    }

    @Test("who begins streams only to give them up, or asks for answers without an end, loses the connection")
    func refusesFloods() async throws {
        try await HTTP2RelayTests.with { proxy, _, certificates in
            let rapid = try await HTTP2Wire.open(certificates, port: proxy.port)
            var bytes: [UInt8] = []
            for number in 0..<250 {
                let stream = 1 + 2 * number
                bytes += HTTP2Wire.frame(HTTP2Wire.Kind.headers, 5, stream, HTTP2Wire.block(HTTP2Wire.usual()))
                bytes += HTTP2Wire.frame(HTTP2Wire.Kind.reset, 0, stream, [0, 0, 0, 8])
            }
            try? await rapid.connection.send(bytes)
            #expect(try await rapid.frame(HTTP2Wire.Kind.goAway).errorCode == 11)
            try await rapid.connection.waitForEnd()

            let pings = try await HTTP2Wire.open(certificates, port: proxy.port)
            let ping = HTTP2Wire.frame(HTTP2Wire.Kind.ping, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])
            try? await pings.connection.send(Array((0..<300).map { _ in ping }.joined()))
            #expect(try await pings.frame(HTTP2Wire.Kind.goAway).errorCode == 11)
            try await pings.connection.waitForEnd()

            let settings = try await HTTP2Wire.open(certificates, port: proxy.port)
            let frame = HTTP2Wire.frame(HTTP2Wire.Kind.settings, 0, 0, [])
            try? await settings.connection.send(Array((0..<300).map { _ in frame }.joined()))
            #expect(try await settings.frame(HTTP2Wire.Kind.goAway).errorCode == 11)
            try await settings.connection.waitForEnd()
            try await eventually("no connection left") {
                let traffic = await proxy.server.statistics().traffic
                return traffic.activeConnections == 0 && traffic.activeRequests == 0
            }
        }
    }

    @Test("a client is told how many streams it may have, and loses the connection beyond")
    func boundsStreams() async throws {
        try await HTTP2RelayTests.with(limits: ProxyLimits(streams: 3)) { proxy, _, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            let settings = try await client.frame(HTTP2Wire.Kind.settings)
            #expect(settings.payload.firstRange(of: [0, 3, 0, 0, 0, 3]) != nil)
            // Nothing says that an extended CONNECT is possible.
            #expect(settings.payload.firstRange(of: [0, 8, 0, 0, 0, 1]) == nil)
            try await client.send(HTTP2Wire.Kind.settings, 1, 0)
            for number in 0..<4 { try await client.request(1 + 2 * number, HTTP2Wire.usual()) }
            #expect(try await client.frame(HTTP2Wire.Kind.goAway).errorCode == 1)
            try await client.connection.waitForEnd()
        }
    }

    @Test("a connection without a stream is closed in time, with a goodbye, and so is one that never speaks HTTP/2")
    func closesIdle() async throws {
        try await HTTP2RelayTests.with(timeouts: ProxyTimeouts(keepAlive: .milliseconds(100))) {
            proxy, endpoint, certificates in
            let idle = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await idle.request(1, HTTP2Wire.usual())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(HTTPRelayTests.answer("one"))
            #expect(try await idle.answer(1).text == "one")
            #expect(try await idle.frame(HTTP2Wire.Kind.goAway).errorCode == 0)
        }
        try await HTTP2RelayTests.with(timeouts: ProxyTimeouts(requestHead: .milliseconds(500))) {
            proxy, endpoint, certificates in
            let silent = try await HTTP2Wire.open(certificates, port: proxy.port)
            #expect(try await silent.frame(HTTP2Wire.Kind.goAway).errorCode == 0)
            let wrong = try await TestConnection.open(
                port: proxy.port, tls: certificates.client(protocols: ["h2"]))
            try await wrong.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
            try await wrong.waitForEnd()
        }
    }

    @Test("a body that stops costs its own stream only, and a client that takes nothing loses its stream")
    func slowStreams() async throws {
        let timeouts = ProxyTimeouts(clientIdle: .milliseconds(200))
        try await HTTP2RelayTests.with(timeouts: timeouts) { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("POST"), ends: false)
            let first = try await endpoint.connection()
            _ = try await first.receiveText(through: "\r\n\r\n")
            let late = try await client.answer(1)
            #expect(late.status == "408")

            try await client.request(3, HTTP2Wire.usual())
            let second = try await endpoint.connection(1)
            _ = try await second.receiveText(through: "\r\n\r\n")
            second.sendLater(Array("HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n".utf8))
            second.sendLater([UInt8](repeating: 7, count: 4_000_000))
            let answer = try await client.answer(3)
            // The window of the whole connection.
            #expect(late.body.count + answer.body.count == 65_535)
            #expect(answer.reset == 2)
            try await second.waitForEnd()
        }
    }

    @Test("a proxy that ends says goodbye, and streams that are under way end as they should")
    func drains() async throws {
        try await HTTP2RelayTests.with(drain: .seconds(30)) { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            let idle = try await HTTP2Wire.open(certificates, port: proxy.port)
            _ = try await idle.frame(HTTP2Wire.Kind.settings)
            proxy.server.shutDown()
            for client in [client, idle] {
                let goAway = try await client.frame(HTTP2Wire.Kind.goAway)
                #expect(goAway.errorCode == 0)
                let ping = try await client.frame(HTTP2Wire.Kind.ping)
                try await client.send(HTTP2Wire.Kind.ping, 1, 0, ping.payload)
            }
            try await idle.connection.waitForEnd()
            #expect(try await client.frame(HTTP2Wire.Kind.goAway).payload.prefix(4) == [0, 0, 0, 1])
            try await server.send(HTTPRelayTests.answer("the last"))
            #expect(try await client.answer(1).text == "the last")
            try await client.connection.waitForEnd()
        }
    }
}
