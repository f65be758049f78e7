import ColonyProxy
import NIOCore
import NIOHPACK
import Testing

@Suite("HTTP/2 with clients", .timeLimit(.minutes(3)), .enabled(if: TestCertificates.isAvailable))
struct HTTP2RelayTests {
    /// Runs `body` with a proxy that speaks HTTP/2 in front of an endpoint of the test's.
    static func with(
        timeouts: ProxyTimeouts = ProxyTimeouts(), limits: ProxyLimits = ProxyLimits(),
        forwarding: ForwardingOptions = ForwardingOptions(), drain: Duration = .zero, accessLog: AccessLog? = nil,
        reads: Bool = true,
        _ body: (RunningProxy, TestServer, TestCertificates) async throws -> Void
    ) async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await TestServer.start(reads: reads)
        try await withProxy(
            to: [endpoint.port], timeouts: timeouts, limits: limits, forwarding: forwarding,
            tls: ProxyTLS([files.forProxy]), drain: drain, accessLog: accessLog, mode: .http
        ) { proxy in try await body(proxy, endpoint, certificates) }
    }

    @Test("fields go both ways: cookies become one, names are in small letters, those of a connection stay there")
    func translatesFields() async throws {
        try await Self.with(forwarding: ForwardingOptions(via: "colony")) { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(
                1,
                HTTP2Wire.usual("GET", "/a?b=c") + [
                    ("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers"),
                    ("x-forwarded-for", "9.9.9.9"),
                ])
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.hasPrefix("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n"))
            #expect(head.contains("\r\nx-one: 1\r\ncookie: a=1; b=2\r\n"))
            #expect(head.contains("\r\nTE: trailers\r\n"))
            #expect(head.contains("\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"))
            #expect(!head.contains("9.9.9.9"))
            try await server.send(
                HTTPRelayTests.answer(
                    "body",
                    fields: "X-Name: Value\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive, X-Own\r\nX-Own: 1\r\n"
                        + "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nVia: 1.0 other\r\n"))
            let answer = try await client.answer(1)
            #expect(answer.text == "body")
            let fields = try #require(answer.heads.first)
            #expect(fields.first(name: ":status") == "200")
            #expect(fields["content-length"] == ["4"])
            #expect(fields["x-name"] == ["Value"])
            #expect(fields["set-cookie"] == ["a=1", "b=2"])
            #expect(fields["via"] == ["1.0 other, 1.1 colony"])
            #expect(!fields.contains(name: "connection") && !fields.contains(name: "keep-alive"))
            #expect(!fields.contains(name: "x-own"))
        }
    }

    @Test(
        "a body with a length is passed on with it, one without in chunks, and a short one that has come whole with one"
    )
    func passesBodies() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("POST") + [("content-length", "6")], ends: false)
            let server = try await endpoint.connection()
            #expect(try await server.receiveText(through: "\r\n\r\n").contains("\r\ncontent-length: 6\r\n"))
            try await client.send(HTTP2Wire.Kind.data, 0, 1, Array("abc".utf8))
            #expect(try await server.receiveText(3) == "abc")
            try await client.send(HTTP2Wire.Kind.data, 1, 1, Array("def".utf8))
            #expect(try await server.receiveText(3) == "def")
            try await server.send(HTTPRelayTests.answer("one"))
            #expect(try await client.answer(1).text == "one")

            try await client.request(3, HTTP2Wire.usual("POST"), ends: false)
            #expect(try await server.receiveText(through: "\r\n\r\n").contains("\r\nTransfer-Encoding: chunked\r\n"))
            try await client.send(HTTP2Wire.Kind.data, 0, 3, Array("abc".utf8))
            #expect(try await server.receiveText(through: "abc\r\n") == "3\r\nabc\r\n")
            try await client.send(HTTP2Wire.Kind.headers, 5, 3, HTTP2Wire.block([("x-sum", "1")]))
            #expect(try await server.receiveText(through: "\r\n\r\n") == "0\r\nx-sum: 1\r\n\r\n")
            try await server.send(HTTPRelayTests.answer("two"))
            #expect(try await client.answer(3).text == "two")

            try await client.connection.send(
                HTTP2Wire.frame(HTTP2Wire.Kind.headers, 4, 5, HTTP2Wire.block(HTTP2Wire.usual("POST")))
                    + HTTP2Wire.frame(HTTP2Wire.Kind.data, 1, 5, Array("abc".utf8)))
            #expect(try await server.receiveText(through: "\r\n\r\n").contains("\r\ncontent-length: 3\r\n"))
            #expect(try await server.receiveText(3) == "abc")
            try await server.send(HTTPRelayTests.answer("three"))
            #expect(try await client.answer(5).text == "three")
            #expect(endpoint.count == 1)
        }
    }

    @Test("chunks are taken off an answer, and its trailers come as such; without a length it ends with the connection")
    func passesTrailers() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nab")
            try await server.send("c\r\n2;x=y\r\nde\r\n0\r\nX-Sum:  1 2 \r\nX-T")
            try await server.send("wo: b\r\n\r\n")
            let answer = try await client.answer(1)
            #expect(answer.text == "abcde")
            #expect(answer.heads.count == 2)
            #expect(answer.heads.last?["x-sum"] == ["1 2"])
            #expect(answer.heads.last?["x-two"] == ["b"])

            try await client.request(3, HTTP2Wire.usual())
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            let empty = try await client.answer(3)
            #expect(empty.text.isEmpty && empty.heads.count == 1 && empty.reset == nil)

            try await client.request(5, HTTP2Wire.usual())
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\n\r\nto the end")
            try await server.endOutput()
            let last = try await client.answer(5)
            #expect(last.text == "to the end" && last.reset == nil)
        }
    }

    @Test("HEAD, 204, and 304 have no body, and an answer before the last one is passed on")
    func answersWithoutBody() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("HEAD"))
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            let head = try await client.answer(1)
            #expect(head.body.isEmpty && head.heads.first?["content-length"] == ["100"] && head.reset == nil)

            try await client.request(3, HTTP2Wire.usual())
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
            let hinted = try await client.answer(3)
            #expect(hinted.heads.map { $0.first(name: ":status") } == ["103", "204"])
            #expect(hinted.heads.first?["link"] == ["</a>"])

            try await client.request(
                5, HTTP2Wire.usual("POST") + [("content-length", "3"), ("expect", "100-continue")], ends: false)
            #expect(try await server.receiveText(through: "\r\n\r\n").contains("\r\nexpect: 100-continue\r\n"))
            try await server.send("HTTP/1.1 100 Continue\r\n\r\n")
            #expect(try await client.frame(HTTP2Wire.Kind.headers).stream == 5)
            try await client.send(HTTP2Wire.Kind.data, 1, 5, Array("abc".utf8))
            #expect(try await server.receiveText(3) == "abc")
        }
    }

    @Test("streams are answered as their answers come, each over its own connection to the endpoint")
    func multiplexes() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("GET", "/first"))
            let first = try await endpoint.connection(0)
            _ = try await first.receiveText(through: "\r\n\r\n")
            try await client.request(3, HTTP2Wire.usual("GET", "/second"))
            let second = try await endpoint.connection(1)
            #expect(try await second.receiveText(through: "\r\n\r\n").hasPrefix("GET /second "))
            try await second.send(HTTPRelayTests.answer("second"))
            #expect(try await client.answer(3).text == "second")
            try await first.send(HTTPRelayTests.answer("first"))
            #expect(try await client.answer(1).text == "first")
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.requests == 2)
            #expect(statistics.traffic.connections == 1)
            #expect(statistics.traffic.answers.successful == 2)
        }
    }

    @Test("an answer that breaks off is reset, and one from nobody is a problem document; the connection goes on")
    func brokenAnswers() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            for (number, head) in ["Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n"].enumerated() {
                let stream = 1 + 2 * number
                try await client.request(stream, HTTP2Wire.usual())
                let server = try await endpoint.connection(number)
                _ = try await server.receiveText(through: "\r\n\r\n")
                try await server.send("HTTP/1.1 200 OK\r\n\(head)\r\n5\r\nh")
                try await eventually("the half of it") {
                    await proxy.server.statistics().endpoints.reduce(0) { $0 + $1.bytesFrom } > 40 * (number + 1)
                }
                try await server.reset()
                let answer = try await client.answer(stream)
                #expect(answer.status == "200")
                #expect(answer.reset == 2)
            }
            await endpoint.stop()
            try await client.request(5, HTTP2Wire.usual("POST"))
            let failed = try await client.answer(5)
            #expect(failed.status == "502")
            #expect(failed.text.contains("\"status\":502"))
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.brokenAnswers == 2)
            #expect(statistics.traffic.ownAnswers == 1)
            #expect(statistics.traffic.activeRequests == 0)
        }
    }

    @Test("a client that gives a stream up costs the endpoint no more work, and the others go on")
    func abandonedStream() async throws {
        let (log, entries) = AccessLog.stream()
        try await Self.with(accessLog: log) { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("GET", "/given-up"))
            let first = try await endpoint.connection(0)
            _ = try await first.receiveText(through: "\r\n\r\n")
            try await client.send(HTTP2Wire.Kind.reset, 0, 1, [0, 0, 0, 8])
            try await first.waitForEnd()
            try await client.request(3, HTTP2Wire.usual("GET", "/kept"))
            let second = try await endpoint.connection(1)
            _ = try await second.receiveText(through: "\r\n\r\n")
            try await second.send(HTTPRelayTests.answer("kept"))
            #expect(try await client.answer(3).text == "kept")
            #expect(await proxy.server.statistics().traffic.abandonedRequests == 1)
            var lines = entries.makeAsyncIterator()
            let given = await lines.next()
            #expect(given?.target == "/given-up" && given?.isComplete == false && given?.status == 0)
            let kept = await lines.next()
            #expect(kept?.target == "/kept" && kept?.isComplete == true && kept?.status == 200 && kept?.method == "GET")
        }
    }

    @Test("streams that are given up in the same breath cost the endpoint nothing")
    func rapidReset() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            var bytes: [UInt8] = []
            for number in 0..<100 {
                let stream = 1 + 2 * number
                bytes += HTTP2Wire.frame(HTTP2Wire.Kind.headers, 5, stream, HTTP2Wire.block(HTTP2Wire.usual()))
                bytes += HTTP2Wire.frame(HTTP2Wire.Kind.reset, 0, stream, [0, 0, 0, 8])
            }
            // No more than one record of TLS, which is read in one round.
            #expect(bytes.count < 16_384)
            try await client.connection.send(bytes)
            try await client.send(HTTP2Wire.Kind.ping, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])
            _ = try await client.frame(HTTP2Wire.Kind.ping)
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.activeRequests == 0)
            // The record may come in two parts.
            #expect(statistics.traffic.requests <= 2)
            #expect(endpoint.count <= 2)
        }
    }

    @Test("an answer before the request has ended is whole, and the rest of the request is not wanted")
    func earlyAnswer() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual("POST") + [("content-length", "1000")], ends: false)
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(HTTPRelayTests.answer("no"))
            #expect(try await client.answer(1).text == "no")
            let reset = try await client.frame(HTTP2Wire.Kind.reset)
            #expect(reset.stream == 1 && reset.errorCode == 0)
        }
    }

    @Test("neither side is read faster than the other one takes it")
    func keepsPace() async throws {
        try await Self.with(reads: false) { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            // An upload to an endpoint that reads nothing: the window is not opened again.
            try await client.request(1, HTTP2Wire.usual("POST"), ends: false)
            let server = try await endpoint.connection()
            let part = [UInt8](repeating: 1, count: 16_000)
            var windows = 0
            for _ in 0..<4 { try await client.send(HTTP2Wire.Kind.data, 0, 1, part) }
            var sent = 64_000
            while try await holds(withinLooks: 300, { client.connection.inbox.contents.bytes.count >= 13 }) {
                let frame = try await client.frame()
                guard frame.type == HTTP2Wire.Kind.windowUpdate, frame.stream == 1 else { continue }
                windows += frame.errorCode
                while sent + part.count <= 65_535 + windows {
                    try await client.send(HTTP2Wire.Kind.data, 0, 1, part)
                    sent += part.count
                }
                try #require(sent < 64 << 20, "the proxy takes all that comes")
            }
            try await server.startReading()
            try await eventually("all of it") { server.inbox.contents.count >= sent }
        }
    }

    @Test("a large answer waits for the windows of the client, and comes whole")
    func largeAnswer() async throws {
        try await Self.with { proxy, endpoint, certificates in
            let client = try await HTTP2Wire.open(certificates, port: proxy.port)
            try await client.request(1, HTTP2Wire.usual())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            let size = 3 << 20
            server.sendLater(Array("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n".utf8))
            server.sendLater([UInt8](repeating: 7, count: size))
            var received = 0
            _ = try await client.frame(HTTP2Wire.Kind.headers)
            while received < 65_535 { received += try await client.frame(HTTP2Wire.Kind.data).payload.count }
            #expect(received == 65_535)
            // What the proxy has read of it is bounded.
            let read = await proxy.server.statistics().endpoints.first?.bytesFrom ?? 0
            #expect(read < 2 << 20)
            let open = HTTP2Wire.frame(HTTP2Wire.Kind.windowUpdate, 0, 0, [0, 0x7F, 0, 0])
            let openStream = HTTP2Wire.frame(HTTP2Wire.Kind.windowUpdate, 0, 1, [0, 0x7F, 0, 0])
            try await client.connection.send(open + openStream)
            while received < size { received += try await client.frame(HTTP2Wire.Kind.data).payload.count }
            #expect(received == size)
        }
    }
}
